/**
 * The follow graph of a shard's authors: for each pair (author, contact) the state in the author's
 * newest contact message about it, by sequence: a later message wins completely. `blocking` or
 * `flagged` is a block, whatever else stands beside it; else `following: true` is a follow; else
 * neither. What concerns the author itself and what names no feed is passed over. Encrypted contact
 * messages are not seen.
 */
import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import { grown, nextCapacity } from './columns.js'
import { FEED_SIGIL, type Seed } from './fingerprint.js'
import { IdTable } from './id-table.js'
import { contentObject, type IndexBuilder, type IndexedMessage } from './index-builders.js'
import { PairTable } from './pair-table.js'
import type { SnapshotReader, SnapshotWriter } from './snapshot.js'

export interface Contact {
  readonly dest: FeedId
  readonly state: 1 | 0 | -1
  /** Of the message that says so. */
  readonly sequence: number
}

export class ContactIndex implements IndexBuilder {
  readonly name = 'contacts'
  readonly version = 1
  readonly #ids: IdTable
  readonly #pairs: PairTable
  #state = new Int8Array(0)
  /** 0 where nothing is known (any more). */
  #sequence = new Uint32Array(0)

  constructor(seed: Seed) {
    this.#ids = new IdTable(seed, 'contacts/ids')
    this.#pairs = new PairTable(seed, 'contacts/pairs')
  }

  get sizeBytes(): number {
    return this.#ids.sizeBytes + this.#pairs.sizeBytes + this.#state.length * 5
  }

  fold(_row: number, { feed, sequence, content }: IndexedMessage): void {
    const said = contentObject(content)
    if (said === null || said.type !== 'contact') return
    const { contact } = said
    if (typeof contact !== 'string' || contact.charCodeAt(0) !== FEED_SIGIL) return
    const target = this.#ids.add(contact)
    if (target === -1) return
    const entry = this.#pairs.add(feed, target)
    if (entry >= this.#state.length) this.#reserve(entry + 1)
    if (sequence < (this.#sequence[entry] as number)) return
    this.#sequence[entry] = sequence
    this.#state[entry] = contactState(said)
  }

  dropFeed(feed: number): void {
    for (const entry of this.#pairs.ofAuthor(feed)) this.#sequence[entry] = 0
  }

  /** What a feed last said of each other one, in the order in which it first spoke of them. */
  contacts(feed: number, author: FeedId): Contact[] {
    const contacts: Contact[] = []
    this.each(feed, (target, state, sequence) => {
      const dest = this.id(target)
      if (dest !== author) contacts.push({ dest, state, sequence })
    })
    return contacts
  }

  /** As `contacts`, each other one by its number here; the author itself may be among them. */
  each(
    feed: number,
    visit: (target: number, state: Contact['state'], sequence: number) => void,
  ): void {
    for (const entry of this.#pairs.ofAuthor(feed)) {
      const sequence = this.#sequence[entry] as number
      if (sequence === 0) continue
      visit(this.#pairs.target(entry), this.#state[entry] as Contact['state'], sequence)
    }
  }

  /** The id behind a number. */
  id(target: number): FeedId {
    return feedIdFromBytes(this.#ids.bytes(target))
  }

  /** What a feed last said of one other; null for nothing, and for what is no feed id or the author's own. */
  contact(feed: number, author: FeedId, dest: unknown): Contact | null {
    if (typeof dest !== 'string' || dest.charCodeAt(0) !== FEED_SIGIL || dest === author)
      return null
    const target = this.#ids.find(dest)
    const entry = target === -1 ? -1 : this.#pairs.find(feed, target)
    const sequence = entry === -1 ? 0 : (this.#sequence[entry] as number)
    if (sequence === 0) return null
    return { dest: dest as FeedId, state: this.#state[entry] as 1 | 0 | -1, sequence }
  }

  save(writer: SnapshotWriter): void {
    this.#ids.save(writer)
    this.#pairs.save(writer)
    writer.changingColumn('contacts/state', this.#state, this.#pairs.count)
    writer.changingColumn('contacts/sequence', this.#sequence, this.#pairs.count)
  }

  load(reader: SnapshotReader): void {
    this.#ids.load(reader)
    this.#pairs.load(reader)
    this.#reserve(this.#pairs.count + 16)
    reader.column('contacts/state', this.#state, this.#pairs.count)
    reader.column('contacts/sequence', this.#sequence, this.#pairs.count)
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.#state.length, needed)
    this.#state = grown(this.#state, capacity)
    this.#sequence = grown(this.#sequence, capacity)
  }
}

/** The state that a contact message sets. @source protocol digest 5.1, npm ssb-friends */
function contactState(said: Readonly<Record<string, unknown>>): 1 | 0 | -1 {
  if (said.blocking || said.flagged) return -1
  return said.following === true ? 1 : 0
}
