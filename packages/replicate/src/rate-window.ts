const WINDOW_MS = 60_000

/** Counts what may happen so often a minute. */
export class RateWindow {
  readonly #max: number
  #count = 0
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(maxPerMinute: number) {
    this.#max = maxPerMinute
  }

  /** Counts; false once it is too often. */
  add(count: number, nowMs: number): boolean {
    if (nowMs - this.#sinceMs > WINDOW_MS) {
      this.#sinceMs = nowMs
      this.#count = 0
    }
    this.#count += count
    return this.#count <= this.#max
  }
}
