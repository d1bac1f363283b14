import { writeHash, writeNumber, writeShort } from './ascii.js'
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

/** Everything around a message but its meta takes less than this. */
const AROUND_BYTES = 128

const KEY_ALONE = Buffer.from('"%')
const KEY_ALONE_END = Buffer.from('.sha256"')
const BEFORE_KEY = Buffer.from('{"key":"%')
const BEFORE_VALUE = Buffer.from('.sha256","value":')
const BEFORE_TIMESTAMP = Buffer.from(',"timestamp":')
const CLOSING_BRACE = 0x7d

/** A stored message at hand; `FrameReader` of the feed room is one. */
export interface StoredMessage {
  /** Memory that the message lies in. */
  readonly bytes: Buffer
  /** The 32 bytes of its key begin here in `bytes`. */
  readonly keyStart: number
  /** The message itself, compact JSON, is `bytes[messageStart, messageEnd)`. */
  readonly messageStart: number
  readonly messageEnd: number
  /** Local arrival, ms. */
  readonly received: number
}

/** A message, and where it and its key lie. */
interface Item {
  readonly bytes: Buffer
  /** -1 for a body that is sent as it stands. */
  readonly keyStart: number
  readonly start: number
  readonly end: number
  readonly received: number
  readonly meta: string | null
}

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
    const { bytes, keyStart, messageStart: start, messageEnd: end, received } = stored
    this.#items.push({ bytes, keyStart, start, end, received, meta })
    this.#sizeBytes += AROUND_BYTES
    if (this.#shape.values) this.#sizeBytes += end - start
    if (meta !== null) this.#sizeBytes += Buffer.byteLength(meta)
  }

  /** Adds a body that is no stored message as it stands. */
  pushJson(value: unknown): void {
    const bytes = Buffer.from(JSON.stringify(value))
    const end = bytes.length
    this.#items.push({ bytes, keyStart: -1, start: 0, end, received: 0, meta: null })
    this.#sizeBytes += bytes.length
  }

  /** What was collected; the batch is empty afterwards. */
  finish(): RawBatch {
    const items = this.#items
    const shape = this.#shape
    const batch = RawBatch.ofWriter(items.length, this.#sizeBytes, (writer) => {
      for (const item of items) writeItem(writer, item, shape)
    })
    this.#items = []
    this.#sizeBytes = 0
    return batch
  }
}

function writeItem(writer: BodyWriter, item: Item, { keys, values }: MessageShape): void {
  const { target, begin } = writer
  const { bytes, keyStart } = item
  if (keyStart === -1 || (values && !keys)) {
    writer.finish(begin + bytes.copy(target, begin, item.start, item.end))
  } else if (values) {
    writeWhole(writer, item)
  } else {
    const at = writeHash(target, writeShort(target, begin, KEY_ALONE), bytes, keyStart)
    writer.finish(writeShort(target, at, KEY_ALONE_END))
  }
}

function writeWhole(writer: BodyWriter, item: Item): void {
  const { target } = writer
  const { bytes, meta } = item
  let at = writeShort(target, writer.begin, BEFORE_KEY)
  at = writeHash(target, at, bytes, item.keyStart)
  at = writeShort(target, at, BEFORE_VALUE)
  at += bytes.copy(target, at, item.start, item.end)
  at = writeShort(target, at, BEFORE_TIMESTAMP)
  at = writeNumber(target, at, item.received)
  if (meta !== null) at += target.write(`,"meta":${meta}`, at)
  target[at] = CLOSING_BRACE
  writer.finish(at + 1)
}
