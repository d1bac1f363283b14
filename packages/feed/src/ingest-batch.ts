import type { IngestBatch } from './protocol.js'
import { StoreError } from './store-error.js'

/** Bytes of an entry before its message: `u32 length · f64 received · 32-byte author key`. */
export const INGEST_HEADER_BYTES = 44
/**
 * A message as it came from a peer may be longer than what is stored of it; this is the frame
 * limit of the wire.
 */
export const MAX_INGEST_MESSAGE_BYTES = 65_536

export const RECEIVED_OFFSET = 4
export const AUTHOR_OFFSET = 12

/** Collects messages for one shard in one buffer. */
export class IngestWriter {
  #bytes: Uint8Array
  #view: DataView
  #end = 0
  #messageCount = 0

  constructor(sizeBytes = 16_384) {
    this.#bytes = new Uint8Array(sizeBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get sizeBytes(): number {
    return this.#end
  }

  get messageCount(): number {
    return this.#messageCount
  }

  /**
   * @param received arrival in ms, NaN for the moment of appending
   * @param authorBytes the author's public key, 32 bytes
   * @throws {FRAME_TOO_LARGE} a message that is empty or longer than the wire allows
   */
  push(received: number, authorBytes: Uint8Array, message: Uint8Array): void {
    if (message.length === 0 || message.length > MAX_INGEST_MESSAGE_BYTES) {
      throw new StoreError(
        'FRAME_TOO_LARGE',
        `a message has 1 to ${MAX_INGEST_MESSAGE_BYTES} bytes`,
        { sizeBytes: message.length },
      )
    }
    const end = this.#end + INGEST_HEADER_BYTES + message.length
    if (end > this.#bytes.length) this.#grow(end)
    this.#view.setUint32(this.#end, message.length, true)
    this.#view.setFloat64(this.#end + RECEIVED_OFFSET, received, true)
    this.#bytes.set(authorBytes, this.#end + AUTHOR_OFFSET)
    this.#bytes.set(message, this.#end + INGEST_HEADER_BYTES)
    this.#end = end
    this.#messageCount += 1
  }

  /** The batch in memory of its own, to be moved to the shard; the writer is empty afterwards. */
  finish(): IngestBatch {
    const batch = this.#bytes.slice(0, this.#end).buffer as ArrayBuffer
    this.#end = 0
    this.#messageCount = 0
    return batch
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Goes through a batch entry by entry; the getters tell of the entry that `next` stopped at. */
export class IngestReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0
  #entryBytes = 0

  constructor(batch: IngestBatch) {
    this.#bytes = new Uint8Array(batch)
    this.#view = new DataView(batch)
  }

  /** Goes to the next entry; false at the end. @throws {FRAME_TORN} bytes that are no entry */
  next(): boolean {
    const at = this.#offset + this.#entryBytes
    if (at === this.#bytes.length) return false
    const left = this.#bytes.length - at
    const length = left < INGEST_HEADER_BYTES ? 0 : this.#view.getUint32(at, true)
    if (length === 0 || length > MAX_INGEST_MESSAGE_BYTES || length > left - INGEST_HEADER_BYTES) {
      throw new StoreError('FRAME_TORN', 'the bytes end within an entry', { offset: at })
    }
    this.#offset = at
    this.#entryBytes = INGEST_HEADER_BYTES + length
    return true
  }

  /** Where the entry begins in the batch. */
  get offset(): number {
    return this.#offset
  }

  /** Ms; NaN where the sender does not know. */
  get received(): number {
    return this.#view.getFloat64(this.#offset + RECEIVED_OFFSET, true)
  }

  /** The author's public key: a view of 32 bytes. */
  get authorBytes(): Uint8Array {
    const at = this.#offset + AUTHOR_OFFSET
    return this.#bytes.subarray(at, at + 32)
  }

  /** A view of the message. */
  get message(): Uint8Array {
    const at = this.#offset + INGEST_HEADER_BYTES
    return this.#bytes.subarray(at, this.#offset + this.#entryBytes)
  }
}
