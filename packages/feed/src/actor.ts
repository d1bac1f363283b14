import type { Behaviour, Context, Cursor, From } from '@dunbar/actor'
import { refuse, reply } from '@dunbar/actor'
import { CodedError, type FeedId, feedIdToBytes, isCodedError } from '@dunbar/core'
import type { IncomingRun } from './append-run.js'
import {
  type Continuation,
  type FeedEffect,
  POOL_PEER_FEED_MESSAGES,
  SLICE_MESSAGES,
  startRun,
} from './append-work.js'
import { appendBlock, readArchive } from './block-append.js'
import { settleChecks } from './check-settling.js'
import { type FeedActorState, headSequence, heldOwnFeed, rowAt } from './feed-actor-state.js'
import { FeedCursor } from './feed-cursor.js'
import { statusOf } from './feed-status.js'
import { singleFrame } from './frame.js'
import { incomingOf } from './ingest.js'
import type { FeedCall, FeedStatus, ForkEvidence } from './protocol.js'
import type { PublishLock } from './publish-lock.js'
import { publish } from './publishing.js'
import { commitRelay, type RelayInfo, sealUnasked, startSeal, startUnseal } from './seal-work.js'
import type { SealPolicy } from './sealing.js'
import type { ShardHost } from './shard-host.js'
import type { SignatureFinding } from './signature-pass.js'
import { isCrash } from './store-error.js'
import { numberOf } from './stream-bounds.js'
import { verifyFeed } from './verification.js'

/**
 * The actor of one feed. Whatever is appended to the feed goes through its mailbox: messages from
 * peers and imports, messages signed by clients, and `publish`.
 */

export interface FeedArg {
  readonly host: ShardHost
  readonly id: FeedId
}

/** The shard actor hands on what it takes this way, with messages that stay in the thread. */
export type LocalFeedCall =
  | FeedCall
  | {
      readonly op: 'appendLocal'
      readonly messages: IncomingRun
      readonly outOfOrder: boolean
      readonly isBulk: boolean
    }
  | ({ readonly op: 'settleChecks' } & SignatureFinding)
  /** Messages were found damaged: the feed counts as held up to the first of them. Replies whether there are any. */
  | { readonly op: 'setBack' }

/** The actor tells itself that a stream was opened: only the effect of a handler can set a timer. */
interface FeedCast {
  readonly op: 'opened'
}

export const feedBehaviour: Behaviour<
  FeedActorState,
  FeedArg,
  LocalFeedCall,
  FeedCast,
  RelayInfo,
  Continuation
> = {
  async init({ host, id }, context) {
    await host.ready
    const { store } = host
    const idBytes = feedIdToBytes(id)
    return {
      host,
      store,
      id,
      idBytes,
      feed: store.feedNumber(idBytes),
      own: host.own?.keys.id === id ? host.own : null,
      lastUsedMs: context.clock.monotonic(),
      broughtMessages: 0,
      isTimed: false,
      verifying: null,
      relaying: null,
      hasSealed: false,
      drafts: [],
      streams: new Set(),
    }
  },

  async handleCall(call, from, state, context) {
    state.lastUsedMs = context.clock.monotonic()
    return timed(state, await refusing(refusalTo(from), () => handle(call, from, state, context)))
  },

  handleCast(_cast, state) {
    return timed(state, {})
  },

  handleContinue({ from, work }) {
    return refusing(refusalTo(from), work)
  },

  handleInfo(info, state, context) {
    if (info.op === 'prepared') {
      state.lastUsedMs = context.clock.monotonic()
      const { from } = info.job
      const tell = (error: CodedError): FeedEffect => {
        if (from !== null) return refuse(from, error)
        const data = { id: state.id, code: error.code }
        context.logger.log('warn', 'feed', 'an idle feed could not be sealed', data)
        return {}
      }
      return refusing(tell, () => commitRelay(info, tell, state))
    }
    if (info.op !== 'timer') return {}
    const idleMs = context.clock.monotonic() - state.lastUsedMs
    const leftMs = state.host.passivateAfterMs - idleMs
    state.isTimed = leftMs > 0 || state.streams.size > 0 || state.relaying !== null
    if (!state.isTimed) {
      const sealing = sealUnasked(state, context)
      if (sealing === null) return { passivate: true }
      state.isTimed = true
      return { ...sealing, timers: { idle: state.host.passivateAfterMs } }
    }
    return { timers: { idle: leftMs > 0 ? leftMs : state.host.passivateAfterMs } }
  },

  openStream(call, streamId, state, context): Cursor {
    state.lastUsedMs = context.clock.monotonic()
    if (call.op !== 'read') throw unknownCall(call.op)
    const cursor = new FeedCursor(state, call, () => state.streams.delete(streamId))
    state.streams.add(streamId)
    if (!state.isTimed) context.router.cast(context.name, { op: 'opened' } satisfies FeedCast)
    return cursor
  },

  terminate(_reason, state) {
    state.host.busyFeeds.delete(state)
    state.relaying?.end()
    if (state.feed !== -1) state.store.passivate(state.feed)
  },
}

