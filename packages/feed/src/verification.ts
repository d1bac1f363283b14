import { type FeedId, isCodedError, type MessageKey, messageKeyFromBytes } from '@dunbar/core'
import { readClassic, verifySignature } from '@dunbar/formats'
import { bytesEqual, frameKey } from './frame.js'
import { SequenceRanges } from './sequence-ranges.js'
import type { ShardStore } from './shard-store.js'

/** What `verify` found in one feed. */
export interface Verification {
  /** Messages looked at. */
  readonly messages: number
  readonly damaged: readonly { readonly sequence: number; readonly reason: string }[]
  /** Damaged messages beyond the 1,000 that are listed; left out where there are none. */
  readonly unlisted?: number
}

/** Damaged messages listed by one call; further ones are counted. */
const MAX_LISTED = 1000

/** A place in the log that is no frame, or a block that can't be read: what stood there are messages of a range. */
interface LostPlace {
  readonly from: number
  /** Of the frame behind it; beyond all where none is. */
  to: number
  /** Whether all of the range stood there; otherwise its first message did, and perhaps more. */
  readonly isExact: boolean
  readonly reason: string
}

/**
 * Checks every stored message of a feed again as if it came from a stranger: frame, form, key,
 * chain and signature. Reads the whole log; about 50 µs a message. A damaged place whose messages
 * came again and stand elsewhere in the log is none any more.
 */
export function* verifyFeed(
  store: ShardStore,
  feed: number,
  id: FeedId,
  hmacKey: Uint8Array | null,
): Generator<void, Verification> {
  const damaged: { sequence: number; reason: string }[] = []
  const note = (sequence: number, reason: string) => {
    if (damaged.length < MAX_LISTED) damaged.push({ sequence, reason })
    else unlisted += 1
  }
  let unlisted = 0
  const whole = new SequenceRanges()
  const lost: LostPlace[] = []
  let messages = 0
  let last: { sequence: number; key: MessageKey } | null = null
  const chainEnd = feed === -1 ? 0 : store.feedInfo(feed).sequence
  for (const frame of feed === -1 ? [] : store.walkFeed(feed)) {
    yield
    if (frame.kind === 'damaged') {
      const { sequence: from, lastSequence, reason } = frame
      const to = lastSequence === null ? Number.POSITIVE_INFINITY : lastSequence + 1
      const place = { from, to, isExact: lastSequence !== null, reason }
      if (lost.length < MAX_LISTED) lost.push(place)
      continue
    }
    const before = lost.at(-1)
    if (before?.to === Number.POSITIVE_INFINITY) before.to = frame.sequence
    whole.add(frame.sequence)
    messages += 1
    const read = readClassic(frame.message, hmacKey === null ? {} : { hmacKey })
    if (!read.ok) {
      note(frame.sequence, read.reason)
      continue
    }
    const { message } = read
    if (message.author !== id) note(frame.sequence, 'AUTHOR_MISMATCH')
    else if (message.sequence !== frame.sequence) note(frame.sequence, 'SEQUENCE')
    else if (!bytesEqual(message.keyBytes, frame.key)) note(frame.sequence, 'KEY')
    else if (!verifySignature(message)) note(frame.sequence, 'SIGNATURE')
    else if (message.sequence > 1 && message.sequence <= chainEnd) {
      const previous = message.sequence - 1
      const key = last?.sequence === previous ? last.key : keyAt(store, feed, previous)
      if (key !== null && message.previous !== key) note(frame.sequence, 'PREVIOUS')
    }
    last = { sequence: frame.sequence, key: messageKeyFromBytes(frame.key) }
  }
  for (const { from, to, isExact, reason } of lost) {
    for (let sequence = from; ; sequence++) {
      sequence = whole.firstMissing(sequence)
      if (sequence >= to) break
      note(sequence, reason)
      messages += 1
      if (!isExact) break
    }
  }
  damaged.sort((left, right) => left.sequence - right.sequence)
  return { messages, damaged, ...(unlisted === 0 ? {} : { unlisted }) }
}

/** The key of a message that lies elsewhere in the log; null for one that can't be read. */
function keyAt(store: ShardStore, feed: number, sequence: number): MessageKey | null {
  const row = store.rowAt(feed, sequence)
  if (row === -1) return null
  try {
    return messageKeyFromBytes(frameKey(store.readRow(row)))
  } catch (error) {
    if (isCodedError(error) && error.code === 'STORE_ROW_DAMAGED') return null
    throw error
  }
}
