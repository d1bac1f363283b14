/**
 * Who links to what: one row of 18 bytes for each link, and 6 to 12 more in the hash index from
 * target to its newest link. Links to one target are chained from the newest back; links of one
 * message lie together, since rows are folded in ascending order.
 *
 * Targets are known by 64 bits, which an author may choose: who acts on a link reads the message.
 */
import { grown, isSlotCount, MOST_FULL, NONE, nextCapacity } from './columns.js'
import { IdReader, mixed, type Seed } from './fingerprint.js'
import type { IndexBuilder, IndexedMessage } from './index-builders.js'
import { InternedNames } from './interned-names.js'
import { LinkExtractor } from './links.js'
import { type SnapshotReader, SnapshotVoid, type SnapshotWriter } from './snapshot.js'

/** Keys of objects that stand above ids are few; an author who makes up more gets `OTHER`. */
const MAX_RELATIONS = 8192
const MAX_RELATION_LENGTH = 64
/** Those that clients ask for have a number whatever authors make up. */
const KNOWN_RELATIONS = [
  'root',
  'branch',
  'fork',
  'reply',
  'mentions',
  'vote',
  'contact',
  'about',
  'image',
  'recps',
  'channel',
  'text',
]
const BYTES_PER_LINK = 18

/** Links found: `rows[i]` stands in relation `relations[i]` to the target. */
export interface FoundLinks {
  readonly rows: Uint32Array
  readonly relations: Uint16Array
}

export class LinkIndex implements IndexBuilder {
  readonly name = 'links'
  readonly version = 1
  readonly #seed: Seed
  readonly #extractor = new LinkExtractor()
  readonly #id = new IdReader()
  #relations = new InternedNames(MAX_RELATIONS, MAX_RELATION_LENGTH, KNOWN_RELATIONS)
  #slots = new Uint32Array(64)
  #targetCount = 0
  #count = 0
  #high = new Uint32Array(0)
  #low = new Uint32Array(0)
  #relation = new Uint16Array(0)
  #row = new Uint32Array(0)
  #next = new Uint32Array(0)

