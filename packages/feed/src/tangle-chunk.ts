/**
 * Messages of a tangle on their way from a shard: their frames, and beside them what sorting needs,
 * in columns. Objects of one shape cost five times as much to clone between threads as columns do.
 * Keys are in the frames too, but making their text again takes longer than cloning it.
 */
import type { FeedId, MessageKey } from '@dunbar/core'
import { FrameReader } from './frame.js'
import type { FrameBatch, TangleChunk, TangleRow } from './protocol.js'

/** A message of a tangle, and where it lies. */
export interface TangleMessage extends TangleRow {
  /** The frames of its chunk. */
  readonly bytes: Buffer
  /** The 32 bytes of its key begin here in `bytes`. */
  readonly keyStart: number
  /** The message itself is `bytes[messageStart, messageEnd)`. */
  readonly messageStart: number
  readonly messageEnd: number
}

/** A chunk of these rows of the tangle of `root`, whose frames lie in `frames` in the same order. */
export function tangleChunk(
  root: MessageKey,
  rows: readonly TangleRow[],
  frames: FrameBatch,
): TangleChunk {
  const keys: MessageKey[] = []
  const authors: FeedId[] = []
  const timestamps: number[] = []
  const roots: (MessageKey | true | null)[] = []
  const forks: (MessageKey | null)[] = []
  const branches: (readonly MessageKey[])[] = []
  const isPrivate: boolean[] = []
  for (const row of rows) {
    keys.push(row.key)
    authors.push(row.author)
    timestamps.push(row.timestamp)
    roots.push(row.root === root ? true : row.root)
    forks.push(row.fork)
    branches.push(row.branch)
    isPrivate.push(row.isPrivate)
  }
  return { frames, root, keys, authors, timestamps, roots, forks, branches, isPrivate }
}

/** The messages of a chunk, in its order. */
export function tangleMessages(chunk: TangleChunk): TangleMessage[] {
  const reader = new FrameReader(chunk.frames)
  const { bytes } = reader
  return chunk.keys.map((key, index) => {
    reader.next()
    const root = chunk.roots[index]!
    return {
      key,
      author: chunk.authors[index]!,
      timestamp: chunk.timestamps[index]!,
      received: reader.received,
      root: root === true ? chunk.root : root,
      fork: chunk.forks[index]!,
      branch: chunk.branches[index]!,
      isPrivate: chunk.isPrivate[index]!,
      bytes,
      keyStart: reader.keyStart,
      messageStart: reader.messageStart,
      messageEnd: reader.messageEnd,
    }
  })
}