function timed(state: FeedActorState, effect: FeedEffect): FeedEffect {
  if (state.isTimed) return effect
  state.isTimed = true
  return { ...effect, timers: { idle: state.host.passivateAfterMs } }
}

/** A full disk and a caller's mistake are answers; what has no code is a crash, as `isCrash` is. */
async function refusing(
  refusal: (error: CodedError) => FeedEffect,
  run: () => FeedEffect | Promise<FeedEffect>,
): Promise<FeedEffect> {
  try {
    return await run()
  } catch (error) {
    if (!isCodedError(error) || isCrash(error)) throw error
    return refusal(error)
  }
}

const refusalTo =
  (from: From) =>
  (error: CodedError): FeedEffect =>
    refuse(from, error)

function handle(
  call: LocalFeedCall,
  from: From,
  state: FeedActorState,
  context: Context,
): FeedEffect | Promise<FeedEffect> {
  switch (call.op) {
    case 'appendLocal': {
      const { messages, outOfOrder, isBulk } = call
      const isPoolUsable = isBulk || state.broughtMessages >= POOL_PEER_FEED_MESSAGES
      state.broughtMessages += messages.length
      const kind = { outOfOrder, isAuthored: false, isBulk, isPoolUsable }
      return startRun(messages, kind, from, state, context)
    }
    case 'append':
      if (call.isAuthored) assertMayPublish(state)
      return startRun(
        incomingOf(call.batch),
        {
          outOfOrder: call.outOfOrder ?? false,
          isAuthored: call.isAuthored ?? false,
          isBulk: false,
          isPoolUsable: true,
        },
        from,
        state,
        context,
      )
    case 'readArchive':
      return reply(from, readArchive(new Uint8Array(call.message), state))
    case 'appendBlock':
      return appendBlock(call, from, state, context)
    case 'settleChecks':
      return settleChecks(call, state, context).then(() => ({
        ...reply(from, null),
        wake: [...state.streams],
      }))
    case 'setBack':
      return reply(from, setBack(state, []))
    case 'publish':
      return publish(call.content, from, state, context)
    case 'get':
      return replyRow(from, state, rowAt(state, call.sequence))
    case 'latest':
      return replyRow(from, state, rowAt(state, headSequence(state)))
    case 'status':
      return reply(from, status(state))
    case 'claim':
      return changeLock(from, state, (lock) =>
        lock.claim(call.sequence, heldOwnFeed(state), call.isStranger),
      )
    case 'confirm':
      return changeLock(from, state, (lock) => lock.confirm(call.sequence, heldOwnFeed(state)))
    case 'unlock':
      return changeLock(from, state, (lock) => lock.unlock(heldOwnFeed(state)))
    case 'forks':
      return reply(from, forkEvidence(state))
    case 'verify':
      return verifyOn(null, from, state)
    case 'rebuild':
      return reply(from, { messages: rebuild(state) })
    case 'seal':
      return startSeal(policyOf(call, state), from, state, context)
    case 'unseal':
      return startUnseal(from, state)
    default:
      throw unknownCall((call as { op: unknown }).op)
  }
}

