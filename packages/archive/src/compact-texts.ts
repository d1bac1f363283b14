/** Of all texts of a block: four times what a block like ours has. */
const maxBytes = 4 * 1024 * 1024
const leastBytes = 256 * 1024

/** Texts are collected here, and copied when all are there: their size is not known before. */
let room = new Uint8Array(0)

/** The compact JSON of all messages of a block. One block at a time is collected. */
export class CompactTexts {
  readonly #ends: Uint32Array
  #count = 0
  #end = 0
  #texts: Uint8Array | null = null

  /** @param length how many messages there are */
  constructor(length: number) {
    this.#ends = new Uint32Array(length)
  }

  /** Takes a copy of the text of the next message. False where the texts are too long to be kept. */
  add(text: Uint8Array): boolean {
    const end = this.#end + text.length
    if (end > maxBytes) return false
    if (end > room.length) this.#grow(end)
    room.set(text, this.#end)
    this.#end = end
    this.#ends[this.#count++] = end
    return true
  }

  /** All are there. */
  finish(): void {
    this.#texts = room.slice(0, this.#end)
  }

  /** The text of a message once all are there: a view. */
  at(index: number): Uint8Array {
    return this.#texts!.subarray(index === 0 ? 0 : this.#ends[index - 1]!, this.#ends[index]!)
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(leastBytes, needed, Math.min(maxBytes, 2 * room.length)))
    grown.set(room.subarray(0, this.#end))
    room = grown
  }
}
