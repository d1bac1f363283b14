import type { Behaviour, Context, Cursor, Effect, From } from '@dunbar/actor'
import { refuse, reply } from '@dunbar/actor'
import {
  CodedError,
  type FeedId,
  feedIdToBytes,
  isCodedError,
  messageKeyFromBytes,
} from '@dunbar/core'
import { type ClassicMessage, createClassic, verifySignature } from '@dunbar/formats'
import { AppendRun, type Candidate, type IncomingMessage, type RunFeed } from './append-run.js'
import { FeedCursor } from './feed-cursor.js'
import { statusOf } from './feed-status.js'
import { singleFrame } from './frame.js'
import { incomingOf } from './ingest.js'
import { assertSafe, publishState } from './own-feed.js'
import type { FeedCall, FeedStatus, ForkEvidence, IngestResult, PublishState } from './protocol.js'
import { CPU_ACTOR_NAME, type OwnFeed, type ShardHost } from './shard-host.js'
import type { AppendEntry } from './shard-store.js'
import { encodeSignatureBatch } from './signature-batch.js'
import { type Verification, verifyFeed } from './verification.js'

/**
 * The actor of one feed. Whatever is appended to the feed goes through its mailbox: messages from
 * peers and imports, messages signed by clients, and `publish`.
 */

/** Messages of a run that are checked, verified and stored between two turns of others: about 4 ms. */
const SLICE_MESSAGES = 64
/** A run at least this long goes to the cpu pool, where no other feed keeps this shard busy. */
const POOL_RUN_MESSAGES = 128
const POOL_BATCH_MESSAGES = 256
/** Batches under way in the pool: one for each core of a small machine, and as many waiting. */
const POOL_BATCHES = 4
const POOL_DEADLINE_MS = 60_000

export interface FeedArg {
  readonly host: ShardHost
  readonly id: FeedId
}

export interface FeedActorState {
  readonly host: ShardHost
  readonly id: FeedId
  readonly idBytes: Uint8Array
  /** Number in the store; -1 for a feed that has no folder. */
  feed: number
  readonly own: OwnFeed | null
  publishState: PublishState
  lastUsedMs: number
  isTimed: boolean
  /** Streams of readers; those that wait for news are woken by their number. */
  readonly streams: Set<number>
}

/** The shard actor asks this way, with messages that stay in the thread. */
export type LocalFeedCall =
  | FeedCall
  | {
      readonly op: 'appendLocal'
      readonly messages: readonly IncomingMessage[]
      readonly outOfOrder: boolean
    }

/** The next slice of work that goes on. */
interface Continuation {
  readonly from: From
  readonly work: () => FeedEffect | Promise<FeedEffect>
}

export const feedBehaviour: Behaviour<
  FeedActorState,
  FeedArg,
  LocalFeedCall,
  never,
  never,
  Continuation
> = {
  async init({ host, id }, context) {
    await host.ready
    const idBytes = feedIdToBytes(id)
    const feed = host.store.feedNumber(idBytes)
    const own = host.own?.keys.id === id ? host.own : null
    return {
      host,
      id,
      idBytes,
      feed,
      own,
      publishState: own === null ? 'unknown' : publishState(own.mark, headSequence(host, feed)),
      lastUsedMs: context.clock.monotonic(),
      isTimed: false,
      streams: new Set(),
    }
  },

  async handleCall(call, from, state, context) {
    state.lastUsedMs = context.clock.monotonic()
    const effect = await refusing(from, () => handle(call, from, state, context))
    if (state.isTimed) return effect
    state.isTimed = true
    return { ...effect, timers: { idle: state.host.passivateAfterMs } }
  },

  handleContinue({ from, work }) {
    return refusing(from, work)
  },

  handleInfo(_info, state, context) {
    const idleMs = context.clock.monotonic() - state.lastUsedMs
    const leftMs = state.host.passivateAfterMs - idleMs
    if (leftMs <= 0 && state.streams.size === 0) return { passivate: true }
    return { timers: { idle: leftMs > 0 ? leftMs : state.host.passivateAfterMs } }
  },

  openStream(call, streamId, state, context): Cursor {
    state.lastUsedMs = context.clock.monotonic()
    if (call.op !== 'read') throw unknownCall(call.op)
    state.streams.add(streamId)
    return new FeedCursor(state, call, () => state.streams.delete(streamId))
  },

  terminate(_reason, state) {
    if (state.feed !== -1) state.host.store.passivate(state.feed)
  },
}

type FeedEffect = Effect<Continuation>

/** Troubles after which memory and disk may disagree: the actor starts over. */
const CRASHES: ReadonlySet<string> = new Set(['STORE_FAILED', 'STORE_SYNC_FAILED'])

