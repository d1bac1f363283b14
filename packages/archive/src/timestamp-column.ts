/**
 * Timestamps as differences, each to the one before it. What is no safe integer, or too far from the
 * one before it, is an exception with its value in full; its difference is 0, and the next one goes
 * on from the last that was none (from 0 where there is none).
 * @source ARCHIVE.md 2, MessageBlock
 */
import type * as flatbuffers from 'flatbuffers'
import { decodeZigzag1248, encodeZigzag1248 } from 'streamvbyte-wasm'
import { MessageBlock, StreamVByteArray1248, TimestampException } from './bipf2-generated.js'
import { malformedBlob } from './blob.js'
import type { BlockSketch } from './block-sketch.js'

export interface TimestampTables {
  readonly deltas: flatbuffers.Offset
  /** 0 where there are none. */
  readonly exceptions: flatbuffers.Offset
}

const isPlain = (timestamp: number): boolean =>
  Number.isSafeInteger(timestamp) && !Object.is(timestamp, -0)

export function writeTimestamps(
  builder: flatbuffers.Builder,
  timestamps: Float64Array,
): TimestampTables {
  const differences = new Float64Array(timestamps.length)
  const exceptions: number[] = []
  const first = timestamps[0]!
  let before = isPlain(first) ? first : 0
  for (let index = 0; index < timestamps.length; index++) {
    const timestamp = timestamps[index]!
    const difference = timestamp - before
    if (isPlain(timestamp) && Number.isSafeInteger(difference)) {
      differences[index] = difference
      before = timestamp
    } else exceptions.push(index)
  }
  const deltas = write1248(builder, differences)
  if (exceptions.length === 0) return { deltas, exceptions: 0 }
  MessageBlock.startTimestampExceptionsVector(builder, exceptions.length)
  for (const index of exceptions.reverse()) {
    TimestampException.createTimestampException(builder, timestamps[index]!, index)
  }
  return { deltas, exceptions: builder.endVector() }
}

/** The timestamps of a block of `length` messages, of which the first is known. */
function readTimestamps(block: MessageBlock, length: number, first: number): Float64Array {
  const timestamps = read1248(block.timestampDeltas(), length)
  if (timestamps.length !== length) throw malformedBlob('it has not one timestamp a message')
  if (timestamps[0] !== 0) throw malformedBlob('its first timestamp has a difference')
  const exceptionCount = block.timestampExceptionsLength()
  if (exceptionCount < 0 || exceptionCount > length) {
    throw malformedBlob('it has more exceptions than timestamps')
  }
  let before = isPlain(first) ? first : 0
  let from = 0
  for (let at = 0; at <= exceptionCount; at++) {
    const exception = at < exceptionCount ? block.timestampExceptions(at) : null
    const index = exception === null ? length : exception.index()
    if (index < from || index > length) throw malformedBlob('its exceptions are in no order')
    for (let plain = from; plain < index; plain++) {
      before += timestamps[plain]!
      if (!Number.isSafeInteger(before)) throw malformedBlob('it has timestamps out of range')
      timestamps[plain] = before
    }
    if (exception === null) break
    if (index === length || timestamps[index] !== 0 || !Number.isFinite(exception.value())) {
      throw malformedBlob('it has a false exception')
    }
    timestamps[index] = exception.value()
    from = index + 1
  }
  if (timestamps[0] !== first) throw malformedBlob('its first timestamp is another')
  return timestamps
}

/**
 * The timestamps of a block, checked against its sketch.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function checkedTimestamps(block: {
  readonly table: MessageBlock
  readonly sketch: BlockSketch
}): Float64Array {
  const { table, sketch } = block
  const timestamps = readTimestamps(table, sketch.length, sketch.firstTimestamp)
  let min = timestamps[0]!
  let max = min
  for (const timestamp of timestamps) {
    if (timestamp < min) min = timestamp
    if (timestamp > max) max = timestamp
  }
  const isAsSketched =
    timestamps.at(-1) === sketch.lastTimestamp &&
    min === sketch.minTimestamp &&
    max === sketch.maxTimestamp
  if (!isAsSketched) throw malformedBlob('its timestamps are not those of its sketch')
  return timestamps
}

/** Writes safe integers with their sign as a 1248 stream. */
export function write1248(builder: flatbuffers.Builder, values: Float64Array): flatbuffers.Offset {
  const { length, codes, values: bytes } = encodeZigzag1248(values)
  const codesAt = builder.createByteVector(codes)
  const bytesAt = builder.createByteVector(bytes)
  return StreamVByteArray1248.createStreamVByteArray1248(builder, length, codesAt, bytesAt)
}

/** The integers of a 1248 stream with their sign; none where the table is absent. @throws as `read1234` */
export function read1248(table: StreamVByteArray1248 | null, maxCount: number): Float64Array {
  if (table === null) return new Float64Array()
  const length = table.length()
  if (length > maxCount) throw malformedBlob(`it has more than ${maxCount} integers in a stream`)
  const empty = new Uint8Array()
  const codes = table.codesArray() ?? empty
  return decodeZigzag1248({ length, codes, values: table.valuesArray() ?? empty })
}
