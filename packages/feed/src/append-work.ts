import type { Context, Effect, From } from '@dunbar/actor'
import { reply } from '@dunbar/actor'
import { type FeedId, isCodedError } from '@dunbar/core'
import { type ClassicMessage, SignedMemory, verifySignature } from '@dunbar/formats'
import { AppendRun, type Candidate, type IncomingRun, type RunFeed } from './append-run.js'
import { assertNotQuarantined, type FeedActorState } from './feed-actor-state.js'
import type { IngestResult } from './protocol.js'
import { CPU_ACTOR_NAME, type OwnFeed } from './shard-host.js'
import type { AppendEntry } from './shard-store.js'
import { encodeSignatureBatch } from './signature-batch.js'

/**
 * Takes runs of messages into a feed, a slice at a time: check the chain, check the signatures,
 * store. Where a core is idle (see `core-share.ts`), batches of a long run have their signatures
 * checked by the cpu pool, while this thread goes on with the messages behind them. Stored in order.
 */

/**
 * Messages of a run that are checked, verified and stored between two turns of others: about 2 ms.
 * What is checked is stored in the same turn: kept for a later one, it would outlive the garbage
 * that it stands among.
 */
export const SLICE_MESSAGES = 24
/**
 * The same of a run in bulk. A thread goes back to its event loop after two slices of the other size
 * or one of this, and half as many slices are half as many writes.
 */
const BULK_SLICE_MESSAGES = 48
/** Messages between two looks at the clock. */
const STEP_MESSAGES = 2
/** With fewer messages left, the way to the pool costs more than it saves. */
const POOL_RUN_MESSAGES = 32
/**
 * The same for what peers send: cores that no shard uses are wanted for their packets and by local
 * clients. Only one long feed by itself comes in runs like this.
 */
const POOL_PEER_RUN_MESSAGES = 256
/**
 * Of a feed that peers send, this many come first. When a sync begins, one shard has work some ms
 * before the others: starting the pool then took time from all of them for a second, for nothing.
 */
export const POOL_PEER_FEED_MESSAGES = 2_048
const POOL_BATCH_MESSAGES = 256
/** Pieces that are checked but not stored; bounds what a run holds in memory. */
const MAX_UNDER_WAY = 16
const POOL_DEADLINE_MS = 60_000

/** Of the slice at hand, whose signatures are checked in the turn that reads it. */
const sliceMemory = new SignedMemory()

/** The next slice of work that goes on. */
export interface Continuation {
  readonly from: From
  readonly work: () => FeedEffect | Promise<FeedEffect>
}

/** What a handler of a feed actor returns. */
export type FeedEffect = Effect<Continuation>

/**
 * Begins a run; its effect answers, or goes on.
 * @throws {FEED_QUARANTINED} and the errors of `ShardStore.append`
 */
export function startRun(
  messages: IncomingRun,
  kind: {
    readonly outOfOrder: boolean
    readonly isAuthored: boolean
    readonly isBulk: boolean
    readonly isPoolUsable: boolean
  },
  from: From,
  state: FeedActorState,
  context: Context,
): FeedEffect | Promise<FeedEffect> {
  assertNotQuarantined(state)
  // Newer messages of one's own that come from elsewhere are proof that this log lacks some, and
  // another one at a place that is taken proves a fork: both lock publishing. What a client signed
  // just now for the wrong place proves only that it was too late: it is refused.
  const takesOutOfOrder = !kind.isAuthored && (kind.outOfOrder || state.own !== null)
  const run = new AppendRun(runFeed(state, !kind.isAuthored), messages, takesOutOfOrder)
  state.host.busyFeeds.add(state)
  const { isAuthored, isBulk, isPoolUsable } = kind
  return workOn({ run, from, isAuthored, isBulk, isPoolUsable, underWay: [] }, state, context)
}

/** Messages whose signatures are being checked, or are checked and wait for those before them. */
interface Piece {
  readonly candidates: readonly Candidate[]
  readonly verdicts: Promise<ArrayLike<number>> | readonly number[]
  /** False while the pool works on it. */
  isReady: boolean
}

