/**
 * A first-in-first-out queue on a ring of slots: adding and taking cost the same however many wait,
 * which an array emptied by `shift` does not promise. Grows by doubling up to what is put in; gives
 * the memory back when it runs empty after having been large.
 */
export class Ring<Item> {
  #slots: (Item | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: Item): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length += 1
  }

  shift(): Item | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length -= 1
    if (this.#length === 0 && this.#slots.length > KEPT_SLOTS) this.clear()
    return item
  }

  /** Replaces the first item that `matches`; returns it, or undefined. Looks at all of them. */
  replace(matches: (item: Item) => boolean, replacement: Item): Item | undefined {
    for (let at = 0; at < this.#length; at += 1) {
      const slot = (this.#head + at) & (this.#slots.length - 1)
      const item = this.#slots[slot] as Item
      if (!matches(item)) continue
      this.#slots[slot] = replacement
      return item
    }
    return undefined
  }

  clear(): void {
    this.#slots = []
    this.#head = 0
    this.#length = 0
  }

  #grow(): void {
    const slots: (Item | undefined)[] = new Array(Math.max(4, this.#slots.length * 2))
    for (let at = 0; at < this.#length; at += 1) {
      slots[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)]
    }
    this.#slots = slots
    this.#head = 0
  }
}

/** Small enough to keep for each of thousands of idle actors, large enough for an ordinary burst. */
const KEPT_SLOTS = 16
