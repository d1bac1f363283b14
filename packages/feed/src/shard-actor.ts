import type {
  Answered,
  Behaviour,
  Context,
  Cursor,
  Effect,
  From,
  QuarantineReport,
} from '@dunbar/actor'
import { refuse, reply, replyLater } from '@dunbar/actor'
import {
  CodedError,
  type FeedId,
  feedIdFromBytes,
  feedIdToBytes,
  isCodedError,
  isFeedId,
} from '@dunbar/core'
import { ClockCursor } from './clock-cursor.js'
import { ContactCursor } from './contact-cursor.js'
import { statusOf } from './feed-status.js'
import { ForkCursor } from './fork-cursor.js'
import { singleFrame } from './frame.js'
import { incomingByAuthor } from './ingest.js'
import { LinkCursor } from './link-cursor.js'
import { heldFeed } from './own-feed.js'
import { PrivateCursor, PrivateIndex } from './private-index.js'
import type { ContactRow, FeedStatus, IngestResult, ShardCall, ShardStatus } from './protocol.js'
import { QueryCursor } from './query-cursor.js'
import { RebuildCursor } from './rebuild-cursor.js'
import { IngestTotals } from './rejection-tally.js'
import { feedActorName, type ShardHost, shardKernelName } from './shard-host.js'
import { requestInvalid } from './stream-bounds.js'
import { assertTangle, LiveTangleCursor, TangleCursor, TangleReader } from './tangle-reader.js'

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
  readonly privates: PrivateIndex
  /** Streams that may wait for news. */
  readonly live: Set<number>
  /** Rows, and evidence of forks, that those streams were told of. */
  toldRows: number
  toldForks: number
  toldGeneration: number
}

/** Sent by `ShardHost.appended`. */
export interface ShardCast {
  readonly op: 'appended'
}

export const shardBehaviour: Behaviour<ShardActorState, ShardArg, ShardCall, ShardCast, Answered> =
  {
    async init({ host, open }, context) {
      await open(context)
      return {
        host,
        tangles: new TangleReader(host.store),
        privates: new PrivateIndex(
          host.store,
          host.keys,
          () => new Promise((resolve) => context.turns.soon(resolve)),
        ),
        live: new Set(),
        toldRows: host.store.rowCount,
        toldForks: host.store.keptForkCount,
        toldGeneration: host.store.generation,
      }
    },

    handleCall(call, from, state, context) {
      try {
        // A full mailbox refuses the word that there is news, so every call looks for itself.
        return { ...handle(call, from, state, context), ...news(state) }
      } catch (error) {
        if (isCodedError(error)) return refuse(from, error)
        throw error
      }
    },

    handleCast(_cast, state) {
      return news(state)
    },

    handleInfo(info, state) {
      return info.op === 'answered' ? { ...info.effect, ...news(state) } : {}
    },

    openStream(call, streamId, state, context): Cursor {
      if (call.op === 'rebuild') return new RebuildCursor(state.host, context.clock)
      const closed = () => state.live.delete(streamId)
      const cursor = cursorOf(call, state, closed)
      if (call.op === 'tangleLive' || ('live' in call && call.live)) state.live.add(streamId)
      return cursor
    },

    async terminate(_reason, state) {
      await state.host.store.close()
    },
  }

/** Wakes those who wait where something was appended, a fork was seen or rows were numbered anew since they were told last. */
function news(state: ShardActorState): Pick<Effect<never>, 'wake'> {
  const { rowCount, keptForkCount, generation } = state.host.store
  const isSame =
    rowCount === state.toldRows &&
    keptForkCount === state.toldForks &&
    generation === state.toldGeneration
  if (isSame) return {}
  state.toldGeneration = generation
  state.toldRows = rowCount
  state.toldForks = keptForkCount
  return state.live.size === 0 ? {} : { wake: [...state.live] }
}