/** A full disk and a caller's mistake are answers; any other trouble with the storage is a crash. */
async function refusing(
  from: From,
  run: () => FeedEffect | Promise<FeedEffect>,
): Promise<FeedEffect> {
  try {
    return await run()
  } catch (error) {
    if (isCodedError(error) && !CRASHES.has(error.code)) return refuse(from, error)
    throw error
  }
}

function handle(
  call: LocalFeedCall,
  from: From,
  state: FeedActorState,
  context: Context,
): FeedEffect | Promise<FeedEffect> {
  switch (call.op) {
    case 'appendLocal':
      return startRun(call.messages, call.outOfOrder, from, state, context)
    case 'append':
      if (call.isAuthored) assertMayPublish(state)
      return startRun(incomingOf(call.batch), call.outOfOrder ?? false, from, state, context)
    case 'publish':
      return publish(call.content, from, state, context)
    case 'get':
      return replyRow(from, state, rowAt(state, call.sequence))
    case 'latest':
      return replyRow(from, state, rowAt(state, headSequence(state.host, state.feed)))
    case 'status':
      return reply(from, status(state))
    case 'forks':
      return reply(from, forkEvidence(state))
    case 'verify':
      return verifyOn(verifyFeed(state.host.store, state.feed, state.id, state.host.hmacKey), from)
    case 'rebuild':
      return reply(from, { messages: rebuild(state) })
    default:
      throw unknownCall((call as { op: unknown }).op)
  }
}

function startRun(
  messages: readonly IncomingMessage[],
  takesOutOfOrder: boolean,
  from: From,
  state: FeedActorState,
  context: Context,
): FeedEffect | Promise<FeedEffect> {
  assertNotQuarantined(state)
  openFeed(state)
  const run = new AppendRun(runFeed(state), messages, takesOutOfOrder)
  state.host.busyFeeds += 1
  return workOn(run, from, state, context)
}

async function workOn(
  run: AppendRun,
  from: From,
  state: FeedActorState,
  context: Context,
): Promise<FeedEffect> {
  const { host } = state
  try {
    if (run.remaining >= POOL_RUN_MESSAGES && host.busyFeeds === 1) {
      await appendThroughPool(run, state, context)
    } else {
      const candidates = run.checkNext(SLICE_MESSAGES)
      const verdicts = candidates.map(({ message }) => (verifySignature(message) ? 1 : 0))
      await store(run, candidates, verdicts, state)
    }
  } catch (error) {
    host.busyFeeds -= 1
    throw error
  }
  if (!run.isChecked) {
    const work = () => workOn(run, from, state, context)
    return { proceed: { from, work }, wake: [...state.streams] }
  }
  host.busyFeeds -= 1
  const result: IngestResult = { added: run.added, known: run.known, rejected: run.tally.list() }
  return { ...reply(from, result), wake: [...state.streams] }
}

/** Checks go ahead while the pool looks at signatures; stores in order. */
async function appendThroughPool(run: AppendRun, state: FeedActorState, context: Context) {
  const underWay: { candidates: Candidate[]; verdicts: Promise<ArrayLike<number>> }[] = []
  while (!run.isChecked || underWay.length > 0) {
    while (!run.isChecked && underWay.length < POOL_BATCHES) {
      const candidates = run.checkNext(POOL_BATCH_MESSAGES)
      if (candidates.length === 0 && underWay.length > 0) break
      underWay.push({ candidates, verdicts: verifyInPool(candidates, state, context) })
    }
    const first = underWay.shift()
    if (first !== undefined)
      await store(run, first.candidates, await first.verdicts, state, underWay.length === 0)
  }
}

async function verifyInPool(
  candidates: readonly Candidate[],
  state: FeedActorState,
  context: Context,
): Promise<ArrayLike<number>> {
  if (candidates.length === 0) return []
  const messages = candidates.map((candidate) => candidate.message)
  const batch = encodeSignatureBatch(state.idBytes, messages)
  try {
    return await context.router.call<Uint8Array>(
      CPU_ACTOR_NAME,
      { op: 'verify', batch },
      { lane: 'remote', deadlineMs: POOL_DEADLINE_MS, transfer: [batch] },
    )
  } catch (error) {
    context.logger.log('warn', 'feed', 'the cpu pool did not answer; checking here', {
      code: (error as CodedError).code,
    })
    return messages.map((message) => (verifySignature(message) ? 1 : 0))
  }
}

async function store(
  run: AppendRun,
  candidates: readonly Candidate[],
  verdicts: ArrayLike<number>,
  state: FeedActorState,
  isLast = true,
): Promise<void> {
  const entries = run.settle(candidates, verdicts)
  if (entries.length > 0) await append(entries, state)
  if (isLast) run.restart()
}

