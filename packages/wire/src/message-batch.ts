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

/** A stored message at hand; `FrameReader` of the feed room is one. */
export interface StoredMessage {
  /** The message id as text. */
  readonly key: string
  /** Memory that the message lies in. */
  readonly bytes: Buffer
  /** The message itself, compact JSON, is `bytes[messageStart, messageEnd)`. */
  readonly messageStart: number
  readonly messageEnd: number
  /** Local arrival, ms. */
  readonly received: number
}

/** A body: bytes of a message between two texts, either of which may be empty. */
interface Item {
  readonly before: string
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly after: string
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
    const { keys, values } = this.#shape
    const { bytes } = stored
    const start = stored.messageStart
    const end = values ? stored.messageEnd : start
    let before = ''
    let after = ''
    if (!values) {
      before = `"${stored.key}"`
    } else if (keys) {
      before = `{"key":"${stored.key}","value":`
      after = `,"timestamp":${stored.received}${meta === null ? '' : `,"meta":${meta}`}}`
    }
    this.#items.push({ before, bytes, start, end, after })
    this.#sizeBytes += end - start + AROUND_BYTES + (meta === null ? 0 : Buffer.byteLength(meta))
  }

  /** Adds a body that is no stored message as it stands. */
  pushJson(value: unknown): void {
    const bytes = Buffer.from(JSON.stringify(value))
    this.#items.push({ before: '', bytes, start: 0, end: bytes.length, after: '' })
    this.#sizeBytes += bytes.length
  }

  /** What was collected; the batch is empty afterwards. */
  finish(): RawBatch {
    const items = this.#items
    const batch = RawBatch.ofWriter(items.length, this.#sizeBytes, (writer) => {
      for (const item of items) writeItem(writer, item)
    })
    this.#items = []
    this.#sizeBytes = 0
    return batch
  }
}

function writeItem(writer: BodyWriter, { before, bytes, start, end, after }: Item): void {
  const { target } = writer
  let at = writer.begin
  if (before !== '') at += target.write(before, at)
  if (end > start) at += bytes.copy(target, at, start, end)
  if (after !== '') at += target.write(after, at)
  writer.finish(at)
}
