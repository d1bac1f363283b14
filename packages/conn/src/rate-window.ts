import type { Clock } from '@dunbar/actor'

/** Counts what happens within a stretch of time, and says when that is too much. */
export class RateWindow {
  readonly #clock: Clock
  readonly #most: number
  readonly #lengthMs: number
  #beganMs = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(clock: Clock, most: number, lengthMs: number) {
    this.#clock = clock
    this.#most = most
    this.#lengthMs = lengthMs
  }

  /** As much happened as may. */
  get isFull(): boolean {
    this.#turn()
    return this.#count >= this.#most
  }

  count(): void {
    this.#turn()
    this.#count++
  }

  #turn(): void {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#beganMs < this.#lengthMs) return
    this.#beganMs = nowMs
    this.#count = 0
  }
}
