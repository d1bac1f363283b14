/**
 * Messages of a tangle on their way from a shard: their frames, and beside them what sorting needs,
 * in columns. Objects of one shape cost five times as much to clone between threads as columns do;
 * key and arrival are in the frames and go no second time.
 */
import { messageKeyFromBytes } from '@dunbar/core'
import { FrameReader } from './frame.js'
import type { FrameBatch, TangleChunk, TangleRow } from './protocol.js'

/** A message of a tangle. */
export interface TangleMessage {
  readonly row: TangleRow
  /** Stands at the message's frame: a view into the chunk. */
  readonly frame: FrameReader
}

/** A chunk of these rows, whose frames lie in `frames` in the same order. */
export const tangleChunk = (rows: readonly TangleRow[], frames: FrameBatch): TangleChunk => ({
  frames,
  authors: rows.map(({ author }) => author),
  timestamps: rows.map(({ timestamp }) => timestamp),
  roots: rows.map(({ root }) => root),
  forks: rows.map(({ fork }) => fork),
  branches: rows.map(({ branch }) => branch),
  isPrivate: rows.map(({ isPrivate }) => isPrivate),
})

/** The messages of a chunk, in its order. */
export function tangleMessages(chunk: TangleChunk): TangleMessage[] {
  const bytes = new Uint8Array(chunk.frames)
  const reader = new FrameReader(bytes)
  return chunk.authors.map((author, index) => {
    reader.next()
    const frame = new FrameReader(reader.frame)
    frame.next()
    const row = {
      key: messageKeyFromBytes(frame.keyBytes),
      author,
      timestamp: chunk.timestamps[index]!,
      received: frame.received,
      root: chunk.roots[index]!,
      fork: chunk.forks[index]!,
      branch: chunk.branches[index]!,
      isPrivate: chunk.isPrivate[index]!,
    }
    return { row, frame }
  })
}
