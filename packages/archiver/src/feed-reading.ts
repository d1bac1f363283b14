import { type MessageKey, messageKeyFromBytes, type Sequence } from '@dunbar/core'
import { type FeedClient, type FrameBatch, FrameReader } from '@dunbar/feed'

/** Messages of one feed as the log keeps them, in order of sequence. */
export interface FrameRun {
  readonly frames: readonly FrameBatch[]
  /** Whether the last one asked for is among them. */
  readonly isWhole: boolean
}

/**
 * Reads messages of a feed until the last one, or until there are more than `maxBytes` of them. What
 * is missing in between is missing here too.
 */
export async function readFrames(
  feed: FeedClient,
  first: Sequence,
  last: Sequence,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<FrameRun> {
  const frames: FrameBatch[] = []
  let bytes = 0
  const range = { from: first, to: last }
  for await (const chunk of feed.read(range, signal === undefined ? {} : { signal })) {
    if ('sync' in chunk) continue
    if (bytes + chunk.frames.byteLength > maxBytes && bytes > 0) return { frames, isWhole: false }
    frames.push(chunk.frames)
    bytes += chunk.frames.byteLength
  }
  return { frames, isWhole: true }
}

/** The key of the message at a sequence; null where it is not held. */
export async function keyAt(feed: FeedClient, sequence: Sequence): Promise<MessageKey | null> {
  const frame = await feed.get(sequence)
  return frame === null ? null : keyOf(frame)
}

/** The key in a batch of one. */
export function keyOf(frame: FrameBatch): MessageKey {
  const reader = new FrameReader(frame)
  reader.next()
  return messageKeyFromBytes(reader.keyBytes)
}
