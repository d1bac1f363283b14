/**
 * One row for each message of a shard, in columns, in order of arrival: 50 bytes a row and 6 to 12
 * more in the hash index from key to row.
 *
 * The index is open addressing with linear probing over `slots` (row + 1, 0 = free), at most 70 %
 * full. It knows 64 bits of each key; a hit is confirmed in the frame. Other threads may read it
 * while rows are added (`key-hints.ts`). Rows of one feed, and rows of
 * one type, are chained from the newest back. Columns are only ever appended to, but for `feed` and
 * `offset`: the rows of a dropped feed get `NONE` for it, stay in the chains of their types and in
 * the index, and are passed over; frames may be put in another order.
 * Invariant: the previous row in a chain is smaller than the row.
 */
import {
  grown,
  grownShared,
  isSlotCount,
  MOST_FULL,
  NONE,
  nextCapacity,
  sharedColumn,
} from './columns.js'
import { highOf, lowOf, mixed, type Seed } from './fingerprint.js'
import { InternedNames, OTHER } from './interned-names.js'
import type { KeyTable } from './protocol.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'

/** Types are numbered in 16 bits; one of them is for all beyond the bound. */
const MAX_TYPES = 65_534
/** The longest legal type, in UTF-16 units. */
const MAX_TYPE_LENGTH = 52
/** Stands for encrypted content; no legal type is empty. */
export const ENCRYPTED_TYPE = ''

const BYTES_PER_ROW = 50

/** What a row is made of. */
export interface MessageRow {
  readonly keyBytes: Uint8Array
  readonly feed: number
  readonly sequence: number
  /** Where the frame begins in the feed's log, whether it lies in a block or in the file. */
  readonly offset: number
  /** Bytes of the message. */
  readonly length: number
  readonly received: number
  /** Claimed by the author, ms. */
  readonly timestamp: number
  readonly type: string
  /** The row of this feed that came before, or `NONE`. */
  readonly previousInFeed: number
}

export class MessageTable {
  readonly #seed: Seed
  types = new InternedNames(MAX_TYPES, MAX_TYPE_LENGTH, [ENCRYPTED_TYPE])
  #lastOfType = new Uint32Array(64).fill(NONE)
  #slots = sharedColumn(64)
  count = 0
  /** Rows whose feed was dropped. */
  droppedCount = 0
  high = sharedColumn(0)
  low = sharedColumn(0)
  feed = new Uint32Array(0)
  sequence = new Uint32Array(0)
  offset = new Uint32Array(0)
  length = new Uint32Array(0)
  received = new Float64Array(0)
  /** min(received, claimed), and received where that is 0 or no number: what createFeedStream orders by. */
  claimed = new Float64Array(0)
  type = new Uint16Array(0)
  previousInFeed = new Uint32Array(0)
  previousOfType = new Uint32Array(0)

  constructor(seed: Seed) {
    this.#seed = seed
  }

  get sizeBytes(): number {
    return this.high.length * BYTES_PER_ROW + this.#slots.byteLength + this.#lastOfType.byteLength
  }

