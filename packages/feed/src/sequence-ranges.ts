import type { Sequence } from '@dunbar/core'

interface Range {
  readonly from: Sequence
  to: Sequence
}

/** Which sequences were seen, at the cost of one entry for each run of them that came in order. */
export class SequenceRanges {
  readonly #ranges: Range[] = []
  #isSorted = true

  add(sequence: Sequence): void {
    const last = this.#ranges.at(-1)
    if (last?.to === sequence - 1) {
      last.to = sequence
      return
    }
    this.#isSorted &&= last === undefined || last.to < sequence
    this.#ranges.push({ from: sequence, to: sequence })
  }

  /** The first sequence that was not seen, from the given one on. */
  firstMissing(from: Sequence): Sequence {
    if (!this.#isSorted) this.#ranges.sort((left, right) => left.from - right.from)
    this.#isSorted = true
    let next = from
    for (const range of this.#ranges) {
      if (range.from > next) break
      if (range.to >= next) next = range.to + 1
    }
    return next
  }
}