async function append(entries: readonly AppendEntry[], state: FeedActorState): Promise<void> {
  const { store: shardStore } = state.host
  if (state.own === null) {
    shardStore.append(state.feed, entries)
  } else {
    await shardStore.appendDurably(state.feed, entries, async () => {
      const last = entries.findLast((entry) => entry.inChain)
      if (last !== undefined) await state.own?.mark.raise(last.sequence, last.keyBytes)
    })
    state.publishState = publishState(state.own.mark, headSequence(state.host, state.feed))
  }
  state.host.appended()
}

async function publish(
  content: string,
  from: From,
  state: FeedActorState,
  context: Context,
): Promise<FeedEffect> {
  if (state.own === null) {
    throw new CodedError('NOT_OWN_FEED', 'only the own feed can be published to', { id: state.id })
  }
  assertMayPublish(state)
  assertNotQuarantined(state)
  openFeed(state)
  const { sequence, headKey } = state.host.store.feedInfo(state.feed)
  const message = createClassic({
    keys: state.own.keys,
    head: headKey === null ? null : { sequence, key: messageKeyFromBytes(headKey) },
    timestamp: context.clock.now(),
    content: JSON.parse(content),
    ...(state.host.hmacKey === null ? {} : { hmacKey: state.host.hmacKey }),
  })
  const received = state.host.receivedNow()
  await append([entryOf(message, received)], state)
  const frame = singleFrame(state.host.store.readRow(rowAt(state, message.sequence)))
  return { ...reply(from, frame, [frame]), wake: [...state.streams] }
}

function entryOf(message: ClassicMessage, received: number): AppendEntry {
  return {
    sequence: message.sequence,
    received,
    keyBytes: message.keyBytes,
    compact: message.compact,
    value: message.value,
    timestamp: message.timestamp,
    inChain: true,
  }
}

function assertMayPublish(state: FeedActorState): void {
  if (state.own === null) return
  assertSafe(state.publishState, state.own.mark, headSequence(state.host, state.feed))
}

function assertNotQuarantined(state: FeedActorState): void {
  if (state.feed === -1 || !state.host.store.feedInfo(state.feed).flags.isQuarantined) return
  throw new CodedError('FEED_QUARANTINED', `${state.id} is set aside`, { id: state.id })
}

function openFeed(state: FeedActorState): void {
  if (state.feed === -1) state.feed = state.host.store.addFeed(state.idBytes)
}

function headSequence(host: ShardHost, feed: number): number {
  return feed === -1 ? 0 : host.store.feedInfo(feed).sequence
}

function rowAt(state: FeedActorState, sequence: number): number {
  return state.feed === -1 || sequence < 1 ? -1 : state.host.store.rowAt(state.feed, sequence)
}

function replyRow(from: From, state: FeedActorState, row: number): FeedEffect {
  if (row === -1) return reply(from, null)
  const frame = singleFrame(state.host.store.readRow(row))
  return reply(from, frame, [frame])
}

function runFeed(state: FeedActorState): RunFeed {
  return {
    store: state.host.store,
    feed: state.feed,
    authorId: state.id,
    hmacKey: state.host.hmacKey,
    now: () => state.host.receivedNow(),
    noteFork: (refused, receivedMs) =>
      state.host.store.noteFork(state.feed, {
        ...entryOf(refused, Number.isNaN(receivedMs) ? state.host.receivedNow() : receivedMs),
        inChain: false,
      }),
  }
}

function verifyOn(steps: Generator<void, Verification>, from: From): FeedEffect {
  for (let step = 0; step < SLICE_MESSAGES; step++) {
    const { done, value } = steps.next()
    if (done) return reply(from, value)
  }
  return { proceed: { from, work: () => verifyOn(steps, from) } }
}

function rebuild(state: FeedActorState): number {
  if (state.feed === -1) return 0
  state.host.store.rebuildFeed(state.feed)
  return state.host.store.feedInfo(state.feed).messages
}

function status(state: FeedActorState): FeedStatus {
  if (state.feed === -1) {
    return {
      id: state.id,
      sequence: 0,
      messages: 0,
      bytes: 0,
      state: 'ok',
      forked: false,
      active: true,
    }
  }
  return statusOf(state.host.store.feedInfo(state.feed), true)
}

function forkEvidence(state: FeedActorState): ForkEvidence[] {
  if (state.feed === -1) return []
  return state.host.store.forks(state.feed).map(({ sequence, kept, refused }) => ({
    sequence,
    kept: singleFrame(kept),
    refused: singleFrame(refused),
  }))
}

const unknownCall = (op: unknown) =>
  new CodedError('UNKNOWN_CALL', `a feed does not know the call ${String(op)}`, {})
