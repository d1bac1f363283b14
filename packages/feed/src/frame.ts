/**
 * Frames: how a message lies in a log, in a cache and between threads.
 *
 *   0  u32  length    bytes of the message alone, 1 … 65,536
 *   4  u32  crc32c    over everything behind this field
 *   8  u32  sequence
 *  12  f64  received  ms
 *  20  32 bytes key
 *  52  message bytes
 *
 * All numbers are little-endian. The length is not under the checksum, but a wrong one moves the
 * end of what is summed. Every read is checked against the end of the bytes first: bytes from a
 * damaged disk lead to `torn` or `damaged`, never to a RangeError.
 */
import { MAX_SEQUENCE, type MessageKey, type Sequence } from '@dunbar/core'
import { crc32c } from '@node-rs/crc32'
import type { FrameBatch } from './protocol.js'
import { StoreError } from './store-error.js'

/** Bytes of a frame before its message. */
export const FRAME_HEADER_BYTES = 52
/** The longest legal message, every character of it `\u`-escaped, takes 47,306 bytes; the rest is slack. */
export const MAX_MESSAGE_BYTES = 65_536
/** No frame is longer. */
export const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + MAX_MESSAGE_BYTES

const CRC_OFFSET = 4
const SEQUENCE_OFFSET = 8
const RECEIVED_OFFSET = 12
const KEY_OFFSET = 20
const KEY_BYTES = 32

/** What `probeFrame` says of bytes that end before the frame does. */
export const TORN = 0
/** What `probeFrame` says of bytes that are no frame. */
export const DAMAGED = -1

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Writes one frame at `offset` and returns where it ends. `view` covers `target`, which has the room. */
export function encodeFrame(
  target: Uint8Array,
  view: DataView,
  offset: number,
  sequence: Sequence,
  received: number,
  keyBytes: Uint8Array,
  message: Uint8Array,
): number {
  const end = offset + FRAME_HEADER_BYTES + message.length
  view.setUint32(offset, message.length, true)
  view.setUint32(offset + SEQUENCE_OFFSET, sequence, true)
  view.setFloat64(offset + RECEIVED_OFFSET, received, true)
  target.set(keyBytes, offset + KEY_OFFSET)
  target.set(message, offset + FRAME_HEADER_BYTES)
  const sum = crc32c(target.subarray(offset + SEQUENCE_OFFSET, end))
  view.setUint32(offset + CRC_OFFSET, sum, true)
  return end
}

/**
 * Length in bytes of the whole frame at `offset`, `TORN` where the bytes end before it does, or
 * `DAMAGED` where its length, its fields or its checksum can't be right. Costs one checksum.
 */
export function probeFrame(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number = bytes.length,
): number {
  if (end - offset < FRAME_HEADER_BYTES) return TORN
  const length = view.getUint32(offset, true)
  if (length === 0 || length > MAX_MESSAGE_BYTES) return DAMAGED
  const sequence = view.getUint32(offset + SEQUENCE_OFFSET, true)
  if (sequence === 0 || sequence > MAX_SEQUENCE) return DAMAGED
  if (!Number.isFinite(view.getFloat64(offset + RECEIVED_OFFSET, true))) return DAMAGED
  const total = FRAME_HEADER_BYTES + length
  if (end - offset < total) return TORN
  const sum = crc32c(bytes.subarray(offset + SEQUENCE_OFFSET, offset + total))
  return view.getUint32(offset + CRC_OFFSET, true) === sum ? total : DAMAGED
}

/** Whether `frame` is exactly one whole frame with a right checksum. */
export function isWholeFrame(frame: Uint8Array): boolean {
  return probeFrame(frame, viewOf(frame), 0) === frame.length && frame.length > 0
}

/** The sequence in a whole frame. */
export const frameSequence = (frame: Uint8Array): Sequence =>
  viewOf(frame).getUint32(SEQUENCE_OFFSET, true)
/** The arrival in a whole frame, ms. */
export const frameReceived = (frame: Uint8Array): number =>
  viewOf(frame).getFloat64(RECEIVED_OFFSET, true)
/** The key in a whole frame: a view of 32 bytes. */
export const frameKey = (frame: Uint8Array): Uint8Array =>
  frame.subarray(KEY_OFFSET, FRAME_HEADER_BYTES)
/** The message in a whole frame: a view. */
export const frameMessage = (frame: Uint8Array): Uint8Array => frame.subarray(FRAME_HEADER_BYTES)

/** One frame in memory of its own. */
export function makeFrame(
  sequence: Sequence,
  received: number,
  keyBytes: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + message.length)
  encodeFrame(frame, viewOf(frame), 0, sequence, received, keyBytes, message)
  return frame
}

/** A frame, or frames one behind the other, in memory of their own, ready to be moved to another thread. */
export const singleFrame = (frame: Uint8Array): FrameBatch => new Uint8Array(frame).buffer

