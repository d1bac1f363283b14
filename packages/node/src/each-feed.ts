import type { Services } from '@dunbar/api'
import { type FeedId, isCodedError } from '@dunbar/core'
import { FeedClient } from '@dunbar/feed'

/** Feeds that one shard works on at once: the next one's file is read while signatures are checked. */
const FEEDS_AT_ONCE = 2

/** What asking one feed gave, and how many of all have answered. */
export interface FeedOutcome<Result> {
  readonly id: FeedId
  readonly result: Result | FeedFailure
  readonly done: number
  readonly total: number
}

/** A feed that could not do what it was asked, such as one that is quarantined; the code says why. */
export interface FeedFailure {
  readonly failure: string
}

/** All feeds that are held, those of different shards by turns, so that all shards work. */
export async function allFeeds({ shards }: Services): Promise<FeedId[]> {
  const parts = await Promise.all(shards.map((shard) => shard.feeds()))
  return interleave(parts.map((part) => part.map(({ id }) => id)))
}

/** Asks feeds, a few at once, and gives the answers as they come. One that fails does not end the work on the others. */
export async function* eachFeed<Result>(
  services: Services,
  ids: readonly FeedId[],
  ask: (feed: FeedClient) => Promise<Result>,
): AsyncGenerator<FeedOutcome<Result>> {
  const underWay = new Map<FeedId, Promise<{ id: FeedId; result: Result | FeedFailure }>>()
  let next = 0
  let done = 0
  while (next < ids.length || underWay.size > 0) {
    while (next < ids.length && underWay.size < FEEDS_AT_ONCE * services.shards.length) {
      const id = ids[next]!
      next += 1
      underWay.set(
        id,
        ask(new FeedClient(services.router, id))
          .catch(failureOf)
          .then((result) => ({ id, result })),
      )
    }
    const { id, result } = await Promise.race(underWay.values())
    underWay.delete(id)
    done += 1
    yield { id, result, done, total: ids.length }
  }
}

function failureOf(error: unknown): FeedFailure {
  if (isCodedError(error)) return { failure: error.code }
  throw error
}

/** One of each list in turn. */
function interleave<Item>(lists: readonly (readonly Item[])[]): Item[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, index) => index).flatMap((index) =>
    lists.filter((list) => index < list.length).map((list) => list[index]!),
  )
}
