import { WireError } from './errors.js'
import {
  BINARY_BODY,
  HEADER_BYTES,
  JSON_BODY,
  STREAM_FLAG,
  TEXT_BODY,
  writeHeader,
} from './frame.js'

/** JSON that is there as bytes and is sent as it is. The bytes must be one JSON text; they are not looked at. */
export class RawJson {
  readonly bytes: Uint8Array

  /** @param bytes kept, not copied: don't write to them until they are sent */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/**
 * Many JSON bodies, sent as that many items of one stream in one go. Meant for pieces of about
 * 64 KiB: one step of the iterator, one allocation and one write for some hundred messages.
 * Bodies are sent as they are; empty ones, which the framing can't express, are left out.
 */
export class RawBatch {
  readonly #bytes: Buffer | null
  readonly #ranges: Uint32Array | null
  readonly #bodies: readonly Uint8Array[]

  private constructor(
    bytes: Buffer | null,
    ranges: Uint32Array | null,
    bodies: readonly Uint8Array[],
  ) {
    this.#bytes = bytes
    this.#ranges = ranges
    this.#bodies = bodies
  }

  /** Each piece is one body. The pieces are kept, not copied. */
  static ofBodies(bodies: readonly Uint8Array[]): RawBatch {
    return new RawBatch(null, null, bodies)
  }

  /**
   * Body `i` is `bytes[ranges[2i], ranges[2i + 1])`, so that gaps are possible. Both are kept, not copied.
   * @throws {RangeError} where a range does not lie in `bytes`
   */
  static ofRanges(bytes: Uint8Array, ranges: Uint32Array): RawBatch {
    for (let i = 0; i < ranges.length; i += 2) {
      const start = ranges[i]!
      const end = ranges[i + 1]
      if (end === undefined || end < start || end > bytes.length) {
        throw new RangeError(`range ${i / 2} of a batch does not lie in its ${bytes.length} bytes`)
      }
    }
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new RawBatch(view, ranges, [])
  }

  /** The bodies as frames of stream `number`, one behind the other; empty where there is none. */
  frames(number: number): Buffer {
    return this.#bytes !== null && this.#ranges !== null
      ? framesOfRanges(this.#bytes, this.#ranges, number)
      : framesOfBodies(this.#bodies, number)
  }
}

const ITEM_FLAGS = STREAM_FLAG | JSON_BODY

function framesOfRanges(bytes: Buffer, ranges: Uint32Array, number: number): Buffer {
  let sizeBytes = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const bodyBytes = ranges[i + 1]! - ranges[i]!
    if (bodyBytes > 0) sizeBytes += HEADER_BYTES + bodyBytes
  }
  const target = Buffer.allocUnsafe(sizeBytes)
  let at = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const start = ranges[i]!
    const end = ranges[i + 1]!
    if (end === start) continue
    at = writeHeader(target, at, ITEM_FLAGS, end - start, number)
    at += bytes.copy(target, at, start, end)
  }
  return target
}

function framesOfBodies(bodies: readonly Uint8Array[], number: number): Buffer {
  let sizeBytes = 0
  for (const body of bodies) if (body.length > 0) sizeBytes += HEADER_BYTES + body.length
  const target = Buffer.allocUnsafe(sizeBytes)
  let at = 0
  for (const body of bodies) {
    if (body.length === 0) continue
    at = writeHeader(target, at, ITEM_FLAGS, body.length, number)
    target.set(body, at)
    at += body.length
  }
  return target
}

/** A body as it goes into a frame. */
export class EncodedBody {
  readonly type: number
  readonly bytes: Uint8Array

  constructor(type: number, bytes: Uint8Array) {
    this.type = type
    this.bytes = bytes
  }
}

/**
 * The body of a value: text for strings, binary for byte arrays, JSON for the rest; `undefined`
 * becomes `false`, as in packet-stream. An empty string is sent as JSON, since an empty body means
 * goodbye; an empty byte array is null: there is nothing to send.
 * @throws {UNSENDABLE} where the value is no JSON or larger than `maxBytes`
 */
export function encodeBody(value: unknown, maxBytes: number): EncodedBody | null {
  const body = bodyOf(value)
  if (body === null || body.bytes.length <= maxBytes) return body
  throw new WireError(
    'UNSENDABLE',
    `a value of ${body.bytes.length} bytes is larger than the ${maxBytes} that can be sent`,
    { sizeBytes: body.bytes.length, maxBytes },
  )
}

function bodyOf(value: unknown): EncodedBody | null {
  if (value instanceof RawJson) {
    return value.bytes.length === 0 ? null : new EncodedBody(JSON_BODY, value.bytes)
  }
  if (typeof value === 'string' && value !== '') {
    return new EncodedBody(TEXT_BODY, Buffer.from(value, 'utf8'))
  }
  if (value instanceof Uint8Array) {
    return value.length === 0 ? null : new EncodedBody(BINARY_BODY, value)
  }
  return new EncodedBody(JSON_BODY, Buffer.from(jsonText(value), 'utf8'))
}

/**
 * The JSON text of a value; `undefined` becomes `false`.
 * @throws {UNSENDABLE} for cycles, bigints, functions and symbols
 */
export function jsonText(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value === undefined ? false : value)
  } catch {
    text = undefined
  }
  if (text === undefined) {
    throw new WireError('UNSENDABLE', `a ${typeof value} can't be sent: it has no JSON form`)
  }
  return text
}
