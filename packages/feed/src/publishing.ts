import type { Context, From, Reply } from '@dunbar/actor'
import { CodedError, isCodedError } from '@dunbar/core'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import { append, entryOf, type FeedEffect } from './append-work.js'
import {
  assertNotQuarantined,
  type FeedActorState,
  heldOwnFeed,
  storedHead,
} from './feed-actor-state.js'
import { singleFrame } from './frame.js'
import { isCrash } from './store-error.js'

/**
 * Messages to be signed. What comes while others are on their way to the disk waits in the mailbox,
 * and goes to the disk together: a group shares the sync of the log and that of the mark. A message
 * that comes alone waits for nobody.
 */
export interface Draft {
  readonly content: object | string
  readonly from: From
}

/** Bounds a group to some hundred KiB. */
const MAX_GROUP = 64
/** As the clients of ssb-db have it: no two messages of a feed claim the same time. */
const TICK_MS = 0.001

interface Signed {
  readonly from: From
  readonly message: ClassicMessage
}

/**
 * Takes a message to be published; the answer comes with the others of its group.
 * @throws {NOT_OWN_FEED} @throws {CONTENT_INVALID} @throws {FEED_QUARANTINED} and those of the publish lock
 */
export function publish(
  content: string,
  from: From,
  state: FeedActorState,
  context: Context,
): FeedEffect {
  if (state.own === null) {
    throw new CodedError('NOT_OWN_FEED', 'only the own feed can be published to', { id: state.id })
  }
  state.own.lock.assertOpen(heldOwnFeed(state))
  assertNotQuarantined(state)
  state.drafts.push({ content: parseContent(content), from })
  return state.drafts.length > 1 ? {} : soon(state, context)
}

/** Behind the mail that waits: more of it may be to be published. */
function soon(state: FeedActorState, context: Context): FeedEffect {
  const { from } = state.drafts[0]!
  return { proceedLater: { from, work: () => publishGroup(state, context) } }
}

async function publishGroup(state: FeedActorState, context: Context): Promise<FeedEffect> {
  const group = state.drafts.splice(0, MAX_GROUP)
  const effect = await publishTogether(group, state, context)
  return state.drafts.length === 0 ? effect : { ...effect, ...soon(state, context) }
}

async function publishTogether(
  group: readonly Draft[],
  state: FeedActorState,
  context: Context,
): Promise<FeedEffect> {
  const { signed, refusals } = sign(group, state, context)
  if (signed.length === 0) return { refusals }
  try {
    // It may have been shut since they came.
    state.own!.lock.assertOpen(heldOwnFeed(state))
    assertNotQuarantined(state)
    const entries = signed.map(({ message }) => entryOf(message, state.host.receivedNow()))
    await append(entries, state, true)
  } catch (error) {
    if (!isCodedError(error) || isCrash(error)) throw error
    return { refusals: [...refusals, ...signed.map(({ from }) => ({ to: from, error }))] }
  }
  return { replies: answers(signed, state), refusals, wake: [...state.streams] }
}

/** Each on top of the one before it; one that can't be signed leaves the others alone. */
function sign(
  group: readonly Draft[],
  state: FeedActorState,
  { clock }: Context,
): { readonly signed: Signed[]; readonly refusals: NonNullable<FeedEffect['refusals']> } {
  const { keys } = state.own!
  const { hmacKey } = state.host
  const signed: Signed[] = []
  const refusals: { readonly to: From; readonly error: CodedError }[] = []
  let head = storedHead(state)
  let timestamp = clock.now()
  for (const { content, from } of group) {
    try {
      const draft = { keys, head, timestamp, content }
      const message = createClassic(hmacKey === null ? draft : { ...draft, hmacKey })
      signed.push({ from, message })
      head = { sequence: message.sequence, key: message.key }
      timestamp += TICK_MS
    } catch (error) {
      if (!isCodedError(error)) throw error
      refusals.push({ to: from, error })
    }
  }
  return { signed, refusals }
}

function answers(signed: readonly Signed[], { store, feed }: FeedActorState): Reply[] {
  return signed.map(({ from, message }) => {
    const frame = singleFrame(store.readRow(store.rowAt(feed, message.sequence)))
    return { to: from, value: frame, transfer: [frame] }
  })
}

function parseContent(content: string): object | string {
  try {
    return JSON.parse(content)
  } catch {
    throw new CodedError('CONTENT_INVALID', 'content must be JSON text', { reason: 'NOT_JSON' })
  }
}