function cursorOf(
  call: ShardCall,
  { host, tangles, privates }: ShardActorState,
  closed: () => void,
): Cursor {
  switch (call.op) {
    case 'query':
      return new QueryCursor(host.store, call, closed)
    case 'links':
      return new LinkCursor(host.store, call, closed)
    case 'tangle':
    case 'tangleLive': {
      const isLive = call.op === 'tangleLive'
      assertTangle(call.root, call.name)
      if (call.private) return new PrivateCursor(privates, host.store, call.root, isLive, closed)
      return isLive
        ? new LiveTangleCursor(tangles, call.root, call.name, closed)
        : new TangleCursor(tangles, call.root, call.name)
    }
    case 'clock':
      return new ClockCursor(host.store, call.live ?? false, closed)
    case 'contactStream':
      return new ContactCursor(host.store, call.live ?? false, closed)
    case 'forkStream':
      return new ForkCursor(host.store, call, closed)
    default:
      throw unknownCall(call.op)
  }
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
      return replyLater(from, ingest(call, context))
    case 'getByKey':
      return getByKey(call.key, from, state)
    case 'keys':
      return reply(from, store.keys)
    case 'contacts':
      return reply(from, contacts(call.sources, state))
    case 'feeds':
      return replyLater(from, feeds(state, context))
    case 'names':
      return reply(from, names(call.ids, state))
    case 'status':
      return replyLater(from, status(state, context))
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
  { batch, outOfOrder = false, isBulk = false }: Extract<ShardCall, { op: 'ingest' }>,
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
          { op: 'appendLocal', messages, outOfOrder, isBulk },
          { lane: 'remote', deadlineMs: APPEND_DEADLINE_MS },
        )
        .then(
          (result) => totals.add(result),
          (error) => {
            if (!isCodedError(error)) throw error
            totals.tally.add(error.code, id, messages.length)
            totals.refuse({ author: id, sequence: 0, reason: error.code })
          },
        ),
    )
  }
  await Promise.all(appends)
  return totals.result()
}

function getByKey(key: Uint8Array, from: From, { host }: ShardActorState): Effect<never> {
  if (!(key instanceof Uint8Array) || key.length !== 32) throw requestInvalid('a key has 32 bytes')
  const row = host.store.findKey(key)
  if (row === -1) return reply(from, null)
  const frame = singleFrame(host.store.readRow(row))
  return reply(from, frame, [frame])
}

function contacts(sources: readonly FeedId[], { host }: ShardActorState): ContactRow[] {
  assertFeedIds(sources)
  const rows: ContactRow[] = []
  for (const source of sources) {
    const feed = host.store.feedNumber(feedIdToBytes(source))
    if (feed === -1) continue
    for (const { dest, state } of host.store.contacts(feed)) rows.push({ source, dest, state })
  }
  return rows
}

async function feeds({ host }: ShardActorState, context: Context): Promise<FeedStatus[]> {
  const aside = await setAside(host, context)
  const list: FeedStatus[] = []
  for (const feed of host.store.feedNumbers()) {
    const status = statusOf(host.store.feedInfo(feed), host.store.isOpen(feed))
    list.push({
      ...status,
      ...(aside.has(status.id) ? { state: 'quarantined' } : {}),
      ...(status.id === host.own?.keys.id ? publishStatus(host) : {}),
    })
  }
  return list.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Feeds whose actor crashed too often; of these the store does not know. */
async function setAside({ shard }: ShardHost, { router }: Context): Promise<Set<FeedId>> {
  const asked = router.call<QuarantineReport[]>(shardKernelName(shard), { op: 'quarantined' })
  const reports = await asked.catch((error): QuarantineReport[] => {
    if (isCodedError(error) && error.code === 'ACTOR_UNKNOWN') return []
    throw error
  })
  const prefix = feedActorName('' as FeedId)
  const names = reports.map(({ name }) => name).filter((name) => name.startsWith(prefix))
  return new Set(names.map((name) => name.slice(prefix.length) as FeedId))
}

function assertFeedIds(ids: readonly unknown[]): void {
  if (Array.isArray(ids) && ids.every(isFeedId)) return
  throw requestInvalid('a list of feed ids was expected')
}

/** The name that each feed gave itself; feeds without one are left out. */
function names(ids: readonly FeedId[], { host }: ShardActorState): { id: FeedId; name: string }[] {
  assertFeedIds(ids)
  const found: { id: FeedId; name: string }[] = []
  for (const id of ids) {
    const feed = host.store.feedNumber(feedIdToBytes(id))
    const name = feed === -1 ? null : host.store.nameOf(feed)
    if (name !== null) found.push({ id, name })
  }
  return found
}

async function status({ host }: ShardActorState, context: Context): Promise<ShardStatus> {
  const aside = await setAside(host, context)
  const statistics = host.store.statistics()
  const quarantined = [...new Set([...statistics.quarantined, ...aside])].sort()
  return { shard: host.shard, ...statistics, quarantined, ...publishStatus(host) }
}

function publishStatus({ own, store }: ShardHost): Pick<ShardStatus, 'publish'> {
  if (own === null) return {}
  const { publicKey } = own.keys
  return { publish: own.lock.status(heldFeed(store, store.feedNumber(publicKey), publicKey)) }
}

const unknownCall = (op: unknown) =>
  new CodedError('UNKNOWN_CALL', `a shard does not know the call ${String(op)}`, {})
