import { messageKeyFromBytes } from '@dunbar/core'
import { type FrameBatch, FrameReader } from '@dunbar/feed'
import { type BodyWriter, RawBatch } from '@dunbar/wire'

/**
 * Stored messages as clients get them, put together from bytes: nobody parses them. With keys and
 * values `{"key":…,"value":…,"timestamp":…}`, where `timestamp` is the local arrival; with one of
 * the two, that alone.
 */

export interface MessageShape {
  readonly keys: boolean
  readonly values: boolean
}

const KEY_PREFIX = Buffer.from('{"key":"')
const VALUE_PREFIX = Buffer.from('","value":')
const TIMESTAMP_PREFIX = Buffer.from(',"timestamp":')
const META_PREFIX = Buffer.from(',"meta":')
const CLOSE = Buffer.from('}')
/** Everything around a message but its meta takes less than this. */
const AROUND_BYTES = 128

interface FrameItem {
  readonly keyBytes: Uint8Array
  readonly message: Uint8Array
  readonly received: number
  readonly meta: Buffer | null
}

/** A message from its parts, or a body that is text already. */
type Item = FrameItem | Buffer

/** Collects messages for one send. What is pushed is kept as views until then, not copied. */
export class MessageBatch {
  readonly #shape: MessageShape
  #items: Item[] = []
  #sizeBytes = 0

  constructor(shape: MessageShape) {
    this.#shape = shape
  }

  /** An upper bound of what is sent. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get count(): number {
    return this.#items.length
  }

  /**
   * Adds the message that the reader stands at.
   * @param meta JSON text of what is told beside key and value
   */
  push(frame: FrameReader, meta: string | null = null): void {
    const { keyBytes, message, received } = frame
    const metaBytes = meta === null ? null : Buffer.from(meta)
    this.#items.push({ keyBytes, message, received, meta: metaBytes })
    this.#sizeBytes += message.length + AROUND_BYTES + (metaBytes?.length ?? 0)
  }

  /** Adds a body that is no stored message as it stands. */
  pushJson(value: unknown): void {
    const body = Buffer.from(JSON.stringify(value))
    this.#items.push(body)
    this.#sizeBytes += body.length
  }

  /** What was collected; the batch is empty afterwards. */
  finish(): RawBatch {
    const items = this.#items
    const shape = this.#shape
    const batch = RawBatch.ofWriter(items.length, this.#sizeBytes, (writer) => {
      for (const item of items) {
        if (Buffer.isBuffer(item))
          writer.finish(writer.begin + item.copy(writer.target, writer.begin))
        else writeItem(writer, item, shape)
      }
    })
    this.#items = []
    this.#sizeBytes = 0
    return batch
  }
}

function writeItem(writer: BodyWriter, item: FrameItem, { keys, values }: MessageShape): void {
  const { target } = writer
  let at = writer.begin
  const copy = (bytes: Uint8Array) => {
    target.set(bytes, at)
    at += bytes.length
  }
  const text = (ascii: string) => {
    at += target.write(ascii, at, 'latin1')
  }
  if (!values) {
    text(`"${messageKeyFromBytes(item.keyBytes)}"`)
  } else if (!keys) {
    copy(item.message)
  } else {
    copy(KEY_PREFIX)
    text(messageKeyFromBytes(item.keyBytes))
    copy(VALUE_PREFIX)
    copy(item.message)
    copy(TIMESTAMP_PREFIX)
    text(String(item.received))
    if (item.meta !== null) {
      copy(META_PREFIX)
      copy(item.meta)
    }
    copy(CLOSE)
  }
  writer.finish(at)
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
