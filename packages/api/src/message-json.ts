import { messageKeyFromBytes } from '@dunbar/core'
import { type FrameBatch, FrameReader } from '@dunbar/feed'
import { RawBatch } from '@dunbar/wire'

/**
 * Stored messages as clients get them, put together from bytes: nobody parses them. With keys and
 * values `{"key":…,"value":…,"timestamp":…}`, where `timestamp` is the local arrival; with one of
 * the two, that alone.
 */

export interface MessageShape {
  readonly keys: boolean
  readonly values: boolean
}

/** Everything around a message takes less than this. */
const AROUND_BYTES = 160
const KEY_PREFIX = Buffer.from('{"key":"')
const VALUE_PREFIX = Buffer.from('","value":')
const TIMESTAMP_PREFIX = Buffer.from(',"timestamp":')

/** Collects messages for one send. */
export class MessageJsonWriter {
  readonly #shape: MessageShape
  #bytes: Buffer
  #end = 0
  #ranges: number[] = []

  constructor(shape: MessageShape) {
    this.#shape = shape
    this.#bytes = Buffer.allocUnsafeSlow(16 * 1024)
  }

  get sizeBytes(): number {
    return this.#end
  }

  get count(): number {
    return this.#ranges.length / 2
  }

  /** Adds the frame that the reader stands at. */
  push(frame: FrameReader): void {
    this.pushParts(frame.keyBytes, frame.message, frame.received)
  }

  pushParts(keyBytes: Uint8Array, message: Uint8Array, received: number): void {
    this.#reserve(message.length + AROUND_BYTES)
    const start = this.#end
    const { keys, values } = this.#shape
    if (keys && values) {
      this.#copy(KEY_PREFIX)
      this.#text(messageKeyFromBytes(keyBytes))
      this.#copy(VALUE_PREFIX)
      this.#copy(message)
      this.#copy(TIMESTAMP_PREFIX)
      this.#text(String(received))
      this.#text('}')
    } else if (values) {
      this.#copy(message)
    } else {
      this.#text(`"${messageKeyFromBytes(keyBytes)}"`)
    }
    this.#ranges.push(start, this.#end)
  }

  /** Any other JSON body, such as a message with more beside it. */
  pushText(json: string): void {
    const bytes = Buffer.from(json)
    this.#reserve(bytes.length)
    const start = this.#end
    this.#copy(bytes)
    this.#ranges.push(start, this.#end)
  }

  /** What was collected; the writer is empty afterwards. */
  finish(): RawBatch {
    const batch = RawBatch.ofRanges(
      this.#bytes.subarray(0, this.#end),
      Uint32Array.from(this.#ranges),
    )
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(this.#end, 4096))
    this.#end = 0
    this.#ranges = []
    return batch
  }

  #copy(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** ASCII. */
  #text(text: string): void {
    this.#end += this.#bytes.write(text, this.#end, 'latin1')
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }
}

/** One message with key, value and arrival, as JSON text. */
export function messageJson(batch: FrameBatch): string {
  const frame = new FrameReader(batch)
  frame.next()
  const value = Buffer.from(frame.message).toString()
  const key = messageKeyFromBytes(frame.keyBytes)
  return `{"key":"${key}","value":${value},"timestamp":${frame.received}}`
}

/** The message alone, parsed. */
export function messageValue(batch: FrameBatch): Record<string, unknown> {
  const frame = new FrameReader(batch)
  frame.next()
  return JSON.parse(Buffer.from(frame.message).toString())
}
