/** A binary min-heap of integers with room for `capacity` of them. */
export class NumberHeap {
  readonly #items: Int32Array
  #size = 0

  constructor(capacity: number) {
    this.#items = new Int32Array(capacity)
  }

  get size(): number {
    return this.#size
  }

  push(item: number): void {
    const items = this.#items
    let at = this.#size++
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = items[above]!
      if (other <= item) break
      items[at] = other
      at = above
    }
    items[at] = item
  }

  /** Takes the smallest. The heap must not be empty. */
  pop(): number {
    const items = this.#items
    const smallest = items[0]!
    const item = items[--this.#size]!
    const size = this.#size
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= size) break
      if (below + 1 < size && items[below + 1]! < items[below]!) below += 1
      if (items[below]! >= item) break
      items[at] = items[below]!
      at = below
    }
    items[at] = item
    return smallest
  }
}