/** Whether two pieces of memory hold the same bytes. */
export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false
  }
  return true
}

/** Memory that a writer keeps between two uses; a rare larger batch is given back. */
const KEPT_WRITER_BYTES = 2 * 1024 * 1024

/** Fills one buffer with many frames. */
export class FrameWriter {
  #bytes: Uint8Array
  #view: DataView
  #end = 0

  constructor(sizeBytes = 4096) {
    this.#bytes = new Uint8Array(sizeBytes)
    this.#view = viewOf(this.#bytes)
  }

  get sizeBytes(): number {
    return this.#end
  }

  /** @throws {FRAME_TOO_LARGE} a message that is empty or longer than a frame may hold */
  push(sequence: Sequence, received: number, keyBytes: Uint8Array, message: Uint8Array): void {
    if (message.length === 0 || message.length > MAX_MESSAGE_BYTES) {
      throw new StoreError('FRAME_TOO_LARGE', `a message has 1 to ${MAX_MESSAGE_BYTES} bytes`, {
        sizeBytes: message.length,
      })
    }
    this.#reserve(FRAME_HEADER_BYTES + message.length)
    this.#end = encodeFrame(
      this.#bytes,
      this.#view,
      this.#end,
      sequence,
      received,
      keyBytes,
      message,
    )
  }

  /** Copies a whole frame, or several. */
  pushFrames(frames: Uint8Array): void {
    this.#reserve(frames.length)
    this.#bytes.set(frames, this.#end)
    this.#end += frames.length
  }

  /** What was written, as a view that the next `push` or `clear` ends. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  /** What was written, in memory of its own; the writer is empty afterwards. */
  finish(): FrameBatch {
    const batch = singleFrame(this.view())
    this.clear()
    return batch
  }

  clear(): void {
    this.#end = 0
    if (this.#bytes.length > KEPT_WRITER_BYTES) {
      this.#bytes = new Uint8Array(4096)
      this.#view = viewOf(this.#bytes)
    }
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.view())
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

/**
 * Goes through a batch frame by frame. The getters tell of the frame that `next` stopped at; they
 * allocate nothing but the views asked for. Checksums are not looked at: batches come from a store
 * that did.
 */
export class FrameReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  /** Where the frame at hand begins. */
  offset = 0
  /** Bytes of the frame at hand. */
  frameBytes = 0

  #buffer: Buffer | null = null

  constructor(batch: FrameBatch | Uint8Array) {
    this.#bytes = batch instanceof Uint8Array ? batch : new Uint8Array(batch)
    this.#view = viewOf(this.#bytes)
  }

  /** The batch. */
  get bytes(): Buffer {
    const { buffer, byteOffset, byteLength } = this.#bytes
    this.#buffer ??= Buffer.from(buffer, byteOffset, byteLength)
    return this.#buffer
  }

  /** Goes to the next frame; false at the end. @throws {FRAME_TORN} bytes that are no frame */
  next(): boolean {
    const at = this.offset + this.frameBytes
    if (at === this.#bytes.length) return false
    const left = this.#bytes.length - at
    const length = left < FRAME_HEADER_BYTES ? 0 : this.#view.getUint32(at, true)
    if (length === 0 || length > MAX_MESSAGE_BYTES || length > left - FRAME_HEADER_BYTES) {
      throw new StoreError('FRAME_TORN', 'the bytes end within a frame', { offset: at })
    }
    this.offset = at
    this.frameBytes = FRAME_HEADER_BYTES + length
    return true
  }

  /** Where the 32 bytes of its key begin in `bytes`. */
  get keyStart(): number {
    return this.offset + KEY_OFFSET
  }

  /** Where its message begins in `bytes`. */
  get messageStart(): number {
    return this.offset + FRAME_HEADER_BYTES
  }

  /** Where its message ends in `bytes`. */
  get messageEnd(): number {
    return this.offset + this.frameBytes
  }

  /** Its key as text. */
  get key(): MessageKey {
    const at = this.offset + KEY_OFFSET
    return `%${this.bytes.toString('base64', at, at + KEY_BYTES)}.sha256` as MessageKey
  }

  get sequence(): Sequence {
    return this.#view.getUint32(this.offset + SEQUENCE_OFFSET, true)
  }

  get received(): number {
    return this.#view.getFloat64(this.offset + RECEIVED_OFFSET, true)
  }

  /** A view of 32 bytes. */
  get keyBytes(): Uint8Array {
    const at = this.offset + KEY_OFFSET
    return this.#bytes.subarray(at, at + KEY_BYTES)
  }

  /** A view of the message. */
  get message(): Uint8Array {
    const at = this.offset + FRAME_HEADER_BYTES
    return this.#bytes.subarray(at, this.offset + this.frameBytes)
  }

  /** A view of the whole frame. */
  get frame(): Uint8Array {
    return this.#bytes.subarray(this.offset, this.offset + this.frameBytes)
  }
}
