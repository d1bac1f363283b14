/**
 * Entries for pairs (author, target): what an author last said about a target. An entry is found by
 * its pair over a hash index; the entries of one author, and those about one target, are chained
 * from the newest back. An entry stays for good; what it says lives in columns of the index that
 * uses the table.
 */
import { grown, isSlotCount, MOST_FULL, NONE, nextCapacity } from './columns.js'
import { mixed, type Seed } from './fingerprint.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'

const BYTES_PER_ENTRY = 16

export class PairTable {
  readonly #seed: Seed
  readonly #name: string
  #slots = new Uint32Array(64)
  #authors = new Uint32Array(0)
  #targets = new Uint32Array(0)
  #nextOfAuthor = new Uint32Array(0)
  #nextOfTarget = new Uint32Array(0)
  /** The newest entry of each author and each target (entry + 1, 0 = none). */
  #ofAuthor = new Uint32Array(0)
  #ofTarget = new Uint32Array(0)
  count = 0

  /** @param name what the table is called in a snapshot */
  constructor(seed: Seed, name: string) {
    this.#seed = seed
    this.#name = name
  }

  get sizeBytes(): number {
    const heads = this.#ofAuthor.byteLength + this.#ofTarget.byteLength
    return this.#authors.length * BYTES_PER_ENTRY + this.#slots.byteLength + heads
  }

  /** The entry of a pair; -1 for none. */
  find(author: number, target: number): number {
    return (this.#slots[this.#slotOf(author, target)] as number) - 1
  }

  /** The entry of a pair, made where it is new: then its number is the count before. */
  add(author: number, target: number): number {
    const known = this.find(author, target)
    if (known !== -1) return known
    if (this.count === this.#authors.length) this.#reserve(this.count + 1)
    if (author >= this.#ofAuthor.length) {
      this.#ofAuthor = grown(this.#ofAuthor, nextCapacity(this.#ofAuthor.length, author + 1))
    }
    if (target >= this.#ofTarget.length) {
      this.#ofTarget = grown(this.#ofTarget, nextCapacity(this.#ofTarget.length, target + 1))
    }
    const entry = this.count++
    this.#authors[entry] = author
    this.#targets[entry] = target
    this.#nextOfAuthor[entry] = ((this.#ofAuthor[author] as number) - 1) >>> 0
    this.#nextOfTarget[entry] = ((this.#ofTarget[target] as number) - 1) >>> 0
    this.#ofAuthor[author] = entry + 1
    this.#ofTarget[target] = entry + 1
    if (this.count > this.#slots.length * MOST_FULL) {
      this.#slots = new Uint32Array(this.#slots.length * 2)
      for (let each = 0; each < entry; each++) this.#place(each)
    }
    this.#place(entry)
    return entry
  }

  author(entry: number): number {
    return this.#authors[entry] as number
  }

  target(entry: number): number {
    return this.#targets[entry] as number
  }

  /** Entries of an author, the oldest first. */
  ofAuthor(author: number): number[] {
    return chain((this.#ofAuthor[author] ?? 0) - 1, this.#nextOfAuthor)
  }

  /** Entries about a target, the oldest first. */
  ofTarget(target: number): number[] {
    return chain((this.#ofTarget[target] ?? 0) - 1, this.#nextOfTarget)
  }

  save(writer: SnapshotWriter): void {
    for (const [name, column] of this.#columns()) writer.column(name, column, this.count)
    writer.changingColumn(`${this.#name}/ofAuthor`, this.#ofAuthor, this.#ofAuthor.length)
    writer.changingColumn(`${this.#name}/ofTarget`, this.#ofTarget, this.#ofTarget.length)
    writer.changingColumn(`${this.#name}/slots`, this.#slots, this.#slots.length)
  }

  /** Fills an empty table. @throws {SnapshotVoid} */
  load(reader: SnapshotReader): void {
    const count = reader.count(`${this.#name}/authors`, 4)
    this.#reserve(count + 16)
    for (const [name, column] of this.#columns()) reader.column(name, column, count)
    this.#ofAuthor = readWhole(reader, `${this.#name}/ofAuthor`)
    this.#ofTarget = readWhole(reader, `${this.#name}/ofTarget`)
    this.#slots = readWhole(reader, `${this.#name}/slots`)
    if (!isSlotCount(this.#slots.length, count)) {
      throw new SnapshotVoid(`the index of ${this.#name} has a wrong size`)
    }
    this.count = count
  }

  #columns() {
    return [
      [`${this.#name}/authors`, this.#authors],
      [`${this.#name}/targets`, this.#targets],
      [`${this.#name}/nextOfAuthor`, this.#nextOfAuthor],
      [`${this.#name}/nextOfTarget`, this.#nextOfTarget],
    ] as const
  }

  #slotOf(author: number, target: number): number {
    const mask = this.#slots.length - 1
    let slot = mixed(author, target, this.#seed) & mask
    for (;;) {
      const entry = (this.#slots[slot] as number) - 1
      if (entry < 0) return slot
      if (this.#authors[entry] === author && this.#targets[entry] === target) return slot
      slot = (slot + 1) & mask
    }
  }

  #place(entry: number): void {
    this.#slots[this.#slotOf(this.author(entry), this.target(entry))] = entry + 1
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.#authors.length, needed)
    this.#authors = grown(this.#authors, capacity)
    this.#targets = grown(this.#targets, capacity)
    this.#nextOfAuthor = grown(this.#nextOfAuthor, capacity)
    this.#nextOfTarget = grown(this.#nextOfTarget, capacity)
  }
}

/** The first entry of a chain may be -1; within columns the end is `NONE`. */
function chain(first: number, next: Uint32Array): number[] {
  const entries: number[] = []
  for (let entry = first >>> 0; entry !== NONE; entry = next[entry] as number) entries.push(entry)
  return entries.reverse()
}

function readWhole(reader: SnapshotReader, name: string): Uint32Array<ArrayBuffer> {
  const count = reader.count(name, 4)
  const column = new Uint32Array(count)
  reader.column(name, column, count)
  return column
}
