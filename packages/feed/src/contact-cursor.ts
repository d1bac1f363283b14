import type { Chunk, Cursor } from '@dunbar/actor'
import { isCodedError } from '@dunbar/core'
import { ContactChunkWriter } from './contact-chunk.js'
import { frameMessage } from './frame.js'
import type { ContactChunk, ContactColumns, ContactRow } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'
import { decodeStored } from './stored-message.js'

/** A chunk ends with the feed that brings it to this many contacts, or ids, of which one costs as much as ten contacts. */
const CHUNK_CONTACTS = 4096
const CHUNK_IDS = 512
/** Feeds looked at in one pull, also where they say nothing of anybody. */
const CHUNK_FEEDS = 1024
/** Rows behind the mark that are looked at in one pull. */
const NEWS_ROWS = 8192
/** Contact messages read in one pull: about 1 ms. */
const NEWS_MESSAGES = 32

/**
 * What all authors of a shard last said of others, then what they say anew: of a contact message
 * that arrives the pair is told, with what holds for it at that moment, which a message that comes
 * late and out of order does not change. A chunk may be empty.
 */
export class ContactCursor implements Cursor {
  readonly #store: ShardStore
  readonly #isLive: boolean
  readonly #closed: () => void
  readonly #generation: number
  readonly #feeds: Uint32Array
  #position = 0
  #isSynced = false
  #watermark: number

  constructor(store: ShardStore, isLive: boolean, closed: () => void) {
    this.#store = store
    this.#isLive = isLive
    this.#closed = closed
    this.#generation = store.generation
    this.#feeds = store.feedNumbers()
    this.#watermark = store.rowCount
  }

  /** @throws {INDEX_REBUILT} */
  pull(): Chunk | 'wait' | 'end' {
    assertSameGeneration(this.#store, this.#generation)
    if (this.#position < this.#feeds.length) return chunkOf(this.#held())
    if (!this.#isLive) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      return { value: { sync: true } satisfies ContactChunk }
    }
    const contacts = this.#news()
    const isEmpty = contacts.states.length === 0 && this.#watermark === this.#store.rowCount
    return isEmpty ? 'wait' : chunkOf(contacts)
  }

  close(): void {
    this.#closed()
  }

  #held(): ContactColumns {
    const writer = new ContactChunkWriter()
    const places = new Map<number, number>()
    const end = Math.min(this.#feeds.length, this.#position + CHUNK_FEEDS)
    while (this.#position < end && writer.count < CHUNK_CONTACTS && writer.idCount < CHUNK_IDS) {
      const feed = this.#feeds[this.#position++]!
      const source = writer.place(this.#store.feedId(feed))
      this.#store.contactNumbers(feed, (number, state) => {
        let dest = places.get(number)
        if (dest === undefined) {
          dest = writer.place(this.#store.contactId(number))
          places.set(number, dest)
        }
        if (dest !== source) writer.push(source, dest, state)
      })
    }
    return writer.finish()
  }

  #news(): ContactColumns {
    const contacts = new Map<string, ContactRow>()
    const end = Math.min(this.#store.rowCount, this.#watermark + NEWS_ROWS)
    for (let left = NEWS_MESSAGES; this.#watermark < end && left > 0; this.#watermark++) {
      const row = this.#watermark
      if (!this.#store.isLive(row) || this.#store.typeOf(row) !== 'contact') continue
      left -= 1
      const contact = this.#contactOf(row)
      if (contact !== null) contacts.set(contact.source + contact.dest, contact)
    }
    const writer = new ContactChunkWriter()
    for (const { source, dest, state } of contacts.values()) {
      writer.push(writer.place(source), writer.place(dest), state)
    }
    return writer.finish()
  }

  #contactOf(row: number): ContactRow | null {
    let content: unknown
    try {
      content = decodeStored(frameMessage(this.#store.readRow(row)))?.content
    } catch (error) {
      // The index knows what a damaged message said; those who read later get it from there.
      if (isCodedError(error)) return null
      throw error
    }
    const dest = (content as { contact?: unknown } | null | undefined)?.contact
    const feed = this.#store.feedOf(row)
    const contact = this.#store.contact(feed, dest)
    if (contact === null) return null
    return { source: this.#store.feedId(feed), dest: contact.dest, state: contact.state }
  }
}

const chunkOf = (contacts: ContactColumns): Chunk => ({ value: contacts satisfies ContactChunk })
