import type { Services } from '@dunbar/api'
import { CodedError, type FeedId } from '@dunbar/core'
import type { RebuildChunk } from '@dunbar/feed'
import type { Method } from '@dunbar/wire'
import { archiveFeeds, archiveOptions, unarchiveFeeds } from './archive-job.js'
import { allFeeds, eachFeed } from './each-feed.js'
import { importFrom } from './import-job.js'

/**
 * Long work on the node's own data. Each but `node.checkpoint`, which syncs all logs and writes the
 * derived state, is a source of `{event: 'progress', …}` and, at the end,
 * `{event: 'done', result}`.
 */

export interface VerifyResult {
  readonly messages: number
  readonly feeds: number
  readonly damaged: readonly {
    readonly feed: FeedId
    /** 0 for a feed that can't be read at all, or whose log is gone (`LOG_MISSING`). */
    readonly sequence: number
    readonly reason: string
  }[]
  /** Damaged messages beyond the 1,000 of each feed that are listed; left out where there are none. */
  readonly unlisted?: number
  readonly seconds: number
}

export interface RebuildResult {
  /** Feeds that were folded again, and messages of them. */
  readonly feeds: number
  readonly messages: number
  /** Feeds that could not be; `reason` is `LOG_MISSING` or the code of what the system said. */
  readonly failed: readonly { readonly feed: FeedId; readonly reason: string }[]
  readonly seconds: number
}

export function maintenanceMethods(services: Services): Method[] {
  return [
    {
      name: 'node.import',
      type: 'source',
      handler: (args, { signal }) => importFrom(fileOf(args[0]), services.shards, signal),
    },
    { name: 'node.verify', type: 'source', handler: () => verify(services) },
    { name: 'node.rebuild', type: 'source', handler: () => rebuild(services) },
    {
      name: 'node.archive',
      type: 'source',
      handler: (args) => archiveFeeds(services, archiveOptions('node.archive', args[0])),
    },
    {
      name: 'node.unarchive',
      type: 'source',
      handler: (args) => unarchiveFeeds(services, archiveOptions('node.unarchive', args[0])),
    },
    {
      name: 'node.checkpoint',
      type: 'async',
      handler: () =>
        Promise.all(services.shards.map((shard) => shard.checkpoint())).then(() => true),
    },
  ]
}

function fileOf(given: unknown): string {
  const file = typeof given === 'string' ? given : (given as { file?: unknown } | null)?.file
  if (typeof file !== 'string' || file === '') {
    throw new CodedError('BAD_ARGUMENT', 'node.import: file must be a path', {})
  }
  return file
}

/**
 * Every stored message, checked as if it came from a stranger, and every feed whose log went away
 * while the node did not run. Of those the derived state knows, and after a rebuild nobody: the node
 * does not tell a feed that it lost from one that it never had.
 */
async function* verify(services: Services): AsyncGenerator<unknown> {
  const startedAt = performance.now()
  const damaged: { feed: FeedId; sequence: number; reason: string }[] = []
  let messages = 0
  let feeds = 0
  let unlisted = 0
  const ids = await allFeeds(services)
  for await (const outcome of eachFeed(services, ids, (feed) => feed.verify())) {
    const { id, result, done, total } = outcome
    feeds += 1
    if ('failure' in result) {
      damaged.push({ feed: id, sequence: 0, reason: result.failure })
    } else {
      messages += result.messages
      unlisted += result.unlisted ?? 0
      for (const { sequence, reason } of result.damaged) {
        damaged.push({ feed: id, sequence, reason })
      }
    }
    yield { event: 'progress', done, total, messages }
  }
  for (const { missing } of await Promise.all(services.shards.map((shard) => shard.status()))) {
    for (const feed of missing) damaged.push({ feed, sequence: 0, reason: 'LOG_MISSING' })
  }
  const seconds = Math.round(performance.now() - startedAt) / 1000
  const more = unlisted === 0 ? {} : { unlisted }
  const result: VerifyResult = { messages, feeds, damaged, ...more, seconds }
  yield { event: 'done', result }
}

/** The derived state of all shards, thrown away and folded again from the logs. */
async function* rebuild(services: Services): AsyncGenerator<unknown> {
  const startedAt = performance.now()
  const parts: RebuildChunk[] = services.shards.map(() => NOTHING_REBUILT)
  const sum = (name: 'feeds' | 'totalFeeds' | 'messages') =>
    parts.reduce((total, part) => total + part[name], 0)
  for await (const { index, chunk } of eachChunk(services.shards.map((each) => each.rebuild()))) {
    parts[index] = chunk
    const [done, total, messages] = [sum('feeds'), sum('totalFeeds'), sum('messages')]
    yield { event: 'progress', done, total, messages }
  }
  await Promise.all(services.shards.map((shard) => shard.checkpoint()))
  const failed = parts.flatMap((part) => part.failed ?? [])
  const result: RebuildResult = {
    feeds: sum('feeds'),
    messages: sum('messages'),
    failed: failed.sort((left, right) => (left.feed < right.feed ? -1 : 1)),
    seconds: Math.round(performance.now() - startedAt) / 1000,
  }
  yield { event: 'done', result }
}

const NOTHING_REBUILT: RebuildChunk = { feeds: 0, totalFeeds: 0, messages: 0, failed: null }

/** Chunks of several streams as they come. Whoever leaves early ends all streams. */
async function* eachChunk<Chunk>(
  streams: readonly AsyncIterableIterator<Chunk>[],
): AsyncGenerator<{ readonly index: number; readonly chunk: Chunk }> {
  const next = async (index: number) => ({ index, item: await streams[index]!.next() })
  const waiting = new Map(streams.map((_, index) => [index, next(index)]))
  try {
    while (waiting.size > 0) {
      const { index, item } = await Promise.race(waiting.values())
      waiting.delete(index)
      if (item.done) continue
      waiting.set(index, next(index))
      yield { index, chunk: item.value }
    }
  } finally {
    for (const left of waiting.values()) left.catch(() => undefined)
    await Promise.allSettled(streams.map((stream) => stream.return?.()))
  }
}
