import { CodedError, type FeedId, isCodedError } from '@dunbar/core'
import type { FeedStatus } from '@dunbar/feed'
import type { Method } from '@dunbar/wire'
import { messageValue } from './message-json.js'
import { asynchronous, source } from './method.js'
import { feedArgument } from './options.js'
import { feedOf, type Services, shardOfFeed } from './services.js'

/** Names asked for in one call. */
const MAX_NAMES = 10_000

/** Which feeds are here, and how they are. */
export function feedMethods(services: Services): Method[] {
  return [
    source('feeds.list', () => listFeeds(services)),
    asynchronous('feeds.status', async (args) => {
      return statusOf(services, feedArgument('feeds.status', 'id', args[0] ?? services.id))
    }),
    /** `{ [id]: name }` for the feeds that gave themselves a name. */
    asynchronous('feeds.names', async (args) => {
      const given = Array.isArray(args[0]) ? args[0] : args
      if (given.length > MAX_NAMES) {
        throw new CodedError('BAD_ARGUMENT', `feeds.names: at most ${MAX_NAMES} ids`, {})
      }
      const ids = given.map((id) => feedArgument('feeds.names', 'id', id))
      return namesOf(services, ids)
    }),
    /** Both sides of a fork of this feed, as messages. */
    asynchronous('feeds.forks', async (args) => {
      const id = feedArgument('feeds.forks', 'id', args[0] ?? services.id)
      const forks = await feedOf(services, id).forks()
      return forks.map(({ sequence, kept, refused }) => ({
        sequence,
        kept: messageValue(kept),
        refused: messageValue(refused),
      }))
    }),
  ]
}

/** A feed whose actor is set aside can't answer; its shard still knows of it. */
async function statusOf(services: Services, id: FeedId): Promise<FeedStatus> {
  try {
    return await feedOf(services, id).status()
  } catch (error) {
    if (!isCodedError(error) || error.code !== 'ACTOR_QUARANTINED') throw error
    const feeds = await shardOfFeed(services, id).feeds()
    const found = feeds.find((feed) => feed.id === id)
    if (found === undefined) throw error
    return found
  }
}

async function* listFeeds(services: Services): AsyncGenerator<unknown> {
  const parts = await Promise.all(services.shards.map((shard) => shard.feeds()))
  const all = parts.flat().sort((a, b) => (a.id < b.id ? -1 : 1))
  yield* all
}

async function namesOf(services: Services, ids: readonly FeedId[]): Promise<unknown> {
  const names: Record<string, string> = {}
  const byShard = new Map<ReturnType<typeof shardOfFeed>, FeedId[]>()
  for (const id of ids) {
    const shard = shardOfFeed(services, id)
    const wanted = byShard.get(shard)
    if (wanted === undefined) byShard.set(shard, [id])
    else wanted.push(id)
  }
  const found = await Promise.all([...byShard].map(([shard, wanted]) => shard.names(wanted)))
  for (const { id, name } of found.flat()) names[id] = name
  return names
}