/** A run of messages and who waits for its outcome. */
interface Job {
  readonly run: AppendRun
  readonly from: From
  /** Signed by a client of this node just now. */
  readonly isAuthored: boolean
  /** The messages may wait for their sync longer than others. */
  readonly isBulk: boolean
  /** False from the start, or once the cpu pool left a batch unanswered. */
  isPoolUsable: boolean
  /** In the order of the run. */
  readonly underWay: Piece[]
}

async function workOn(job: Job, state: FeedActorState, context: Context): Promise<FeedEffect> {
  const { run, from, underWay } = job
  const { busyFeeds } = state.host
  try {
    sendToPool(job, state, context)
    sliceMemory.reuse()
    const slice = checkSlice(run, job.isBulk ? BULK_SLICE_MESSAGES : SLICE_MESSAGES, context)
    const isStuck = slice.candidates.length === 0 && !run.isChecked
    if (slice.candidates.length > 0) underWay.push({ ...slice, isReady: true })
    const mayLeave = isStuck || run.isChecked ? 0 : MAX_UNDER_WAY - 1
    while (underWay.length > mayLeave || underWay[0]?.isReady === true) {
      const { candidates: first, verdicts } = underWay.shift()!
      // Only what has to be waited for: the rest counts to the time of this turn.
      const stored = store(
        job,
        first,
        verdicts instanceof Promise ? await verdicts : verdicts,
        state,
      )
      if (stored !== null) await stored
    }
  } catch (error) {
    busyFeeds.delete(state)
    throw error
  }
  if (!run.isChecked) {
    const work = () => workOn(job, state, context)
    return { proceed: { from, work }, wake: [...state.streams] }
  }
  busyFeeds.delete(state)
  // A hole may be filled at which the check of what lies behind it had to end.
  const hasUnchecked = state.feed !== -1 && state.store.unchecked(state.feed) !== null
  if (hasUnchecked) state.host.checkSignatures()
  return { ...reply(from, resultOf(run, state.id)), wake: [...state.streams] }
}

/**
 * Checks form, order and signatures of up to so many messages, fewer while a publish waits for the
 * disk, and where that takes long: what a thread does for the first time takes ten times as long as
 * later.
 */
function checkSlice(
  run: AppendRun,
  mostMessages: number,
  { clock, stepMs }: Context,
): { readonly candidates: Candidate[]; readonly verdicts: number[] } {
  const candidates: Candidate[] = []
  const verdicts: number[] = []
  const endsAtMs = clock.monotonic() + (mostMessages / SLICE_MESSAGES) * stepMs()
  for (let left = mostMessages; left > 0 && !run.isChecked; left -= STEP_MESSAGES) {
    const { remaining } = run
    for (const candidate of run.checkNext(Math.min(STEP_MESSAGES, left), sliceMemory)) {
      candidates.push(candidate)
      verdicts.push(verdictOn(candidate))
    }
    // Where it went no further, the next message repeats one that is not settled.
    if (run.remaining === remaining || clock.monotonic() >= endsAtMs) break
  }
  return { candidates, verdicts }
}

function resultOf({ added, known, tally, refused }: AppendRun, author: FeedId): IngestResult {
  const result = { added, known, rejected: tally.list() }
  return refused === null ? result : { ...result, refused: [{ author, ...refused }] }
}

const verdictOn = ({ message }: Candidate): number => (verifySignature(message) ? 1 : 0)

/** As many batches as there are idle cores. */
function sendToPool(job: Job, state: FeedActorState, context: Context): void {
  const { run, underWay } = job
  const { cores } = state.host
  const leastMessages = job.isBulk ? POOL_RUN_MESSAGES : POOL_PEER_RUN_MESSAGES
  while (
    job.isPoolUsable &&
    run.remaining >= leastMessages &&
    underWay.length < MAX_UNDER_WAY &&
    cores.take()
  ) {
    const candidates = run.checkNext(POOL_BATCH_MESSAGES)
    const verdicts = verifyInPool(job, candidates, state, context).finally(() => {
      cores.give()
      piece.isReady = true
    })
    const piece: Piece = { candidates, verdicts, isReady: false }
    underWay.push(piece)
    if (candidates.length === 0) return
  }
}

