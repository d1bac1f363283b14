/**
 * One row for each feed of a shard: some 100 bytes, which is all that an idle feed costs.
 *
 * A feed keeps its number while the store lives. A feed whose folder went away is `GONE`: nobody
 * finds it, and its number is taken up again when the feed comes back.
 */
import { grown, isSlotCount, MOST_FULL, NONE, nextCapacity } from './columns.js'
import { highOf, lowOf, mixed, type Seed } from './fingerprint.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'

export const ID_BYTES = 32

/** Some of the log can't be read. */
export const DAMAGED = 1
/** Nothing is appended. */
export const QUARANTINED = 2
export const FORKED = 4
/** The log is not in order of sequence. */
export const UNSORTED = 8
/** Its folder went away. */
export const GONE = 16
/** There is a `feed.json`. */
export const RECORDED = 32
/** Its log went away with messages in it, and none has come back. */
export const MISSING = 64

export class FeedTable {
  readonly #seed: Seed
  #slots = new Uint32Array(64)
  #ranks: Uint32Array | null = null
  count = 0
  goneCount = 0
  ids = new Uint8Array(0)
  /** Highest sequence of the unbroken chain from 1, its row and its key. */
  headSequence = new Uint32Array(0)
  headRow = new Uint32Array(0)
  headKeys = new Uint8Array(0)
  /** Highest sequence held at all. */
  highest = new Uint32Array(0)
  /** The row that came last. */
  lastRow = new Uint32Array(0)
  messages = new Uint32Array(0)
  /** Bytes of the log that are indexed. */
  logBytes = new Float64Array(0)
  /** Which order of frames the offsets of its messages are of; see `sealed-part.ts`. */
  layout = new Uint32Array(0)
  flags = new Uint32Array(0)

  constructor(seed: Seed) {
    this.#seed = seed
  }

  get sizeBytes(): number {
    return this.flags.length * (2 * ID_BYTES + 7 * 4 + 8) + this.#slots.byteLength
  }