  constructor(seed: Seed) {
    this.#seed = seed
  }

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#row.length * BYTES_PER_LINK + this.#slots.byteLength
  }

  fold(row: number, { content }: IndexedMessage): void {
    const extractor = this.#extractor
    const found = extractor.extract(content)
    if (found === 0) return
    if (this.#count + found > this.#row.length) this.#reserve(this.#count + found)
    for (let at = 0; at < found; at++) {
      const relation = this.#relations.intern(extractor.relations[at] as string)
      this.#add(extractor.high[at] as number, extractor.low[at] as number, relation, row)
    }
  }

  /** Links lead to rows; those of a dropped feed are not live. */
  dropFeed(): void {}

  /** The relation behind a number; null where it takes reading. */
  relationName(relation: number): string | null {
    return this.#relations.name(relation)
  }

  /** Links to an id, in order of arrival; none for what is no id. `isLive` says which rows count. */
  to(targetId: string, relation: string | undefined, isLive: (row: number) => boolean): FoundLinks {
    if (!this.#id.read(targetId)) return collected([], [])
    const { high, low } = this.#id
    const wanted = relation === undefined ? null : this.#relations.find(relation)
    const rows: number[] = []
    const relations: number[] = []
    for (let link = this.#newest(high, low); link !== NONE; link = this.#next[link] as number) {
      if (wanted !== null && this.#relation[link] !== wanted) continue
      const row = this.#row[link] as number
      if (!isLive(row)) continue
      rows.push(row)
      relations.push(this.#relation[link] as number)
    }
    return {
      rows: new Uint32Array(rows).reverse(),
      relations: new Uint16Array(relations).reverse(),
    }
  }

  /** Links in the messages of these rows. */
  from(sources: Uint32Array, relation: string | undefined): FoundLinks {
    const wanted = relation === undefined ? null : this.#relations.find(relation)
    const rows: number[] = []
    const relations: number[] = []
    for (const row of sources) {
      for (let link = this.#firstOf(row); link < this.#count && this.#row[link] === row; link++) {
        if (wanted !== null && this.#relation[link] !== wanted) continue
        rows.push(row)
        relations.push(this.#relation[link] as number)
      }
    }
    return collected(rows, relations)
  }

  /** All links with a relation, in order of arrival. Goes through the whole column. */
  withRelation(relation: string, isLive: (row: number) => boolean): FoundLinks {
    const wanted = this.#relations.find(relation)
    const rows: number[] = []
    for (let link = 0; link < this.#count; link++) {
      if (this.#relation[link] !== wanted) continue
      const row = this.#row[link] as number
      if (isLive(row)) rows.push(row)
    }
    return collected(rows, new Array<number>(rows.length).fill(wanted))
  }

  save(writer: SnapshotWriter): void {
    writer.json('links/relations', {
      relations: this.#relations.list().slice(KNOWN_RELATIONS.length),
      targets: this.#targetCount,
    })
    writer.changingColumn('links/slots', this.#slots, this.#slots.length)
    for (const [name, column] of this.#columns()) writer.column(name, column, this.#count)
  }

  load(reader: SnapshotReader): void {
    const saved = reader.json('links/relations') as { relations: string[]; targets: number }
    for (const relation of saved.relations) this.#relations.intern(relation)
    const count = reader.count('links/row', 4)
    this.#reserve(count + (count >>> 4) + 64)
    for (const [name, column] of this.#columns()) reader.column(name, column, count)
    const slotCount = reader.count('links/slots', 4)
    if (!isSlotCount(slotCount, saved.targets)) {
      throw new SnapshotVoid('the index from target to link has a wrong size')
    }
    this.#slots = new Uint32Array(slotCount)
    reader.column('links/slots', this.#slots, slotCount)
    this.#count = count
    this.#targetCount = saved.targets
  }

  #columns() {
    return [
      ['links/high', this.#high],
      ['links/low', this.#low],
      ['links/relation', this.#relation],
      ['links/row', this.#row],
      ['links/next', this.#next],
    ] as const
  }

  #add(high: number, low: number, relation: number, row: number): void {
    const link = this.#count++
    this.#high[link] = high
    this.#low[link] = low
    this.#relation[link] = relation
    this.#row[link] = row
    const slot = this.#slotOf(high, low)
    const newest = this.#slots[slot] as number
    this.#next[link] = newest === 0 ? NONE : newest - 1
    this.#slots[slot] = link + 1
    if (newest === 0 && ++this.#targetCount > this.#slots.length * MOST_FULL) this.#growSlots()
  }

  #newest(high: number, low: number): number {
    const newest = this.#slots[this.#slotOf(high, low)] as number
    return newest === 0 ? NONE : newest - 1
  }

  /** The slot of a target, or the free one where it belongs. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1
    let slot = mixed(high, low, this.#seed) & mask
    for (;;) {
      const link = (this.#slots[slot] as number) - 1
      if (link < 0 || (this.#high[link] === high && this.#low[link] === low)) return slot
      slot = (slot + 1) & mask
    }
  }

  #growSlots(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(before.length * 2)
    for (const newest of before) {
      if (newest === 0) continue
      const link = newest - 1
      this.#slots[this.#slotOf(this.#high[link] as number, this.#low[link] as number)] = newest
    }
  }

  /** The first link of a row, or where it would be. */
  #firstOf(row: number): number {
    let from = 0
    let to = this.#count
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#row[middle] as number) < row) from = middle + 1
      else to = middle
    }
    return from
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.#row.length, needed)
    this.#high = grown(this.#high, capacity)
    this.#low = grown(this.#low, capacity)
    this.#relation = grown(this.#relation, capacity)
    this.#row = grown(this.#row, capacity)
    this.#next = grown(this.#next, capacity)
  }
}

function collected(rows: readonly number[], relations: readonly number[]): FoundLinks {
  return { rows: new Uint32Array(rows), relations: new Uint16Array(relations) }
}
