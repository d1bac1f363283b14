/**
 * Who said what about whom: for each pair (author, target) the rows of the messages that last set
 * the name, the image and the description, by sequence, so that each is one read away. A target is
 * a feed, a message (a gathering) or a blob.
 */
import { grown, NONE, nextCapacity } from './columns.js'
import type { Seed } from './fingerprint.js'
import { IdTable } from './id-table.js'
import { contentObject, type IndexBuilder, type IndexedMessage } from './index-builders.js'
import { PairTable } from './pair-table.js'
import type { SnapshotReader, SnapshotWriter } from './snapshot.js'

/** Rows that last set each thing; -1 for none. */
export interface About {
  /** Number of the author's feed. */
  readonly author: number
  readonly nameRow: number
  readonly imageRow: number
  readonly descriptionRow: number
}

class LatestColumn {
  row = new Uint32Array(0)
  sequence = new Uint32Array(0)

  get sizeBytes(): number {
    return this.row.byteLength + this.sequence.byteLength
  }

  reserve(capacity: number): void {
    const before = this.row.length
    this.row = grown(this.row, capacity).fill(NONE, before)
    this.sequence = grown(this.sequence, capacity)
  }

  note(entry: number, sequence: number, row: number): void {
    if (sequence < (this.sequence[entry] as number)) return
    this.sequence[entry] = sequence
    this.row[entry] = row
  }

  forget(entry: number): void {
    this.sequence[entry] = 0
    this.row[entry] = NONE
  }

  rowOf(entry: number): number {
    const row = this.row[entry] as number
    return row === NONE ? -1 : row
  }
}

export class AboutIndex implements IndexBuilder {
  readonly name = 'abouts'
  readonly version = 1
  readonly #ids: IdTable
  readonly #pairs: PairTable
  readonly #names = new LatestColumn()
  readonly #images = new LatestColumn()
  readonly #descriptions = new LatestColumn()

  constructor(seed: Seed) {
    this.#ids = new IdTable(seed, 'abouts/ids')
    this.#pairs = new PairTable(seed, 'abouts/pairs')
  }

  get sizeBytes(): number {
    return this.#ids.sizeBytes + this.#pairs.sizeBytes + 3 * this.#names.sizeBytes
  }

  fold(row: number, { feed, sequence, content }: IndexedMessage): void {
    const said = contentObject(content)
    if (said === null || said.type !== 'about') return
    const { about, name, image, description } = said
    const hasName = typeof name === 'string'
    const hasImage = isImage(image)
    const hasDescription = typeof description === 'string'
    if (typeof about !== 'string' || !(hasName || hasImage || hasDescription)) return
    const target = this.#ids.add(about)
    if (target === -1) return
    const entry = this.#pairs.add(feed, target)
    if (entry >= this.#names.row.length) this.#reserve(entry + 1)
    if (hasName) this.#names.note(entry, sequence, row)
    if (hasImage) this.#images.note(entry, sequence, row)
    if (hasDescription) this.#descriptions.note(entry, sequence, row)
  }

  dropFeed(feed: number): void {
    for (const entry of this.#pairs.ofAuthor(feed)) {
      for (const column of this.#columns()) column.forget(entry)
    }
  }

  /** What is said about a target (feed, message or blob id), by whom. */
  about(targetId: string): About[] {
    const target = this.#ids.find(targetId)
    if (target === -1) return []
    const found: About[] = []
    for (const entry of this.#pairs.ofTarget(target)) {
      const about = this.#at(entry)
      if (about !== null) found.push(about)
    }
    return found
  }

  /** What one author said about a target; null for nothing. */
  by(author: number, targetId: string): About | null {
    const target = this.#ids.find(targetId)
    const entry = target === -1 ? -1 : this.#pairs.find(author, target)
    return entry === -1 ? null : this.#at(entry)
  }

  save(writer: SnapshotWriter): void {
    this.#ids.save(writer)
    this.#pairs.save(writer)
    for (const [at, column] of this.#columns().entries()) {
      writer.changingColumn(`abouts/row${at}`, column.row, this.#pairs.count)
      writer.changingColumn(`abouts/sequence${at}`, column.sequence, this.#pairs.count)
    }
  }

  load(reader: SnapshotReader): void {
    this.#ids.load(reader)
    this.#pairs.load(reader)
    this.#reserve(this.#pairs.count + 16)
    for (const [at, column] of this.#columns().entries()) {
      reader.column(`abouts/row${at}`, column.row, this.#pairs.count)
      reader.column(`abouts/sequence${at}`, column.sequence, this.#pairs.count)
    }
  }

  #at(entry: number): About | null {
    const nameRow = this.#names.rowOf(entry)
    const imageRow = this.#images.rowOf(entry)
    const descriptionRow = this.#descriptions.rowOf(entry)
    if (nameRow === -1 && imageRow === -1 && descriptionRow === -1) return null
    return { author: this.#pairs.author(entry), nameRow, imageRow, descriptionRow }
  }

  #columns(): readonly LatestColumn[] {
    return [this.#names, this.#images, this.#descriptions]
  }

  #reserve(needed: number): void {
    const capacity = nextCapacity(this.#names.row.length, needed)
    for (const column of this.#columns()) column.reserve(capacity)
  }
}

/** A blob id, or an object that links to one. */
function isImage(image: unknown): boolean {
  if (typeof image === 'string') return true
  return typeof contentObject(image)?.link === 'string'
}
