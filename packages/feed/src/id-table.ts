/**
 * Numbers for ids of any kind that messages speak of, whole: 33 bytes an id, and 6 to 12 more in
 * the hash index. Used where a wrong match would matter, as in the follow graph.
 */
import { feedIdToBytes } from '@dunbar/core'
import { grown, isSlotCount, MOST_FULL, nextCapacity } from './columns.js'
import { highOf, IdReader, lowOf, mixed, type Seed } from './fingerprint.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'

const ID_BYTES = 32

export class IdTable {
  readonly #seed: Seed
  readonly #name: string
  readonly #reader = new IdReader()
  #slots = new Uint32Array(64)
  #bytes = new Uint8Array(0)
  #sigils = new Uint8Array(0)
  count = 0

  /** @param name what the table is called in a snapshot */
  constructor(seed: Seed, name: string) {
    this.#seed = seed
    this.#name = name
  }

  get sizeBytes(): number {
    return this.#bytes.length + this.#sigils.length + this.#slots.byteLength
  }

  /** The number of an id in sigil form; -1 for one that is new, or for what is no id. */
  find(id: string): number {
    if (!this.#reader.read(id)) return -1
    return this.#find(feedIdToBytes(id as never), this.#reader.sigil)
  }

  /** The number of an id in sigil form, made where it is new; -1 for what is no id. */
  add(id: string): number {
    if (!this.#reader.read(id)) return -1
    const { sigil } = this.#reader
    const bytes = feedIdToBytes(id as never)
    const known = this.#find(bytes, sigil)
    if (known !== -1) return known
    if (this.count === this.#sigils.length) this.#reserve(this.count + 1)
    const number = this.count++
    this.#bytes.set(bytes, number * ID_BYTES)
    this.#sigils[number] = sigil
    if (this.count > this.#slots.length * MOST_FULL) {
      this.#slots = new Uint32Array(this.#slots.length * 2)
      for (let each = 0; each < number; each++) this.#place(each)
    }
    this.#place(number)
    return number
  }

  /** The 32 bytes behind a number: a view, valid until an id is added. */
  bytes(number: number): Uint8Array {
    return this.#bytes.subarray(number * ID_BYTES, (number + 1) * ID_BYTES)
  }

  save(writer: SnapshotWriter): void {
    writer.column(`${this.#name}/bytes`, this.#bytes, this.count * ID_BYTES)
    writer.column(`${this.#name}/sigils`, this.#sigils, this.count)
    writer.changingColumn(`${this.#name}/slots`, this.#slots, this.#slots.length)
  }

  /** Fills an empty table. @throws {SnapshotVoid} */
  load(reader: SnapshotReader): void {
    const count = reader.count(`${this.#name}/sigils`, 1)
    this.#reserve(count + 16)
    reader.column(`${this.#name}/bytes`, this.#bytes, count * ID_BYTES)
    reader.column(`${this.#name}/sigils`, this.#sigils, count)
    const slotCount = reader.count(`${this.#name}/slots`, 4)
    if (!isSlotCount(slotCount, count)) {
      throw new SnapshotVoid(`the index of ${this.#name} has a wrong size`)
    }
    this.#slots = new Uint32Array(slotCount)
    reader.column(`${this.#name}/slots`, this.#slots, slotCount)
    this.count = count
  }

  #find(bytes: Uint8Array, sigil: number): number {
    const mask = this.#slots.length - 1
    let slot = this.#hash(bytes, sigil) & mask
    for (;;) {
      const number = (this.#slots[slot] as number) - 1
      if (number < 0) return -1
      if (this.#sigils[number] === sigil && this.#isAt(number, bytes)) return number
      slot = (slot + 1) & mask
    }
  }

  #isAt(number: number, bytes: Uint8Array): boolean {
    const start = number * ID_BYTES
    for (let at = 0; at < ID_BYTES; at++) if (this.#bytes[start + at] !== bytes[at]) return false
    return true
  }

  /** All 32 bytes count: who makes ids up could give many of them the same beginning. */
  #hash(bytes: Uint8Array, sigil: number): number {
    let hash = sigil
    for (let at = 0; at < ID_BYTES; at += 8) {
      const part = bytes.subarray(at, at + 8)
      hash = mixed((highOf(part) ^ hash) >>> 0, lowOf(part), this.#seed)
    }
    return hash
  }

  #place(number: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hash(this.bytes(number), this.#sigils[number] as number) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = number + 1
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.#sigils.length, needed)
    this.#bytes = grown(this.#bytes, capacity * ID_BYTES)
    this.#sigils = grown(this.#sigils, capacity)
  }
}