  /** The number of a feed, GONE ones included; -1 for none. */
  find(idBytes: Uint8Array): number {
    const mask = this.#slots.length - 1
    let slot = mixed(highOf(idBytes), lowOf(idBytes), this.#seed) & mask
    for (;;) {
      const feed = (this.#slots[slot] as number) - 1
      if (feed < 0) return -1
      if (this.#isId(feed, idBytes)) return feed
      slot = (slot + 1) & mask
    }
  }

  /** The number of a feed, made where it is new, and taken up again where it was GONE. */
  add(idBytes: Uint8Array): number {
    const known = this.find(idBytes)
    if (known !== -1) {
      if (this.has(known, GONE)) {
        const kept = (this.flags[known] as number) & MISSING
        this.clear(known)
        this.flags[known] = kept
        this.goneCount -= 1
        this.#ranks = null
      }
      return known
    }
    if (this.count === this.flags.length) this.#reserve(this.count + 1)
    const feed = this.count++
    this.ids.set(idBytes.subarray(0, ID_BYTES), feed * ID_BYTES)
    this.clear(feed)
    this.#index(feed)
    this.#ranks = null
    return feed
  }

  /** As a feed that was never heard of. */
  clear(feed: number): void {
    this.headSequence[feed] = 0
    this.headRow[feed] = NONE
    this.headKeys.fill(0, feed * ID_BYTES, (feed + 1) * ID_BYTES)
    this.highest[feed] = 0
    this.lastRow[feed] = NONE
    this.messages[feed] = 0
    this.logBytes[feed] = 0
    this.layout[feed] = 0
    this.flags[feed] = 0
  }

  /** Takes a feed out, with flags that are to stay; its messages must have been taken out before. */
  remove(feed: number, keptFlags = 0): void {
    if (this.has(feed, GONE)) return
    this.clear(feed)
    this.flags[feed] = GONE | keptFlags
    this.goneCount += 1
    this.#ranks = null
  }

  has(feed: number, flag: number): boolean {
    return ((this.flags[feed] as number) & flag) !== 0
  }

  set(feed: number, flag: number, isSet: boolean): void {
    const flags = this.flags[feed] as number
    this.flags[feed] = isSet ? flags | flag : flags & ~flag
  }

  /** A view of 32 bytes, valid until a feed is added. */
  id(feed: number): Uint8Array {
    return this.ids.subarray(feed * ID_BYTES, (feed + 1) * ID_BYTES)
  }

  /** A view of 32 bytes, valid until a feed is added. */
  headKey(feed: number): Uint8Array {
    return this.headKeys.subarray(feed * ID_BYTES, (feed + 1) * ID_BYTES)
  }

  setHead(feed: number, sequence: number, row: number, keyBytes: Uint8Array): void {
    this.headSequence[feed] = sequence
    this.headRow[feed] = row
    this.headKeys.set(keyBytes, feed * ID_BYTES)
  }

  /** Numbers of all feeds that are there, or of those with a flag, by id bytes ascending. */
  sorted(flag?: number): Uint32Array {
    const numbers = new Uint32Array(this.count - this.goneCount)
    let at = 0
    for (let feed = 0; feed < this.count; feed++) {
      if (this.has(feed, GONE) || (flag !== undefined && !this.has(feed, flag))) continue
      numbers[at++] = feed
    }
    // Nearly all ids differ in their first bytes; comparing whole ones takes ten times as long.
    const first = new Uint32Array(this.count)
    for (const feed of numbers.subarray(0, at)) first[feed] = firstBytes(this.ids, feed * ID_BYTES)
    return numbers.slice(0, at).sort((left, right) => {
      const order = (first[left] as number) - (first[right] as number)
      return order === 0 ? Buffer.compare(this.id(left), this.id(right)) : order
    })
  }

  /** Place of each feed among all by id bytes, so that comparing two feeds is comparing two numbers. */
  ranks(): Uint32Array {
    if (this.#ranks === null) {
      const ranks = new Uint32Array(this.count)
      for (const [rank, feed] of this.sorted().entries()) ranks[feed] = rank
      this.#ranks = ranks
    }
    return this.#ranks
  }

  save(writer: SnapshotWriter): void {
    writer.changingColumn('feeds/slots', this.#slots, this.#slots.length)
    for (const [name, column, width] of this.#columns()) {
      writer.changingColumn(name, column, this.count * width)
    }
  }

  /** Fills an empty table. @throws {SnapshotVoid} and then the table is of no use */
  load(reader: SnapshotReader): void {
    const count = reader.count('feeds/flags', 4)
    this.#reserve(count + 16)
    for (const [name, column, width] of this.#columns()) reader.column(name, column, count * width)
    this.count = count
    for (let feed = 0; feed < count; feed++) if (this.has(feed, GONE)) this.goneCount += 1
    const slotCount = reader.count('feeds/slots', 4)
    if (!isSlotCount(slotCount, count)) {
      throw new SnapshotVoid('the index from id to feed has a wrong size')
    }
    this.#slots = new Uint32Array(slotCount)
    reader.column('feeds/slots', this.#slots, slotCount)
  }

  #columns() {
    return [
      ['feeds/ids', this.ids, ID_BYTES],
      ['feeds/headSequence', this.headSequence, 1],
      ['feeds/headRow', this.headRow, 1],
      ['feeds/headKeys', this.headKeys, ID_BYTES],
      ['feeds/highest', this.highest, 1],
      ['feeds/lastRow', this.lastRow, 1],
      ['feeds/messages', this.messages, 1],
      ['feeds/logBytes', this.logBytes, 1],
      ['feeds/layout', this.layout, 1],
      ['feeds/flags', this.flags, 1],
    ] as const
  }

  #isId(feed: number, idBytes: Uint8Array): boolean {
    const start = feed * ID_BYTES
    for (let at = 0; at < ID_BYTES; at++) if (this.ids[start + at] !== idBytes[at]) return false
    return true
  }

  #index(feed: number): void {
    if (this.count > this.#slots.length * MOST_FULL) {
      this.#slots = new Uint32Array(this.#slots.length * 2)
      for (let each = 0; each < feed; each++) this.#place(each)
    }
    this.#place(feed)
  }

  #place(feed: number): void {
    const id = this.id(feed)
    const mask = this.#slots.length - 1
    let slot = mixed(highOf(id), lowOf(id), this.#seed) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = feed + 1
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.flags.length, needed)
    this.ids = grown(this.ids, capacity * ID_BYTES)
    this.headSequence = grown(this.headSequence, capacity)
    this.headRow = grown(this.headRow, capacity)
    this.headKeys = grown(this.headKeys, capacity * ID_BYTES)
    this.highest = grown(this.highest, capacity)
    this.lastRow = grown(this.lastRow, capacity)
    this.messages = grown(this.messages, capacity)
    this.logBytes = grown(this.logBytes, capacity)
    this.layout = grown(this.layout, capacity)
    this.flags = grown(this.flags, capacity)
  }
}

/** Four bytes as a number that sorts as they do. */
const firstBytes = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
