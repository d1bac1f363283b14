import type { Answered, Behaviour, Context, Cursor, Effect, From } from '@dunbar/actor'
import { refuse, reply, replyLater } from '@dunbar/actor'
import { CodedError, type FeedId, feedIdFromBytes, feedIdToBytes, isCodedError } from '@dunbar/core'
import { statusOf } from './feed-status.js'
import { singleFrame } from './frame.js'
import { incomingByAuthor } from './ingest.js'
import { LinkCursor } from './link-cursor.js'
import type { ContactRow, FeedStatus, IngestResult, ShardCall, ShardStatus } from './protocol.js'
import { QueryCursor } from './query-cursor.js'
import { IngestTotals } from './rejection-tally.js'
import { feedActorName, type ShardHost } from './shard-host.js'
import { LiveTangleCursor, TangleReader } from './tangle-reader.js'

/**
 * The actor of one shard: what concerns all its feeds at once. It reads the shared tables and the
 * logs; whatever changes a feed goes on to that feed's actor.
 */

/** For one feed's part of a batch. */
const APPEND_DEADLINE_MS = 10 * 60_000

export interface ShardArg {
  readonly host: ShardHost
  /** Loads or folds the indexes; resolves `host.ready`. */
  open(context: Context): Promise<void>
}

export interface ShardActorState {
  readonly host: ShardHost
  readonly tangles: TangleReader
  /** Streams that may wait for news. */
  readonly live: Set<number>
}

/** Sent by `ShardHost.appended`. */
export interface ShardCast {
  readonly op: 'appended'
}

export const shardBehaviour: Behaviour<ShardActorState, ShardArg, ShardCall, ShardCast, Answered> =
  {
    async init({ host, open }, context) {
      await open(context)
      return { host, tangles: new TangleReader(host.store), live: new Set() }
    },

    handleCall(call, from, state, context) {
      try {
        return handle(call, from, state, context)
      } catch (error) {
        if (isCodedError(error)) return refuse(from, error)
        throw error
      }
    },

    handleCast(_cast, state) {
      return { wake: [...state.live] }
    },

    handleInfo(info) {
      return info.op === 'answered' ? info.effect : {}
    },

    openStream(call, streamId, state): Cursor {
      const closed = () => state.live.delete(streamId)
      switch (call.op) {
        case 'query':
          if (call.live) state.live.add(streamId)
          return new QueryCursor(state.host.store, call, closed)
        case 'links':
          if (call.live) state.live.add(streamId)
          return new LinkCursor(state.host.store, call, closed)
        case 'tangleLive':
          state.live.add(streamId)
          return new LiveTangleCursor(state.tangles, call.root, call.name, closed)
        default:
          throw unknownCall(call.op)
      }
    },

    async terminate(_reason, state) {
      await state.host.store.close()
    },
  }

function handle(
  call: ShardCall,
  from: From,
  state: ShardActorState,
  context: Context,
): Effect<never> {
  const { store } = state.host
  switch (call.op) {
    case 'ingest':
      return replyLater(from, ingest(call.batch, call.outOfOrder ?? false, context))
    case 'getByKey':
      return getByKey(call.key, from, state)
    case 'tangle': {
      const rows = state.tangles.read(call.root, call.name)
      return reply(from, rows, [rows.frames])
    }
    case 'contacts':
      return reply(from, contacts(call.sources, state))
    case 'feeds':
      return reply(from, feeds(state))
    case 'names':
      return reply(from, names(call.ids, state))
    case 'status':
      return reply(from, status(state))
    case 'sync':
      return replyLater(from, store.flush())
    case 'checkpoint':
      return replyLater(
        from,
        store.flush().then(() => store.checkpoint()),
      )
    default:
      throw unknownCall((call as { op: unknown }).op)
  }
}

async function ingest(
  batch: ArrayBuffer,
  outOfOrder: boolean,
  context: Context,
): Promise<IngestResult> {
  const totals = new IngestTotals()
  const appends: Promise<void>[] = []
  for (const { authorBytes, messages } of incomingByAuthor(batch)) {
    const id = feedIdFromBytes(authorBytes)
    appends.push(
      context.router
        .call<IngestResult>(
          feedActorName(id),
          { op: 'appendLocal', messages, outOfOrder },
          { lane: 'remote', deadlineMs: APPEND_DEADLINE_MS },
        )
        .then(
          (result) => totals.add(result),
          (error) => {
            if (!isCodedError(error)) throw error
            totals.tally.add(error.code, id, messages.length)
          },
        ),
    )
  }
  await Promise.all(appends)
  return totals.result()
}

function getByKey(key: Uint8Array, from: From, { host }: ShardActorState): Effect<never> {
  const row = host.store.findKey(key)
  if (row === -1) return reply(from, null)
  const frame = singleFrame(host.store.readRow(row))
  return reply(from, frame, [frame])
}

function contacts(sources: readonly FeedId[], { host }: ShardActorState): ContactRow[] {
  const rows: ContactRow[] = []
  for (const source of sources) {
    const feed = host.store.feedNumber(feedIdToBytes(source))
    if (feed === -1) continue
    for (const { dest, state } of host.store.contacts(feed)) rows.push({ source, dest, state })
  }
  return rows
}

function feeds({ host }: ShardActorState): FeedStatus[] {
  const list: FeedStatus[] = []
  for (const feed of host.store.feedNumbers()) {
    list.push(statusOf(host.store.feedInfo(feed), host.store.isOpen(feed)))
  }
  return list.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The name that each feed gave itself; feeds without one are left out. */
function names(ids: readonly FeedId[], { host }: ShardActorState): { id: FeedId; name: string }[] {
  const found: { id: FeedId; name: string }[] = []
  for (const id of ids) {
    const feed = host.store.feedNumber(feedIdToBytes(id))
    const name = feed === -1 ? null : host.store.nameOf(feed)
    if (name !== null) found.push({ id, name })
  }
  return found
}

function status({ host }: ShardActorState): ShardStatus {
  return { shard: host.shard, ...host.store.statistics() }
}

const unknownCall = (op: unknown) =>
  new CodedError('UNKNOWN_CALL', `a shard does not know the call ${String(op)}`, {})
