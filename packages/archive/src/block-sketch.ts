/** What is known of a block without opening it. */
import {
  type FeedId,
  feedIdFromBytes,
  feedIdToBytes,
  MAX_SEQUENCE,
  type Sequence,
} from '@dunbar/core'
import type * as flatbuffers from 'flatbuffers'
import {
  ClassicFeedId,
  ClassicMessageBlockSketch,
  FormatSpecificBlockSketch,
  MessageBlockSketch,
  OriginalEncoding,
} from './bipf2-generated.js'
import { hashOf, malformedBlob } from './blob.js'

/** Which messages a block holds, and the ids that tie it to its feed (32 bytes each). */
export interface BlockSketch {
  readonly author: FeedId
  /** Messages, at least 1. */
  readonly length: number
  readonly firstSequence: Sequence
  /** As the author claims them: doubles that may be fractional and run backwards. */
  readonly firstTimestamp: number
  readonly lastTimestamp: number
  readonly minTimestamp: number
  readonly maxTimestamp: number
  /** Id of the message before the first one; null where that has none. */
  readonly previousHash: Uint8Array | null
  /** Id of the last message. */
  readonly lastHash: Uint8Array
}

/** Messages of a block that a reader takes. */
const maxLength = 1024

/** Sequence of the last message. */
export function lastSequenceOf({ firstSequence, length }: BlockSketch): Sequence {
  return firstSequence + length - 1
}

/** Writes a sketch into a table that is being built. Equal hashes are given as offsets in `shared`. */
export function writeBlockSketch(
  builder: flatbuffers.Builder,
  sketch: BlockSketch,
  shared: SharedOffsets = new SharedOffsets(),
): flatbuffers.Offset {
  const author = shared.get(sketch.author, () =>
    ClassicFeedId.createClassicFeedId(
      builder,
      builder.createByteVector(feedIdToBytes(sketch.author)),
      OriginalEncoding.SIGIL,
    ),
  )
  const hash = (bytes: Uint8Array) =>
    shared.get(Buffer.from(bytes).toString('latin1'), () => builder.createByteVector(hashOf(bytes)))
  const previous = sketch.previousHash === null ? 0 : hash(sketch.previousHash)
  const format = ClassicMessageBlockSketch.createClassicMessageBlockSketch(
    builder,
    author,
    previous,
    hash(sketch.lastHash),
  )
  return MessageBlockSketch.createMessageBlockSketch(
    builder,
    sketch.length,
    sketch.firstSequence,
    sketch.firstTimestamp,
    sketch.lastTimestamp,
    sketch.minTimestamp,
    sketch.maxTimestamp,
    FormatSpecificBlockSketch.ClassicMessageBlockSketch,
    format,
  )
}

/** Offsets of what stands in a blob already, so that what comes again is not written again. */
export class SharedOffsets {
  readonly #offsets = new Map<string, flatbuffers.Offset>()

  get(name: string, write: () => flatbuffers.Offset): flatbuffers.Offset {
    const known = this.#offsets.get(name)
    if (known !== undefined) return known
    const offset = write()
    this.#offsets.set(name, offset)
    return offset
  }
}

/**
 * The sketch in a table. Its numbers are possible ones; whether they
 * are true shows when the block is opened.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 */
export function readBlockSketch(table: MessageBlockSketch | null): BlockSketch {
  if (table === null) throw malformedBlob('a block has no sketch')
  if (table.formatType() !== FormatSpecificBlockSketch.ClassicMessageBlockSketch) {
    throw malformedBlob('a block is of a format that is not known')
  }
  const format: ClassicMessageBlockSketch | null = table.format(new ClassicMessageBlockSketch())
  const feed = format?.author() ?? null
  if (format === null || feed === null || feed.encoding() !== OriginalEncoding.SIGIL) {
    throw malformedBlob('a block has no author')
  }
  const previous = format.previousMessageHashArray()
  const sketch: BlockSketch = {
    author: feedIdFromBytes(hashOf(feed.keyArray())),
    length: table.length(),
    firstSequence: table.sequenceNumberBase(),
    firstTimestamp: table.firstTimestamp(),
    lastTimestamp: table.lastTimestamp(),
    minTimestamp: table.minTimestamp(),
    maxTimestamp: table.maxTimestamp(),
    previousHash: previous === null ? null : hashOf(previous),
    lastHash: hashOf(format.lastMessageHashArray()),
  }
  checkNumbers(sketch)
  return sketch
}

function checkNumbers(sketch: BlockSketch): void {
  const { length, firstSequence, minTimestamp, maxTimestamp } = sketch
  if (length < 1 || length > maxLength) throw malformedBlob('a block has no or too many messages')
  if (firstSequence < 1 || lastSequenceOf(sketch) > MAX_SEQUENCE) {
    throw malformedBlob('a block begins or ends at an impossible sequence')
  }
  if (!Number.isFinite(minTimestamp) || !Number.isFinite(maxTimestamp)) {
    throw malformedBlob('a block has an impossible timestamp')
  }
  for (const timestamp of [sketch.firstTimestamp, sketch.lastTimestamp]) {
    if (!(timestamp >= minTimestamp && timestamp <= maxTimestamp)) {
      throw malformedBlob('a block begins or ends outside of its own time')
    }
  }
}
