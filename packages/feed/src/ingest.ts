import type { IncomingMessage } from './append-run.js'
import { IngestReader } from './ingest-batch.js'
import type { IngestBatch } from './protocol.js'

/** Messages of one author, in the order they came. */
export interface AuthorMessages {
  /** The author's public key, 32 bytes. */
  readonly authorBytes: Uint8Array
  readonly messages: IncomingMessage[]
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
  const byAuthor = new Map<string, AuthorMessages>()
  const reader = new IngestReader(batch)
  while (reader.next()) {
    const { authorBytes } = reader
    const name = Buffer.from(authorBytes.buffer, authorBytes.byteOffset, 32).toString('latin1')
    let entry = byAuthor.get(name)
    if (entry === undefined) {
      entry = { authorBytes, messages: [] }
      byAuthor.set(name, entry)
    }
    entry.messages.push({ bytes: reader.message, receivedMs: reader.received })
  }
  return [...byAuthor.values()]
}
