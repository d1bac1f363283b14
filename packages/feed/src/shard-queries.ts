import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import { NONE } from './columns.js'
import { DAMAGED, FORKED, GONE, QUARANTINED } from './feed-table.js'
import { frameMessage } from './frame.js'
import { ENCRYPTED_TYPE } from './message-table.js'
import type { KeyTable, Order, SealedMessages } from './protocol.js'
import type { RowReader } from './row-reader.js'
import type { SealedPart } from './sealed-part.js'
import type {
  AboutRows,
  ContactState,
  FeedInfo,
  LinkRows,
  OrderBounds,
  RangeFrames,
  RowFrames,
} from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { StoreError } from './store-error.js'
import { decodeStored, typeOfContent } from './stored-message.js'

/** What can be asked of a shard's tables and logs. Described at `ShardStore`. */
export abstract class ShardQueries {
  /** Replaced as a whole when a snapshot is loaded and when all is folded again. */
  protected abstract tables: ShardTables
  protected abstract readonly reader: RowReader
  /** What of a feed's log lies in blocks; null for nothing. */
  protected abstract readonly sealedOf: (feed: number) => SealedPart | null

  feedNumber(idBytes: Uint8Array): number {
    const { feeds } = this.tables
    const feed = feeds.find(idBytes)
    return feed === -1 || feeds.has(feed, GONE) ? -1 : feed
  }

  feedNumbers(): Uint32Array {
    return this.tables.feeds.sorted()
  }

  forkedFeeds(): Uint32Array {
    return this.tables.feeds.sorted(FORKED)
  }

  feedId(feed: number): FeedId {
    this.assertFeed(feed)
    return this.tables.feedId(feed)
  }

  feedIdBytes(feed: number): Uint8Array {
    this.assertFeed(feed)
    return this.tables.feeds.id(feed)
  }

  feedInfo(feed: number): FeedInfo {
    this.assertFeed(feed)
    const { feeds } = this.tables
    const sequence = feeds.headSequence[feed] as number
    const highestSequence = feeds.highest[feed] as number
    const idBytes = new Uint8Array(feeds.id(feed))
    return {
      id: feedIdFromBytes(idBytes),
      idBytes,
      sequence,
      highestSequence,
      headKey: sequence === 0 ? null : new Uint8Array(feeds.headKey(feed)),
      headRow: this.headRow(feed),
      messages: feeds.messages[feed] as number,
      bytes: diskBytes(feeds.logBytes[feed] as number, this.sealedOf(feed)),
      sealed: sealedInfo(this.sealedOf(feed)),
      flags: {
        isDamaged: feeds.has(feed, DAMAGED),
        isQuarantined: feeds.has(feed, QUARANTINED),
        isForked: feeds.has(feed, FORKED),
        isOutOfOrder: highestSequence > sequence,
      },
    }
  }

  headSequence(feed: number): number {
    this.assertFeed(feed)
    return this.tables.feeds.headSequence[feed] as number
  }

  headRow(feed: number): number {
    const row = this.tables.feeds.headRow[feed] ?? NONE
    return row === NONE ? -1 : row
  }

  findKey(keyBytes: Uint8Array): number {
    return this.reader.find(keyBytes)
  }

  get keys(): KeyTable {
    return this.tables.messages.keys
  }

  rowAt(feed: number, sequence: number): number {
    return this.tables.rowAt(feed, sequence)
  }

  rowsOfFeed(feed: number): Uint32Array {
    this.assertFeed(feed)
    return this.tables.rowsOfFeed(feed)
  }

  get rowCount(): number {
    return this.tables.messages.count
  }

  isLive(row: number): boolean {
    return this.tables.messages.isLive(row)
  }

  feedOf(row: number): number {
    return this.#live(row).feed[row] as number
  }

  sequenceOf(row: number): number {
    return this.#live(row).sequence[row] as number
  }

  orderOf(order: Order, row: number): number {
    return this.#live(row)[order][row] as number
  }