  /** The index from key to row, in shared memory: valid until the table grows, and old from then on. */
  get keys(): KeyTable {
    return { slots: this.#slots, high: this.high, low: this.low, seed: this.#seed }
  }

  /** Adds a row and returns its number. */
  add(message: MessageRow): number {
    if (this.count === this.high.length) this.#reserve(this.count + 1)
    const row = this.count++
    const type = this.types.intern(message.type)
    if (type >= this.#lastOfType.length) this.#growTypes(type + 1)
    this.high[row] = highOf(message.keyBytes)
    this.low[row] = lowOf(message.keyBytes)
    this.feed[row] = message.feed
    this.sequence[row] = message.sequence
    this.offset[row] = message.offset
    this.length[row] = message.length
    this.received[row] = message.received
    this.claimed[row] = Math.min(message.received, message.timestamp) || message.received
    this.type[row] = type
    this.previousInFeed[row] = message.previousInFeed
    this.previousOfType[row] = this.#lastOfType[type] as number
    this.#lastOfType[type] = row
    this.#index(row)
    return row
  }

  /** The first row with this key that `confirm` takes; -1 for none. */
  find(keyBytes: Uint8Array, confirm: (row: number) => boolean): number {
    const high = highOf(keyBytes)
    const low = lowOf(keyBytes)
    const mask = this.#slots.length - 1
    let slot = mixed(high, low, this.#seed) & mask
    for (;;) {
      const row = (this.#slots[slot] as number) - 1
      if (row < 0) return -1
      const isHit = this.high[row] === high && this.low[row] === low && this.feed[row] !== NONE
      if (isHit && confirm(row)) return row
      slot = (slot + 1) & mask
    }
  }

  /** Whether the 64 bits known of a row's key are those of this key. */
  hasFingerprint(row: number, keyBytes: Uint8Array): boolean {
    return this.high[row] === highOf(keyBytes) && this.low[row] === lowOf(keyBytes)
  }

  isLive(row: number): boolean {
    return row >= 0 && row < this.count && this.feed[row] !== NONE
  }

  /** Takes a row out. It keeps its number; nothing leads to it any more. */
  drop(row: number): void {
    if (this.feed[row] === NONE) return
    this.feed[row] = NONE
    this.droppedCount += 1
  }

  /** Rows with this number of a type, in order of arrival. */
  rowsOfType(type: number): Uint32Array {
    let count = 0
    for (let row = this.#lastOfType[type] ?? NONE; row !== NONE; row = this.previousOfType[row]!) {
      if (this.feed[row] !== NONE) count += 1
    }
    const rows = new Uint32Array(count)
    for (let row = this.#lastOfType[type] ?? NONE; count > 0; row = this.previousOfType[row]!) {
      if (this.feed[row] !== NONE) rows[--count] = row
    }
    return rows
  }

  /** Rows whose type is beyond the bound; which one takes reading. */
  get unnamedRows(): Uint32Array {
    return this.rowsOfType(OTHER)
  }

  save(writer: SnapshotWriter): void {
    writer.json('messages/types', { types: this.types.list().slice(1), dropped: this.droppedCount })
    writer.changingColumn('messages/lastOfType', this.#lastOfType, this.types.count)
    writer.changingColumn('messages/slots', this.#slots, this.#slots.length)
    writer.changingColumn('messages/feed', this.feed, this.count)
    writer.changingColumn('messages/offset', this.offset, this.count)
    for (const [name, column] of this.#fixedColumns()) writer.column(name, column, this.count)
  }

  /** Fills an empty table. @throws {SnapshotVoid} and then the table is of no use */
  load(reader: SnapshotReader): void {
    const { types, dropped } = reader.json('messages/types') as { types: string[]; dropped: number }
    for (const type of types) this.types.intern(type)
    this.droppedCount = dropped
    if (this.types.count !== types.length + 2) throw new SnapshotVoid('the types are not distinct')
    this.#growTypes(this.types.count)
    reader.column('messages/lastOfType', this.#lastOfType, this.types.count)
    const count = reader.count('messages/feed', 4)
    // Room for what the next hours bring, so that the first message does not copy everything.
    this.#reserve(count + (count >>> 4) + 64)
    reader.column('messages/feed', this.feed, count)
    reader.column('messages/offset', this.offset, count)
    for (const [name, column] of this.#fixedColumns()) reader.column(name, column, count)
    this.count = count
    const slotCount = reader.count('messages/slots', 4)
    if (!isSlotCount(slotCount, count)) {
      throw new SnapshotVoid('the index from key to row has a wrong size')
    }
    this.#slots = sharedColumn(slotCount)
    reader.column('messages/slots', this.#slots, slotCount)
  }

  #fixedColumns() {
    return [
      ['messages/high', this.high],
      ['messages/low', this.low],
      ['messages/sequence', this.sequence],
      ['messages/length', this.length],
      ['messages/received', this.received],
      ['messages/claimed', this.claimed],
      ['messages/type', this.type],
      ['messages/previousInFeed', this.previousInFeed],
      ['messages/previousOfType', this.previousOfType],
    ] as const
  }

  #index(row: number): void {
    if (this.count > this.#slots.length * MOST_FULL) {
      this.#slots = sharedColumn(this.#slots.length * 2)
      for (let each = 0; each < row; each++) if (this.feed[each] !== NONE) this.#place(each)
    }
    this.#place(row)
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1
    let slot = mixed(this.high[row] as number, this.low[row] as number, this.#seed) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  #growTypes(needed: number): void {
    if (needed <= this.#lastOfType.length) return
    const before = this.#lastOfType.length
    this.#lastOfType = grown(this.#lastOfType, nextCapacity(before, needed)).fill(NONE, before)
  }

  #reserve(needed: number): void {
    if (needed <= this.high.length) return
    const capacity = nextCapacity(this.high.length, needed)
    this.high = grownShared(this.high, capacity)
    this.low = grownShared(this.low, capacity)
    this.feed = grown(this.feed, capacity)
    this.sequence = grown(this.sequence, capacity)
    this.offset = grown(this.offset, capacity)
    this.length = grown(this.length, capacity)
    this.received = grown(this.received, capacity)
    this.claimed = grown(this.claimed, capacity)
    this.type = grown(this.type, capacity)
    this.previousInFeed = grown(this.previousInFeed, capacity)
    this.previousOfType = grown(this.previousOfType, capacity)
  }
}
