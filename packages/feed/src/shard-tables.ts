/**
 * All that a shard derives from its logs, in memory: the tables of feeds and messages and the
 * indexes over their content. Knows no files.
 */
import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import { LRUCache } from 'lru-cache'
import { AboutIndex } from './about-index.js'
import { NONE } from './columns.js'
import { ContactIndex } from './contact-index.js'
import { FeedTable, GONE, UNSORTED } from './feed-table.js'
import { type Seed, seedFrom } from './fingerprint.js'
import type { IndexBuilder } from './index-builders.js'
import { LinkIndex } from './link-index.js'
import { MessageTable } from './message-table.js'
import type { Order } from './protocol.js'
import { type Bounds, RowOrder } from './row-order.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'
import { typeOfContent } from './stored-message.js'

/** Counts up when the columns of the tables of feeds and messages change their meaning. */
const TABLES_VERSION = 2
/** Lists of the rows of feeds that were read lately. */
const ROW_LISTS_BYTES = 4 * 1024 * 1024
/** A place this near to the newest message is found by going back from there. */
const NEAR = 64

/** A message that is in a log. */
export interface PlacedMessage {
  readonly keyBytes: Uint8Array
  readonly sequence: number
  readonly offset: number
  readonly length: number
  readonly received: number
  readonly timestamp: number
  readonly content: unknown
}

