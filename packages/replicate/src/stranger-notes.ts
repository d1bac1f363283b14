/**
 * What a peer said of feeds that are not replicated here: kept small, since a peer may name as many
 * as it likes. An open-addressed table of 64-bit fingerprints in typed arrays: 12 bytes a slot, at
 * most half full. Two ids with one fingerprint share a note, which harms only the peer that made them.
 */

const FIRST_SLOTS = 64
/** Marks a free slot; notes are -1 or more. */
const FREE = -2

/** Notes by feed id, up to a cap. */
export class StrangerNotes {
  readonly #maxCount: number
  #prints = new Uint32Array(0)
  #notes = new Int32Array(0)
  #count = 0

  constructor(maxCount: number) {
    this.#maxCount = maxCount
  }

  get count(): number {
    return this.#count
  }

  /** Memory that is held. */
  get sizeBytes(): number {
    return this.#prints.byteLength + this.#notes.byteLength
  }

  /** The last note about a feed; null where there was none. */
  get(id: string): number | null {
    const note = this.#notes.length === 0 ? FREE : this.#notes[this.#slotOf(id)]!
    return note === FREE ? null : note
  }

  /** `new`: the first note about this feed; `full`: not kept, the peer has named too many. */
  set(id: string, note: number): 'new' | 'known' | 'full' {
    if ((this.#count + 1) * 2 > this.#notes.length) this.#grow()
    const slot = this.#slotOf(id)
    const isNew = this.#notes[slot] === FREE
    if (isNew && this.#count >= this.#maxCount) return 'full'
    this.#notes[slot] = note
    if (!isNew) return 'known'
    this.#prints[slot * 2] = print(id, 0)
    this.#prints[slot * 2 + 1] = print(id, 1)
    this.#count += 1
    return 'new'
  }

  #slotOf(id: string): number {
    return this.#find(print(id, 0), print(id, 1))
  }

  #find(low: number, high: number): number {
    const mask = this.#notes.length - 1
    let slot = (low ^ (high >>> 7)) & mask
    while (this.#notes[slot] !== FREE) {
      if (this.#prints[slot * 2] === low && this.#prints[slot * 2 + 1] === high) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const prints = this.#prints
    const notes = this.#notes
    const slots = Math.max(FIRST_SLOTS, notes.length * 2)
    if (slots > Math.max(FIRST_SLOTS, this.#maxCount * 4)) return
    this.#prints = new Uint32Array(slots * 2)
    this.#notes = new Int32Array(slots).fill(FREE)
    for (let slot = 0; slot < notes.length; slot++) {
      const note = notes[slot]!
      if (note === FREE) continue
      const low = prints[slot * 2]!
      const high = prints[slot * 2 + 1]!
      const target = this.#find(low, high)
      this.#prints[target * 2] = low
      this.#prints[target * 2 + 1] = high
      this.#notes[target] = note
    }
  }
}

/** FNV-1a over every second character of an id. */
function print(id: string, from: 0 | 1): number {
  let hash = 0x811c9dc5
  for (let at = from + 1; at < id.length; at += 2) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
