import type { Services } from '@dunbar/api'
import { CodedError, type FeedId, isFeedId } from '@dunbar/core'
import type { FeedClient, RelaidFeed } from '@dunbar/feed'
import { allFeeds, eachFeed } from './each-feed.js'

/** Which feeds are packed, or taken out of their blocks. */
export interface ArchiveOptions {
  /** Default: all. */
  readonly feed?: FeedId
}

/** What packing feeds, or taking them out of their blocks, came to. */
export interface ArchiveResult {
  /** Feeds that changed. */
  readonly feeds: number
  /** Messages that went into blocks, or came out of them. */
  readonly messages: number
  /** On the disk, of all feeds that were looked at: logs and blocks. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Feeds that are as they were, and why. */
  readonly failed: readonly { readonly feed: FeedId; readonly reason: string }[]
  readonly seconds: number
}

/** @throws {BAD_ARGUMENT} */
export function archiveOptions(method: string, given: unknown): ArchiveOptions {
  const feed = (given as { feed?: unknown } | null | undefined)?.feed
  if (feed === undefined) return {}
  if (isFeedId(feed)) return { feed }
  throw new CodedError('BAD_ARGUMENT', `${method}: feed must be a feed id`, {})
}

/**
 * Packs the oldest messages of feeds into blocks: `{event: 'progress', …}` and at the end
 * `{event: 'done', result}`.
 * @throws {FEED_NOT_HELD}
 */
export const archiveFeeds = (services: Services, options: ArchiveOptions) =>
  relay(services, options, (feed) => feed.seal())

/** Takes all messages of feeds out of their blocks, in the same form. @throws {FEED_NOT_HELD} */
export const unarchiveFeeds = (services: Services, options: ArchiveOptions) =>
  relay(services, options, (feed) => feed.unseal())

async function* relay(
  services: Services,
  { feed }: ArchiveOptions,
  ask: (feed: FeedClient) => Promise<RelaidFeed>,
): AsyncGenerator<unknown> {
  const startedAt = performance.now()
  const sums = { feeds: 0, messages: 0, bytesBefore: 0, bytesAfter: 0 }
  const failed: { feed: FeedId; reason: string }[] = []
  const held = await allFeeds(services)
  if (feed !== undefined && !held.includes(feed)) {
    throw new CodedError('FEED_NOT_HELD', `this node holds no feed ${feed}`, { feed })
  }
  const ids = feed === undefined ? held : [feed]
  for await (const { id, result, done, total } of eachFeed(services, ids, ask)) {
    if ('failure' in result) failed.push({ feed: id, reason: result.failure })
    else {
      if (result.messages > 0) sums.feeds += 1
      sums.messages += result.messages
      sums.bytesBefore += result.bytesBefore
      sums.bytesAfter += result.bytesAfter
    }
    yield { event: 'progress', done, total, messages: sums.messages }
  }
  const seconds = Math.round(performance.now() - startedAt) / 1000
  yield { event: 'done', result: { ...sums, failed, seconds } satisfies ArchiveResult }
}
