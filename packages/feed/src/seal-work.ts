import { type Context, type From, reply } from '@dunbar/actor'
import { type CodedError, isCodedError } from '@dunbar/core'
import type { FeedEffect } from './append-work.js'
import { assertNotQuarantined, type FeedActorState } from './feed-actor-state.js'
import type { RelaidFeed } from './protocol.js'
import type { Relaying } from './relaying.js'
import { MAX_BLOCK_MESSAGES, packFrames } from './sealed-block.js'
import type { PackFrames, SealPolicy } from './sealing.js'
import { CPU_ACTOR_NAME } from './shard-host.js'

/**
 * Sealing and unsealing of one feed. What takes long is done beside the mailbox; what changes the log
 * is one turn of the actor, so that nothing is appended meanwhile.
 */

/** For a block, which takes some 20 ms; the pool may be busy with others. */
const PACK_DEADLINE_MS = 60_000

const NOTHING_RELAID: RelaidFeed = { messages: 0, bytesBefore: 0, bytesAfter: 0 }

/** A change that is under way, and who waits for it. */
export interface RelayJob {
  readonly change: Relaying
  /** Null where nobody asked. */
  readonly from: From | null
  readonly before: Counts
}

/** The actor tells itself that what takes long is done, or why it is not. */
export interface RelayInfo {
  readonly op: 'prepared'
  readonly job: RelayJob
  readonly failure: unknown
}

interface Counts {
  readonly sealed: number
  readonly bytes: number
}

/** Begins to seal; `commitRelay` ends it. @throws {FEED_QUARANTINED} @throws {STORE_BUSY} */
export function startSeal(
  policy: SealPolicy,
  from: From | null,
  state: FeedActorState,
  context: Context,
): FeedEffect {
  if (state.feed === -1) return from === null ? {} : reply(from, NOTHING_RELAID)
  assertNotQuarantined(state)
  return start(state.store.sealing(state.feed, policy, packing(context)), from, state)
}

/** Begins to unseal; `commitRelay` ends it. @throws {FEED_QUARANTINED} @throws {STORE_BUSY} */
export function startUnseal(from: From, state: FeedActorState): FeedEffect {
  if (state.feed === -1) return reply(from, NOTHING_RELAID)
  assertNotQuarantined(state)
  return start(state.store.unsealing(state.feed), from, state)
}

function start(change: Relaying, from: From | null, state: FeedActorState): FeedEffect {
  state.relaying = change
  const job: RelayJob = { change, from, before: counts(state) }
  const prepared = change.prepare().then(
    (): RelayInfo => ({ op: 'prepared', job, failure: null }),
    (failure: unknown): RelayInfo => ({ op: 'prepared', job, failure }),
  )
  return { tasks: [prepared] }
}

/**
 * Makes the change that was prepared, and answers. What kept it from being prepared is an answer too:
 * nothing has changed. Errors as `Relaying.commit`.
 */
export async function commitRelay(
  { job, failure }: RelayInfo,
  refusal: (error: CodedError) => FeedEffect,
  state: FeedActorState,
): Promise<FeedEffect> {
  const { change, from, before } = job
  try {
    if (failure === null) await change.commit()
  } finally {
    change.end()
    state.relaying = null
  }
  if (failure !== null) {
    if (isCodedError(failure)) return refusal(failure)
    throw failure
  }
  if (from === null) return {}
  const after = counts(state)
  const relaid: RelaidFeed = {
    messages: Math.abs(after.sealed - before.sealed),
    bytesBefore: before.bytes,
    bytesAfter: after.bytes,
  }
  return reply(from, relaid)
}

/**
 * Begins to seal an idle feed of which a whole block has come together; null where there is nothing
 * to do. Once in an actor's life: a disk that is full now is not tried at every turn.
 */
export function sealUnasked(state: FeedActorState, context: Context): FeedEffect | null {
  const { host, store, feed } = state
  const { isAutomatic, keepMessages } = host.sealing
  if (!isAutomatic || state.hasSealed || feed === -1) return null
  const { sequence, sealed, flags } = store.feedInfo(feed)
  const last = Math.min(sequence - keepMessages, store.checkedTo(feed))
  const minMessages = Math.max(host.sealing.minMessages, MAX_BLOCK_MESSAGES)
  const waiting = last - (sealed?.messages ?? 0)
  if (waiting < minMessages || flags.isQuarantined) return null
  state.hasSealed = true
  return startSeal({ keepMessages, minMessages }, null, state, context)
}

function counts({ store, feed }: FeedActorState): Counts {
  const { sealed, bytes } = store.feedInfo(feed)
  return { sealed: sealed?.messages ?? 0, bytes }
}

/** In the pool, or here where that does not answer. */
const packing =
  ({ router, logger }: Context): PackFrames =>
  async (author, frames) => {
    const copy = new Uint8Array(frames).buffer
    try {
      return await router.call<Uint8Array>(
        CPU_ACTOR_NAME,
        { op: 'pack', author, frames: copy },
        { lane: 'remote', deadlineMs: PACK_DEADLINE_MS, transfer: [copy] },
      )
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code
      logger.log('warn', 'feed', 'the cpu pool did not pack a block; packing here', { code })
      return packFrames(author, frames)
    }
  }