export class ShardTables {
  readonly feeds: FeedTable
  readonly messages: MessageTable
  links: LinkIndex
  contacts: ContactIndex
  abouts: AboutIndex
  readonly #seed: Seed
  readonly #orders: Readonly<Record<Order, RowOrder>>
  readonly #rowLists = new LRUCache<number, Uint32Array>({
    maxSize: ROW_LISTS_BYTES,
    sizeCalculation: (rows) => rows.byteLength + 128,
  })

  constructor(seed: Seed) {
    this.#seed = seed
    this.feeds = new FeedTable(seed)
    this.messages = new MessageTable(seed)
    this.links = new LinkIndex(seed)
    this.contacts = new ContactIndex(seed)
    this.abouts = new AboutIndex(seed)
    this.#orders = { received: this.#order('received'), claimed: this.#order('claimed') }
  }

  get builders(): readonly IndexBuilder[] {
    return [this.links, this.contacts, this.abouts]
  }

  get sizeBytes(): number {
    let sum = this.feeds.sizeBytes + this.messages.sizeBytes
    for (const builder of this.builders) sum += builder.sizeBytes
    for (const order of Object.values(this.#orders)) sum += order.sizeBytes
    return sum + this.#rowLists.calculatedSize
  }

  feedId(feed: number): FeedId {
    return feedIdFromBytes(this.feeds.id(feed))
  }

  /** Adds a message of a feed and tells the indexes; leaves the head where it is. Returns the row. */
  add(feed: number, message: PlacedMessage): number {
    const { feeds, messages } = this
    const row = messages.add({
      keyBytes: message.keyBytes,
      feed,
      sequence: message.sequence,
      offset: message.offset,
      length: message.length,
      received: message.received,
      timestamp: message.timestamp,
      type: typeOfContent(message.content),
      previousInFeed: feeds.lastRow[feed] as number,
    })
    feeds.lastRow[feed] = row
    feeds.messages[feed] = (feeds.messages[feed] as number) + 1
    if (message.sequence > (feeds.highest[feed] as number)) feeds.highest[feed] = message.sequence
    else feeds.set(feed, UNSORTED, true)
    const indexed = { feed, sequence: message.sequence, content: message.content }
    this.links.fold(row, indexed)
    this.contacts.fold(row, indexed)
    this.abouts.fold(row, indexed)
    if (this.#rowLists.size > 0) this.#rowLists.delete(feed)
    return row
  }

  /** Takes the messages of a feed out. The feed itself stays, empty, with the flags given. */
  dropFeed(feed: number, keptFlags: number): void {
    const { feeds, messages } = this
    for (
      let row = feeds.lastRow[feed] as number;
      row !== NONE;
      row = messages.previousInFeed[row]!
    ) {
      messages.drop(row)
    }
    for (const builder of this.builders) builder.dropFeed(feed)
    for (const order of Object.values(this.#orders)) order.reset()
    this.#rowLists.delete(feed)
    const flags = (feeds.flags[feed] as number) & keptFlags
    if (feeds.has(feed, GONE)) return
    feeds.clear(feed)
    feeds.flags[feed] = flags
  }

  /** Rows of a feed by sequence; not to be changed. */
  rowsOfFeed(feed: number): Uint32Array {
    const held = this.#rowLists.get(feed)
    if (held !== undefined) return held
    const { feeds, messages } = this
    const rows = new Uint32Array(feeds.messages[feed] as number)
    let at = rows.length
    for (
      let row = feeds.lastRow[feed] as number;
      row !== NONE;
      row = messages.previousInFeed[row]!
    ) {
      rows[--at] = row
    }
    if (feeds.has(feed, UNSORTED)) {
      const { sequence } = messages
      rows.sort((left, right) => sequence[left]! - sequence[right]! || left - right)
    }
    this.#rowLists.set(feed, rows)
    return rows
  }

  /** Rows of a feed by sequence, from a sequence on; not to be changed. */
  rowsFrom(feed: number, sequence: number): Uint32Array {
    const { feeds, messages } = this
    const most = (feeds.highest[feed] as number) - sequence + 1
    if (most > NEAR || feeds.has(feed, UNSORTED) || this.#rowLists.has(feed)) {
      const rows = this.rowsOfFeed(feed)
      return rows.subarray(this.#placeOf(rows, sequence))
    }
    const rows: number[] = []
    let row = feeds.lastRow[feed] as number
    while (row !== NONE && messages.sequence[row]! >= sequence) {
      rows.push(row)
      row = messages.previousInFeed[row]!
    }
    return Uint32Array.from(rows.reverse())
  }

  /** The row at a sequence; -1 for none. */
  rowAt(feed: number, sequence: number): number {
    const { feeds, messages } = this
    const highest = feeds.highest[feed] as number
    if (sequence > highest || sequence < 1) return -1
    if (sequence === feeds.headSequence[feed]) return feeds.headRow[feed] as number
    if (highest - sequence < NEAR && !feeds.has(feed, UNSORTED)) {
      let row = feeds.lastRow[feed] as number
      while (row !== NONE && messages.sequence[row]! > sequence) row = messages.previousInFeed[row]!
      return row !== NONE && messages.sequence[row] === sequence ? row : -1
    }
    const rows = this.rowsOfFeed(feed)
    const row = rows[this.#placeOf(rows, sequence)]
    return row !== undefined && messages.sequence[row] === sequence ? row : -1
  }

  /** Rows in an order within bounds, in memory of their own. */
  rowsBetween(order: Order, bounds: Bounds): Uint32Array {
    const rows = this.#orders[order].between(bounds)
    return this.messages.droppedCount === 0
      ? rows.slice()
      : rows.filter((row) => this.messages.isLive(row))
  }

  save(writer: SnapshotWriter): void {
    writer.builder('tables', TABLES_VERSION)
    writer.json('seed', this.#seed)
    this.feeds.save(writer)
    this.messages.save(writer)
    for (const builder of this.builders) {
      writer.builder(builder.name, builder.version)
      builder.save(writer)
    }
  }

  /**
   * The tables as a snapshot has them, and the indexes of them that have to be folded again.
   * @throws {SnapshotVoid}
   */
  static load(reader: SnapshotReader): { tables: ShardTables; stale: IndexBuilder[] } {
    if (reader.builders.tables !== TABLES_VERSION) {
      throw new SnapshotVoid('the tables have another version')
    }
    const tables = new ShardTables(seedOf(reader.json('seed')))
    tables.feeds.load(reader)
    tables.messages.load(reader)
    const stale: IndexBuilder[] = []
    tables.links = tables.#loaded(reader, LinkIndex, stale)
    tables.contacts = tables.#loaded(reader, ContactIndex, stale)
    tables.abouts = tables.#loaded(reader, AboutIndex, stale)
    return { tables, stale }
  }

  /** The first place in the rows of a feed with at least this sequence. */
  #placeOf(rows: Uint32Array, sequence: number): number {
    const sequences = this.messages.sequence
    let from = 0
    let to = rows.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (sequences[rows[middle] as number]! < sequence) from = middle + 1
      else to = middle
    }
    return from
  }

  #loaded<Index extends IndexBuilder>(
    reader: SnapshotReader,
    Make: new (seed: Seed) => Index,
    stale: IndexBuilder[],
  ): Index {
    const index = new Make(this.#seed)
    try {
      if (reader.builders[index.name] === index.version) {
        index.load(reader)
        return index
      }
    } catch (error) {
      if (!(error instanceof SnapshotVoid)) throw error
    }
    const empty = new Make(this.#seed)
    stale.push(empty)
    return empty
  }

  #order(order: Order): RowOrder {
    const { messages, feeds } = this
    return new RowOrder({
      count: () => messages.count,
      key: () => messages[order],
      feed: () => messages.feed,
      sequence: () => messages.sequence,
      rank: () => feeds.ranks(),
    })
  }
}

function seedOf(value: unknown): Seed {
  const { high, low } = value as Partial<Seed>
  if (typeof high !== 'number' || typeof low !== 'number') throw new SnapshotVoid('no seed')
  return { high, low }
}

/** Empty tables with a seed from eight random bytes. */
export const emptyTables = (random: Uint8Array): ShardTables => new ShardTables(seedFrom(random))
