import { CodedError, type FeedId, type MessageKey } from '@dunbar/core'
import {
  type TangleChunk,
  type TangleMessage,
  type TangleWanted,
  tangleMessages,
} from '@dunbar/feed'
import {
  connectedHeads,
  type FilteredThread,
  filterOrder,
  filterThread,
  type HiddenThread,
  heads,
  type ThreadFilter,
} from '@dunbar/tangle'
import { MessageBatch, type Method, type RawBatch } from '@dunbar/wire'
import { handled } from './merge.js'
import { asynchronous, source } from './method.js'
import { booleanOption, keyArgument, limitOption, optionsOf, stringOption } from './options.js'
import { openedMessage } from './private-messages.js'
import { type Services, shardOfFeed } from './services.js'

/**
 * Threads and other tangles: one scatter for the messages that name a root, one gather, one causal
 * sort. Blocked authors are those that the own feed blocks.
 */
export function tangleMethods(services: Services): Method[] {
  return [
    source('tangle.read', (args, { signal }) => readTangle(services, readOptions(args), signal)),
    asynchronous('tangle.heads', (args) =>
      tangleHeads(services, headOptions('tangle.heads', args)),
    ),
    /** What a reply names in `branch`. */
    asynchronous('tangle.branch', async (args) => {
      const found = await gather(services, headOptions('tangle.branch', args))
      return heads(found.root, found.rows)
    }),
  ]
}

/** Bytes collected before they are sent: the client reads one batch while the next is made. */
const BATCH_BYTES = 64 * 1024

interface Wanted {
  readonly root: MessageKey
  /** Name of a v2 tangle; undefined for threads. */
  readonly name: string | undefined
  /** The private thread of this root instead of the public one. */
  readonly private: boolean
}

interface ReadOptions extends Wanted {
  readonly live: boolean
  readonly old: boolean
  readonly limit: number
  readonly keys: boolean
  readonly values: boolean
  readonly sync: boolean
  readonly meta: boolean
}

function readOptions(args: readonly unknown[]): ReadOptions {
  const method = 'tangle.read'
  const given = typeof args[0] === 'string' ? { root: args[0] } : optionsOf(method, args)
  return {
    root: keyArgument(method, 'root', given.root),
    name: stringOption(method, given, 'name') || undefined,
    private: booleanOption(method, given, 'private', false),
    live: booleanOption(method, given, 'live', false),
    old: booleanOption(method, given, 'old', true),
    limit: limitOption(method, given),
    keys: booleanOption(method, given, 'keys', true),
    values: booleanOption(method, given, 'values', true),
    sync: booleanOption(method, given, 'sync', true),
    meta: booleanOption(method, given, 'meta', false),
  }
}

function headOptions(
  method: string,
  args: readonly unknown[],
): Wanted & { readonly meta: boolean } {
  const given = typeof args[0] === 'string' ? { root: args[0] } : optionsOf(method, args)
  return {
    root: keyArgument(method, 'root', given.root ?? given.id),
    name: stringOption(method, given, 'name') || undefined,
    private: booleanOption(method, given, 'private', false),
    meta: booleanOption(method, given, 'meta', false),
  }
}

/** The messages of all shards. */
interface Gathered {
  readonly root: MessageKey
  readonly rows: TangleMessage[]
  readonly filter: ThreadFilter
}

const wantedOf = ({ root, name, private: isPrivate }: Wanted): TangleWanted => ({
  root,
  private: isPrivate,
  ...(name === undefined ? {} : { name }),
})

async function gather(services: Services, asked: Wanted, signal?: AbortSignal): Promise<Gathered> {
  const rows: TangleMessage[] = []
  const options = signal === undefined ? {} : { signal }
  const [blocked] = await Promise.all([
    blockedBySelf(services),
    ...services.shards.map(async (shard) => {
      for await (const chunk of shard.tangle(wantedOf(asked), options)) {
        rows.push(...tangleMessages(chunk))
      }
    }),
  ])
  return { root: asked.root, rows, filter: { blocked, private: asked.private } }
}

/** Authors that the own feed blocks. */
async function blockedBySelf(services: Services): Promise<ReadonlySet<FeedId>> {
  const contacts = await shardOfFeed(services, services.id).contacts([services.id])
  return new Set(contacts.filter(({ state }) => state === -1).map(({ dest }) => dest))
}

/** @throws {AUTHOR_BLOCKED} the root is by a blocked author @throws {NOT_FOUND} */
function shownThread(found: Gathered): Extract<FilteredThread, { isShown: true }>['thread'] {
  const filtered = filterThread(found.root, found.rows, found.filter)
  if (filtered.isShown) return filtered.thread
  throw hiddenError(found, filtered)
}

/** @throws as `shownThread` */
function shownOrder(found: Gathered): readonly number[] {
  const filtered = filterOrder(found.root, found.rows, found.filter)
  if (filtered.isShown) return filtered.order
  throw hiddenError(found, filtered)
}

