import { messageKeyFromBytes } from '@dunbar/core'
import { type BodyWriter, RawBatch } from './raw.js'

/**
 * Stored messages as clients and peers get them, put together from bytes: nobody parses them. With
 * keys and values `{"key":…,"value":…,"timestamp":…}`, where `timestamp` is the local arrival; with
 * one of the two, that alone.
 */

/** What is given of each message. */
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

/** A stored message at hand; `FrameReader` of the feed room is one. */
export interface StoredMessage {
  /** 32 bytes. */
  readonly keyBytes: Uint8Array
  /** The message itself: compact JSON. */
  readonly message: Uint8Array
  /** Local arrival, ms. */
  readonly received: number
}

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
   * Adds a message; of a reader, the one that it stands at.
   * @param meta JSON text of what is told beside key and value
   */
  push(stored: StoredMessage, meta: string | null = null): void {
    const { keyBytes, message, received } = stored
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