  typeOf(row: number): string {
    const messages = this.#live(row)
    return messages.types.name(messages.type[row] as number) ?? typeOfContent(this.#contentOf(row))
  }

  readRow(row: number): Uint8Array {
    return this.reader.frame(row)
  }

  readRows(rows: Uint32Array | readonly number[], maxBytes: number): RowFrames {
    return this.reader.frames(rows, maxBytes)
  }

  readRange(feed: number, fromSequence: number, maxCount: number, maxBytes: number): RangeFrames {
    this.assertFeed(feed)
    return this.reader.range(feed, fromSequence, maxCount, maxBytes)
  }

  rowsByType(type: string): Uint32Array {
    const { messages } = this.tables
    const number = messages.types.find(type)
    const rows = messages.rowsOfType(number)
    if (messages.types.name(number) !== null || type === ENCRYPTED_TYPE) return rows
    return rows.filter((row) => typeOfContent(this.#contentOf(row)) === type)
  }

  rowsBetween(order: Order, bounds: OrderBounds): Uint32Array {
    return this.tables.rowsBetween(order, bounds)
  }

  linksTo(targetId: string, relation?: string): LinkRows {
    return this.tables.links.to(targetId, relation, (row) => this.isLive(row))
  }

  linksFrom(feed: number, relation?: string): LinkRows {
    this.assertFeed(feed)
    return this.tables.links.from(this.tables.rowsOfFeed(feed), relation)
  }

  linksWith(relation: string): LinkRows {
    return this.tables.links.withRelation(relation, (row) => this.isLive(row))
  }

  relationName(relation: number): string | null {
    return this.tables.links.relationName(relation)
  }

  contacts(feed: number): ContactState[] {
    this.assertFeed(feed)
    return this.tables.contacts.contacts(feed, this.tables.feedId(feed))
  }

  contactNumbers(feed: number, visit: (dest: number, state: ContactState['state']) => void): void {
    this.assertFeed(feed)
    this.tables.contacts.each(feed, visit)
  }

  contactId(dest: number): FeedId {
    return this.tables.contacts.id(dest)
  }

  contact(feed: number, dest: unknown): ContactState | null {
    this.assertFeed(feed)
    return this.tables.contacts.contact(feed, this.tables.feedId(feed), dest)
  }

  about(targetId: string): AboutRows[] {
    return this.tables.abouts.about(targetId)
  }

  aboutBy(author: number, targetId: string): AboutRows | null {
    return this.tables.abouts.by(author, targetId)
  }

  nameOf(feed: number): string | null {
    this.assertFeed(feed)
    const row = this.tables.abouts.by(feed, this.tables.feedId(feed))?.nameRow ?? -1
    const content = row === -1 ? null : this.#contentOf(row)
    const name = (content as { name?: unknown } | null)?.name
    return typeof name === 'string' ? name : null
  }

  /** @throws {STORE_FEED_UNKNOWN} */
  protected assertFeed(feed: number): void {
    if (Number.isInteger(feed) && feed >= 0 && feed < this.tables.feeds.count) return
    throw new StoreError('STORE_FEED_UNKNOWN', 'there is no feed with this number', { feed })
  }

  #live(row: number) {
    const { messages } = this.tables
    if (messages.isLive(row)) return messages
    throw new StoreError('STORE_ROW_GONE', 'there is no such row', { row })
  }

  /** The content of a row; null for one that can't be read, which the reader has reported. */
  #contentOf(row: number): unknown {
    try {
      return decodeStored(frameMessage(this.reader.frame(row)))?.content ?? null
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_ROW_DAMAGED') return null
      throw error
    }
  }
}

/** Bytes that a log takes on the disk, its blocks included. */
export const diskBytes = (logBytes: number, sealed: SealedPart | null): number =>
  sealed === null ? logBytes : logBytes - sealed.end + sealed.headBytes + sealed.fileBytes

/** What is told of the blocks of a feed; null for none. */
export const sealedInfo = (sealed: SealedPart | null): SealedMessages | null =>
  sealed === null || sealed.entries.length === 0
    ? null
    : { messages: sealed.lastSequence, bytes: sealed.fileBytes, logBytes: sealed.end }
