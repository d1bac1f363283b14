import { CodedError } from '@dunbar/core'

/** What becomes of a reader so slow that too many items wait: the oldest are lost, or it ends with `READER_TOO_SLOW`. */
export type WhenFull = 'dropOldest' | 'fail'

/**
 * Items that somebody pushes, as a stream for one reader. They wait for a slow reader up to a bound;
 * with a bound of 1 and `dropOldest` the reader always gets the newest state.
 */
export class ItemStream<Item> implements AsyncIterableIterator<Item> {
  readonly #maxWaiting: number
  readonly #whenFull: WhenFull
  readonly #onLeave: () => void
  readonly #waiting: Item[] = []
  #reader: ((result: IteratorResult<Item, undefined>) => void) | null = null
  #failure: CodedError | null = null
  #isOver = false

  /** @param onLeave runs once, when the reader leaves or the stream ends */
  constructor(maxWaiting: number, whenFull: WhenFull, onLeave: () => void = () => {}) {
    this.#maxWaiting = maxWaiting
    this.#whenFull = whenFull
    this.#onLeave = onLeave
  }

  push(item: Item): void {
    if (this.#isOver) return
    if (this.#reader !== null) {
      const reader = this.#reader
      this.#reader = null
      reader({ done: false, value: item })
      return
    }
    this.#waiting.push(item)
    if (this.#waiting.length <= this.#maxWaiting) return
    if (this.#whenFull === 'dropOldest') {
      this.#waiting.shift()
      return
    }
    const text = `${this.#maxWaiting} items wait, no more are kept`
    this.#failure = new CodedError('READER_TOO_SLOW', text, { maxWaiting: this.#maxWaiting })
    this.end()
  }

  /** Nothing follows; what waits is dropped. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting.length = 0
    this.#onLeave()
    this.#reader?.({ done: true, value: undefined })
    this.#reader = null
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#waiting.length > 0) {
      return Promise.resolve({ done: false, value: this.#waiting.shift()! })
    }
    if (this.#failure !== null) {
      const failure = this.#failure
      this.#failure = null
      return Promise.reject(failure)
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
