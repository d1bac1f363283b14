/**
 * What happens, as a stream for one reader. Events wait for a slow reader up to a bound, beyond
 * which the oldest are dropped: with a bound of 1 the reader always gets the newest state.
 */
export class EventStream<Event> implements AsyncIterableIterator<Event> {
  readonly #maxWaiting: number
  readonly #onLeave: () => void
  readonly #waiting: Event[] = []
  #reader: ((result: IteratorResult<Event, undefined>) => void) | null = null
  #isOver = false

  /** @param onLeave runs once, when the reader leaves or the stream ends */
  constructor(maxWaiting: number, onLeave: () => void = () => {}) {
    this.#maxWaiting = maxWaiting
    this.#onLeave = onLeave
  }

  push(event: Event): void {
    if (this.#isOver) return
    if (this.#reader !== null) {
      const reader = this.#reader
      this.#reader = null
      reader({ done: false, value: event })
      return
    }
    this.#waiting.push(event)
    if (this.#waiting.length > this.#maxWaiting) this.#waiting.shift()
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

  next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.#waiting.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  return(): Promise<IteratorResult<Event, undefined>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** Who wants to know of something. A listener must not throw. */
export class Listeners<Event> {
  readonly #listeners = new Set<(event: Event) => void>()

  /** The returned function takes it out again. */
  add(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: Event): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