async function verifyInPool(
  job: Job,
  candidates: readonly Candidate[],
  state: FeedActorState,
  context: Context,
): Promise<ArrayLike<number>> {
  if (candidates.length === 0) return []
  const batch = encodeSignatureBatch(
    state.idBytes,
    candidates.map((candidate) => candidate.message),
  )
  let code: unknown = 'VERDICTS_INCOMPLETE'
  try {
    const verdicts = await context.router.call<Uint8Array>(
      CPU_ACTOR_NAME,
      { op: 'verify', batch },
      { lane: 'remote', deadlineMs: POOL_DEADLINE_MS, transfer: [batch] },
    )
    if (verdicts.length === candidates.length) return verdicts
  } catch (error) {
    code = (error as { code?: unknown } | null)?.code
  }
  if (job.isPoolUsable) {
    job.isPoolUsable = false
    context.logger.log('warn', 'feed', 'the cpu pool did not answer; checking here', { code })
  }
  return verifyHere(candidates, context)
}

/** In slices, between which others have their turn. */
async function verifyHere(candidates: readonly Candidate[], { turns }: Context): Promise<number[]> {
  const verdicts: number[] = []
  while (verdicts.length < candidates.length) {
    await new Promise<void>((resolve) => turns.soon(resolve))
    const from = verdicts.length
    verdicts.push(...candidates.slice(from, from + SLICE_MESSAGES).map(verdictOn))
  }
  return verdicts
}

/** Null where it is done at once. */
function store(
  { run, isAuthored, isBulk, underWay }: Job,
  candidates: readonly Candidate[],
  verdicts: ArrayLike<number>,
  state: FeedActorState,
): Promise<void> | null {
  const entries = run.settle(candidates, verdicts)
  const stored = entries.length === 0 ? null : append(entries, state, isAuthored, isBulk)
  if (stored !== null) {
    return stored.then(() => {
      if (underWay.length === 0) run.restart()
    })
  }
  if (underWay.length === 0) run.restart()
  return null
}

/**
 * Appends checked messages; those of the own feed are on the disk when it resolves. Null where it is
 * done at once.
 * @param isAuthored they were signed here
 */
export function append(
  entries: readonly AppendEntry[],
  state: FeedActorState,
  isAuthored: boolean,
  isBulk = false,
): Promise<void> | null {
  const { store: shardStore, own } = state
  // Not earlier: what a stranger sends in vain leaves no trace.
  if (state.feed === -1) state.feed = shardStore.addFeed(state.idBytes)
  if (own !== null) {
    return appendOwn(entries, state, own, isAuthored).then(() => state.host.appended())
  }
  shardStore.append(state.feed, entries, isBulk)
  if (isBulk) state.host.appendedInBulk(entries.length)
  else state.host.appended()
  return null
}

/**
 * A mark that could not be written may still be on the disk, above a log whose message was taken
 * back: publishing would be locked for a message that nobody has. So a message that is on the disk
 * stays, and the actor starts over.
 */
async function appendOwn(
  entries: readonly AppendEntry[],
  state: FeedActorState,
  { lock }: OwnFeed,
  isAuthored: boolean,
): Promise<void> {
  // Before the log: a log that is ahead of the mark is one whose last message was signed here.
  if (!isAuthored) await lock.expectElsewhere()
  const last = isAuthored ? entries.at(-1) : undefined
  let failure: unknown = null
  await state.store.appendDurably(state.feed, entries, async () => {
    try {
      if (last !== undefined) await lock.raise(last.sequence, last.keyBytes)
    } catch (error) {
      if (!isCodedError(error) || error.code !== 'STORE_FAILED') throw error
      failure = error
    }
  })
  if (failure !== null) throw failure
}

/** What is stored of a message that continues the chain. */
export function entryOf(message: ClassicMessage, received: number): AppendEntry {
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

function runFeed(state: FeedActorState, keepsForks: boolean): RunFeed {
  return {
    store: state.store,
    get feed() {
      return state.feed
    },
    authorId: state.id,
    hmacKey: state.host.hmacKey,
    now: () => state.host.receivedNow(),
    noteFork: (refused, receivedMs) => {
      if (!keepsForks) return
      const received = Number.isFinite(receivedMs) ? receivedMs : state.host.receivedNow()
      state.store.noteFork(state.feed, { ...entryOf(refused, received), inChain: false })
      state.host.appended()
    },
  }
}