function assertMayPublish(state: FeedActorState): void {
  state.own?.lock.assertOpen(heldOwnFeed(state))
}

/** Replies how the publish lock is after a change. */
async function changeLock(
  from: From,
  state: FeedActorState,
  change: (lock: PublishLock) => Promise<void>,
): Promise<FeedEffect> {
  const { own } = state
  if (own === null) {
    throw new CodedError('NOT_OWN_FEED', 'only the own feed has a publish lock', { id: state.id })
  }
  await change(own.lock)
  return reply(from, own.lock.status(heldOwnFeed(state)))
}

function replyRow(from: From, state: FeedActorState, row: number): FeedEffect {
  if (row === -1) return reply(from, null)
  const frame = singleFrame(state.store.readRow(row))
  return reply(from, frame, [frame])
}

/** One slice; others are served before the next. `steps` is null for a check that has not begun. */
function verifyOn(
  steps: FeedActorState['verifying'],
  from: From,
  state: FeedActorState,
): FeedEffect {
  const later = (mine: FeedActorState['verifying']): FeedEffect => ({
    proceedLater: { from, work: () => verifyOn(mine, from, state) },
  })
  if (state.verifying !== steps) return later(null)
  const { store, feed, id, host } = state
  const checking = steps ?? verifyFeed(store, feed, id, host.hmacKey)
  state.verifying = null
  for (let step = 0; step < SLICE_MESSAGES; step++) {
    const { done, value } = checking.next()
    if (done) {
      const unread = value.damaged.filter(({ reason }) => UNREAD.has(reason))
      if (unread.length > 0) {
        const sequences = unread.map(({ sequence }) => sequence)
        setBack(state, sequences)
      }
      return reply(from, value)
    }
  }
  state.verifying = checking
  return later(checking)
}

/** What `verify` calls messages whose bytes the disk has lost, which peers are asked for. */
const UNREAD: ReadonlySet<string> = new Set(['FRAME_DAMAGED', 'FRAME_TORN', 'BLOCK_DAMAGED'])

function setBack({ store, feed, host }: FeedActorState, suspects: readonly number[]): boolean {
  const isSetBack = feed !== -1 && store.setBack(feed, suspects)
  if (isSetBack) host.appended()
  return isSetBack
}

function rebuild(state: FeedActorState): number {
  if (state.feed === -1) return 0
  state.store.rebuildFeed(state.feed)
  state.host.appended()
  return state.store.feedInfo(state.feed).messages
}

/** @throws {REQUEST_INVALID} */
function policyOf(call: Extract<FeedCall, { op: 'seal' }>, { host }: FeedActorState): SealPolicy {
  const { keepMessages, minMessages } = host.sealing
  return {
    keepMessages: Math.max(0, numberOf('keepMessages', call.keepMessages, keepMessages)),
    minMessages: Math.max(1, numberOf('minMessages', call.minMessages, minMessages)),
  }
}

function status(state: FeedActorState): FeedStatus {
  const status = storedStatus(state)
  const { own } = state
  return own === null ? status : { ...status, publish: own.lock.status(heldOwnFeed(state)) }
}

function storedStatus(state: FeedActorState): FeedStatus {
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
  const { store, feed } = state
  return statusOf(store.feedInfo(feed), true, store.unchecked(feed))
}

function forkEvidence(state: FeedActorState): ForkEvidence[] {
  if (state.feed === -1) return []
  return state.store.forks(state.feed).map(({ sequence, kept, refused }) => ({
    sequence,
    kept: singleFrame(kept),
    refused: singleFrame(refused),
  }))
}

const unknownCall = (op: unknown) =>
  new CodedError('UNKNOWN_CALL', `a feed does not know the call ${String(op)}`, {})
