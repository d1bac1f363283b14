import type { IncomingMessage, IncomingRun } from './append-run.js'
import {
  AUTHOR_OFFSET,
  INGEST_HEADER_BYTES,
  IngestReader,
  RECEIVED_OFFSET,
} from './ingest-batch.js'
import type { IngestBatch } from './protocol.js'

const KEY_BYTES = 32

/** Messages of one author, in the order they came. */
export interface AuthorMessages {
  /** The author's public key, 32 bytes. */
  readonly authorBytes: Uint8Array
  readonly messages: IncomingRun
}

/** The messages of a batch, whoever their author: views into the batch, no copies. */
export function incomingOf(batch: IngestBatch): IncomingMessage[] {
  const messages: IncomingMessage[] = []
  const reader = new IngestReader(batch)
  while (reader.next()) messages.push({ bytes: reader.message, receivedMs: reader.received })
  return messages
}

/** The messages of a batch by author: views into the batch, no copies. */
export function incomingByAuthor(batch: IngestBatch): AuthorMessages[] {
  const byAuthor = new Map<string, { authorBytes: Uint8Array; messages: EntriesOfBatch }>()
  const bytes = Buffer.from(batch)
  const view = new DataView(batch)
  const reader = new IngestReader(batch)
  while (reader.next()) {
    const { offset } = reader
    const authorAt = offset + AUTHOR_OFFSET
    const name = bytes.toString('latin1', authorAt, authorAt + KEY_BYTES)
    let entry = byAuthor.get(name)
    if (entry === undefined) {
      entry = { authorBytes: reader.authorBytes, messages: new EntriesOfBatch(bytes, view) }
      byAuthor.set(name, entry)
    }
    entry.messages.push(offset)
  }
  return [...byAuthor.values()]
}

/** Entries of a batch by where they begin: thousands wait for their turn, and a view of each would be garbage that is moved about. */
class EntriesOfBatch implements IncomingRun {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #offsets: number[] = []

  constructor(bytes: Buffer, view: DataView) {
    this.#bytes = bytes
    this.#view = view
  }

  get length(): number {
    return this.#offsets.length
  }

  push(offset: number): void {
    this.#offsets.push(offset)
  }

  at(index: number): IncomingMessage | undefined {
    const offset = this.#offsets[index]
    if (offset === undefined) return undefined
    const start = offset + INGEST_HEADER_BYTES
    return {
      bytes: this.#bytes.subarray(start, start + this.#view.getUint32(offset, true)),
      receivedMs: this.#view.getFloat64(offset + RECEIVED_OFFSET, true),
    }
  }
}