function hiddenError({ root }: Gathered, hidden: HiddenThread): CodedError {
  return hidden.reason === 'AUTHOR_BLOCKED'
    ? new CodedError('AUTHOR_BLOCKED', hidden.text, { author: hidden.author })
    : new CodedError('NOT_FOUND', 'the root is a private message', { root })
}

async function tangleHeads(
  services: Services,
  wanted: Wanted & { readonly meta: boolean },
): Promise<unknown> {
  const found = await gather(services, wanted)
  const newest =
    wanted.name === undefined
      ? heads(found.root, found.rows)
      : connectedHeads(found.root, found.rows)
  if (!wanted.meta) return newest
  const { missing, forks, isRootHeld, order } = shownThread(found)
  return { heads: newest, missing, forks, isRootHeld, messages: order.length }
}

async function* readTangle(
  services: Services,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<RawBatch | { sync: true }> {
  const name = cacheName(options)
  const kept = name === null ? null : services.threads.read(name)
  if (kept !== null) {
    yield* kept
    return
  }
  const counts = services.threads.begin()
  const sent: RawBatch[] = []
  let sentBytes = 0
  const live = options.live
    ? services.shards.map((shard) => shard.tangleLive(wantedOf(options), { signal }))
    : []
  const news = live.map((stream) => ({ stream, next: handled(stream.next()) }))
  try {
    const seen = new Set<MessageKey>()
    let left = options.limit
    const found = await gather(services, options, signal)
    const thread = options.meta ? shownThread(found) : null
    const order = thread?.order ?? shownOrder(found)
    const flags = thread === null ? null : flagsOf(thread)
    const writer = new MessageBatch(options)
    const finish = (): RawBatch => {
      sentBytes += writer.sizeBytes
      const batch = writer.finish()
      if (name !== null) sent.push(batch)
      return batch
    }
    if (!options.old) for (const { key } of found.rows) seen.add(key)
    else {
      for (const index of order) {
        if (left <= 0) break
        if (options.live) seen.add(found.rows[index]!.key)
        write(services, writer, found.rows, index, flags)
        left -= 1
        if (writer.sizeBytes >= BATCH_BYTES) yield finish()
      }
    }
    if (writer.count > 0) yield finish()
    if (name !== null) services.threads.keep(name, counts, sent, sentBytes)
    if (!options.live || left <= 0) return
    if (options.sync && options.old) yield { sync: true }
    const waiting = new Map(news.map((lane) => [lane, settle(lane)]))
    while (waiting.size > 0) {
      const { lane, result } = await Promise.race(waiting.values())
      if (result.done) {
        waiting.delete(lane)
        continue
      }
      const rows = tangleMessages(result.value)
      lane.next = handled(lane.stream.next())
      waiting.set(lane, settle(lane))
      const blocked = await blockedBySelf(services)
      for (const [index, row] of rows.entries()) {
        if (
          left <= 0 ||
          row.isPrivate !== options.private ||
          seen.has(row.key) ||
          blocked.has(row.author)
        )
          continue
        seen.add(row.key)
        write(services, writer, rows, index, null)
        left -= 1
      }
      if (writer.count > 0) yield writer.finish()
      if (left <= 0) return
    }
  } finally {
    await Promise.all(live.map((stream) => stream.return?.()))
  }
}

/** Null for what is not kept: streams that go on, parts, and what the own key opens. */
function cacheName(options: ReadOptions): string | null {
  const { root, name = '', live, old, private: isPrivate, limit, keys, values, meta } = options
  if (live || !old || isPrivate || Number.isFinite(limit)) return null
  return `${root} ${keys} ${values} ${meta} ${name}`
}

const settle = <Lane extends { readonly next: Promise<IteratorResult<TangleChunk>> }>(lane: Lane) =>
  handled(lane.next.then((result) => ({ lane, result })))

/** What `meta: true` tells of each message beside it. */
interface Flags {
  readonly missing: ReadonlySet<MessageKey>
  readonly heads: ReadonlySet<MessageKey>
  readonly disconnected: ReadonlySet<number>
  readonly cyclic: ReadonlySet<number>
}

function flagsOf(thread: Extract<FilteredThread, { isShown: true }>['thread']): Flags {
  return {
    missing: new Set(thread.missing),
    heads: new Set(thread.heads),
    disconnected: new Set(thread.disconnected),
    cyclic: new Set(thread.cyclic),
  }
}

function write(
  services: Services,
  writer: MessageBatch,
  rows: readonly TangleMessage[],
  index: number,
  flags: Flags | null,
): void {
  const row = rows[index]!
  const opened = row.isPrivate ? openedMessage(services, row) : null
  if (opened !== null) {
    writer.pushJson(opened)
    return
  }
  if (flags === null) {
    writer.push(row)
    return
  }
  const tangle = {
    root: row.root,
    fork: row.fork,
    branch: row.branch,
    missing: row.branch.filter((key) => flags.missing.has(key)),
    isHead: flags.heads.has(row.key),
    isDisconnected: flags.disconnected.has(index),
    isCyclic: flags.cyclic.has(index),
  }
  writer.push(row, JSON.stringify({ tangle }))
}
