/** Who asked for the next item. */
interface Waiting {
  resolve(result: IteratorResult<unknown>): void
  reject(error: unknown): void
}

/**
 * The sending side of a session: an iterable whose next item is looked for when the socket takes
 * one, and not before. `wake` says that there may be one; nothing is asked by the clock.
 */
export class SessionOutput implements AsyncIterableIterator<unknown> {
  readonly #take: () => unknown
  #waiting: Waiting | null = null
  #failure: Error | null = null
  #isEnded = false
  #onLeave: () => void = () => {}

  /** @param take the next item, or null where there is none at the moment */
  constructor(take: () => unknown) {
    this.#take = take
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Called once when the other side leaves. */
  onLeave(run: () => void): void {
    this.#onLeave = run
  }

  wake(): void {
    const waiting = this.#waiting
    if (waiting === null || this.#isEnded) return
    const value = this.#take()
    if (value === null) return
    this.#waiting = null
    waiting.resolve({ done: false, value })
  }

  /** Nothing follows. With an error the other side is told. */
  end(failure: Error | null = null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#failure = failure
    const waiting = this.#waiting
    if (waiting === null) return
    this.#waiting = null
    this.#last().then(waiting.resolve, waiting.reject)
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#isEnded) return this.#last()
    const value = this.#take()
    if (value !== null) return Promise.resolve({ done: false, value })
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<unknown>> {
    this.end()
    const leave = this.#onLeave
    this.#onLeave = () => {}
    leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #last(): Promise<IteratorResult<unknown>> {
    const failure = this.#failure
    this.#failure = null
    return failure === null
      ? Promise.resolve({ done: true, value: undefined })
      : Promise.reject(failure)
  }
}
