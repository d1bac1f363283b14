import { type FeedId, isCodedError, type MessageKey, messageKeyFromBytes } from '@dunbar/core'
import { readClassic, verifySignature } from '@dunbar/formats'
import { bytesEqual, frameKey } from './frame.js'
import type { ShardStore } from './shard-store.js'

/** What `verify` found in one feed. */
export interface Verification {
  /** Messages looked at. */
  readonly messages: number
  readonly damaged: readonly { readonly sequence: number; readonly reason: string }[]
}

/** Damaged messages listed by one call; further ones are left out. */
const MAX_LISTED = 1000

/**
 * Checks every stored message of a feed again as if it came from a stranger: frame, form, key,
 * chain and signature. Reads the whole log; about 50 µs a message.
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
  }
  let messages = 0
  let last: { sequence: number; key: MessageKey } | null = null
  const chainEnd = feed === -1 ? 0 : store.feedInfo(feed).sequence
  for (const frame of feed === -1 ? [] : store.walkFeed(feed)) {
    yield
    messages += 1
    if (frame.kind === 'damaged') {
      note(frame.sequence, frame.reason)
      continue
    }
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
      const before = message.sequence - 1
      const key = last?.sequence === before ? last.key : keyAt(store, feed, before)
      if (key !== null && message.previous !== key) note(frame.sequence, 'PREVIOUS')
    }
    last = { sequence: frame.sequence, key: messageKeyFromBytes(frame.key) }
  }
  return { messages, damaged }
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
