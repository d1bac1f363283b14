/**
 * The rows of a shard in an order (by arrival, or by the lesser of arrival and claim), kept as a
 * sorted list of row numbers that is brought up to date when it is asked for. Ties go by feed id
 * bytes, then by sequence, so that the order does not depend on how messages came in.
 *
 * New rows are sorted among themselves and merged in from the end: what came in order costs a
 * comparison each, and a few late ones move only what stands behind them. The first sort of many
 * rows is by digit: the bits of a double, with the sign turned, are in its order.
 */
import { nextCapacity } from './columns.js'

/** What the order is made from; columns may be replaced by longer ones, so they are asked for each time. */
export interface OrderSource {
  /** Rows from 0 to here exist. */
  count(): number
  /** The number that orders each row. */
  key(): Float64Array
  feed(): Uint32Array
  sequence(): Uint32Array
  /** Place of each feed among all by id bytes. */
  rank(): Uint32Array
}

export interface Bounds {
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
}

/** Fewer rows are sorted by comparing. */
const LEAST_DIGIT_SORT = 4096
const DIGIT_BITS = 16
const DIGITS = 1 << DIGIT_BITS

export class RowOrder {
  readonly #source: OrderSource
  #rows = new Uint32Array(0)
  #count = 0

  constructor(source: OrderSource) {
    this.#source = source
  }

  get sizeBytes(): number {
    return this.#rows.byteLength
  }

  /** Forgets the order; to be called when rows are dropped, since their ties are judged by what is gone. */
  reset(): void {
    this.#rows = new Uint32Array(0)
    this.#count = 0
  }

  /** Rows within bounds, in order, among them those that were dropped. A view, valid until the next call. */
  between(bounds: Bounds): Uint32Array {
    this.#update()
    const key = this.#source.key()
    const from = Math.max(
      bounds.gt === undefined ? 0 : this.#place(key, bounds.gt, true),
      bounds.gte === undefined ? 0 : this.#place(key, bounds.gte, false),
    )
    const to = Math.min(
      bounds.lt === undefined ? this.#count : this.#place(key, bounds.lt, false),
      bounds.lte === undefined ? this.#count : this.#place(key, bounds.lte, true),
    )
    return this.#rows.subarray(from, Math.max(from, to))
  }

  /** Where the rows above a number begin; with `isAfter`, those above and not at it. */
  #place(key: Float64Array, bound: number, isAfter: boolean): number {
    let from = 0
    let to = this.#count
    while (from < to) {
      const middle = (from + to) >>> 1
      const value = key[this.#rows[middle] as number] as number
      if (value < bound || (isAfter && value === bound)) from = middle + 1
      else to = middle
    }
    return from
  }

  #update(): void {
    const count = this.#source.count()
    if (count === this.#count) return
    const compare = this.#comparison()
    const added = this.#sorted(this.#count, count, compare)
    if (count > this.#rows.length) {
      const rows = new Uint32Array(
        this.#count === 0 ? count : nextCapacity(this.#rows.length, count),
      )
      rows.set(this.#rows.subarray(0, this.#count))
      this.#rows = rows
    }
    let old = this.#count - 1
    let at = count - 1
    for (let next = added.length - 1; next >= 0; at--) {
      const row = added[next] as number
      if (old >= 0 && compare(this.#rows[old] as number, row) > 0) {
        this.#rows[at] = this.#rows[old--] as number
      } else {
        this.#rows[at] = row
        next -= 1
      }
    }
    this.#count = count
  }

  #comparison(): (left: number, right: number) => number {
    const key = this.#source.key()
    const feed = this.#source.feed()
    const sequence = this.#source.sequence()
    const rank = this.#source.rank()
    return (left, right) =>
      (key[left] as number) - (key[right] as number) ||
      (rank[feed[left] as number] ?? 0) - (rank[feed[right] as number] ?? 0) ||
      (sequence[left] as number) - (sequence[right] as number) ||
      left - right
  }

  #sorted(from: number, to: number, compare: (left: number, right: number) => number): Uint32Array {
    const rows = new Uint32Array(to - from)
    let isSorted = true
    for (let at = 0; at < rows.length; at++) {
      rows[at] = from + at
      if (isSorted && at > 0) isSorted = compare(from + at - 1, from + at) <= 0
    }
    if (isSorted) return rows
    if (rows.length < LEAST_DIGIT_SORT) return rows.sort(compare)
    const sorted = sortByDigits(rows, this.#source.key())
    sortTies(sorted, this.#source.key(), compare)
    return sorted
  }
}

/** Sorts rows by a column of doubles, digit by digit from the lowest; rows with equal doubles stay as they stood. */
function sortByDigits(rows: Uint32Array, key: Float64Array): Uint32Array {
  const count = rows.length
  const words = new Uint32Array(count * 2)
  const doubles = new Float64Array(words.buffer)
  for (let at = 0; at < count; at++) {
    // Adding 0 turns -0, which compares as 0, into 0.
    doubles[at] = (key[rows[at] as number] as number) + 0
    const isNegative = (words[2 * at + 1] as number) >>> 31 === 1
    words[2 * at] = (words[2 * at] as number) ^ (isNegative ? 0xffffffff : 0)
    words[2 * at + 1] = (words[2 * at + 1] as number) ^ (isNegative ? 0xffffffff : 0x80000000)
  }
  let order = new Uint32Array(count)
  for (let at = 0; at < count; at++) order[at] = at
  let target = new Uint32Array(count)
  for (const [word, shift] of [
    [0, 0],
    [0, DIGIT_BITS],
    [1, 0],
    [1, DIGIT_BITS],
  ] as const) {
    const starts = new Uint32Array(DIGITS + 1)
    for (let at = 0; at < count; at++) {
      const digit = ((words[2 * at + word] as number) >>> shift) & (DIGITS - 1)
      starts[digit + 1] = (starts[digit + 1] as number) + 1
    }
    if (starts.includes(count)) continue
    for (let digit = 1; digit <= DIGITS; digit++) {
      starts[digit] = (starts[digit] as number) + (starts[digit - 1] as number)
    }
    for (let at = 0; at < count; at++) {
      const index = order[at] as number
      const digit = ((words[2 * index + word] as number) >>> shift) & (DIGITS - 1)
      const place = starts[digit] as number
      starts[digit] = place + 1
      target[place] = index
    }
    const spare = order
    order = target
    target = spare
  }
  for (let at = 0; at < count; at++) target[at] = rows[order[at] as number] as number
  return target
}

function sortTies(
  rows: Uint32Array,
  key: Float64Array,
  compare: (left: number, right: number) => number,
): void {
  let start = 0
  for (let at = 1; at <= rows.length; at++) {
    const isTie = at < rows.length && key[rows[at] as number] === key[rows[start] as number]
    if (isTie) continue
    if (at - start > 1) rows.subarray(start, at).sort(compare)
    start = at
  }
}
