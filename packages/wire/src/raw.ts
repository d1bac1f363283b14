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

/** Writes the bodies of a batch, one behind the other, into the memory that is sent. */
export interface BodyWriter {
  /** Where the body is written: `begin` and all behind it. */
  readonly target: Buffer
  readonly begin: number
  /** Ends the body at `end` and begins the next one. */
  finish(end: number): void
}

/**
 * Many JSON bodies, sent as that many items of one stream in one go. Meant for pieces of about
 * 64 KiB: one step of the iterator, one allocation and one write for some hundred messages.
 * Bodies are sent as they are; empty ones, which the framing can't express, are left out.
 */
export class RawBatch {
  readonly #maxCount: number
  readonly #maxBytes: number
  readonly #write: (writer: BodyWriter) => void

  private constructor(maxCount: number, maxBytes: number, write: (writer: BodyWriter) => void) {
    this.#maxCount = maxCount
    this.#maxBytes = maxBytes
    this.#write = write
  }

  /**
   * Bodies that are put together right where they are sent from.
   * @param maxCount bodies at most
   * @param maxBytes bytes of all bodies at most; memory for that is taken
   * @param write called whenever the batch is sent
   */
  static ofWriter(
    maxCount: number,
    maxBytes: number,
    write: (writer: BodyWriter) => void,
  ): RawBatch {
    return new RawBatch(maxCount, maxBytes, write)
  }

  /** Each piece is one body. The pieces are kept, not copied. */
  static ofBodies(bodies: readonly Uint8Array[]): RawBatch {
    const sizeBytes = bodies.reduce((sum, body) => sum + body.length, 0)
    return new RawBatch(bodies.length, sizeBytes, (writer) => {
      for (const body of bodies) {
        writer.target.set(body, writer.begin)
        writer.finish(writer.begin + body.length)
      }
    })
  }

  /**
   * Body `i` is `bytes[ranges[2i], ranges[2i + 1])`, so that gaps are possible. Both are kept, not copied.
   * @throws {RangeError} where a range does not lie in `bytes`
   */
  static ofRanges(bytes: Uint8Array, ranges: Uint32Array): RawBatch {
    let sizeBytes = 0
    for (let i = 0; i < ranges.length; i += 2) {
      const start = ranges[i]!
      const end = ranges[i + 1]
      if (end === undefined || end < start || end > bytes.length) {
        throw new RangeError(`range ${i / 2} of a batch does not lie in its ${bytes.length} bytes`)
      }
      sizeBytes += end - start
    }
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new RawBatch(ranges.length / 2, sizeBytes, (writer) => {
      for (let i = 0; i < ranges.length; i += 2) {
        const copied = view.copy(writer.target, writer.begin, ranges[i]!, ranges[i + 1]!)
        writer.finish(writer.begin + copied)
      }
    })
  }

  /** The bodies as frames of stream `number`, one behind the other; empty where there is none. */
  frames(number: number): Buffer {
    const frames = new FrameBodies(number, this.#maxBytes + this.#maxCount * HEADER_BYTES)
    this.#write(frames)
    return frames.written()
  }
}

const ITEM_FLAGS = STREAM_FLAG | JSON_BODY

/** Puts a header before each body as it is finished. */
class FrameBodies implements BodyWriter {
  readonly target: Buffer
  readonly #number: number
  #frameBegin = 0

  constructor(number: number, maxBytes: number) {
    // Memory of its own: a piece this large must not keep a pool alive while the socket is slow.
    this.target = Buffer.allocUnsafeSlow(maxBytes)
    this.#number = number
  }

  get begin(): number {
    return this.#frameBegin + HEADER_BYTES
  }

  finish(end: number): void {
    const sizeBytes = end - this.begin
    if (sizeBytes === 0) return
    writeHeader(this.target, this.#frameBegin, ITEM_FLAGS, sizeBytes, this.#number)
    this.#frameBegin = end
  }

  written(): Buffer {
    return this.target.subarray(0, this.#frameBegin)
  }
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
