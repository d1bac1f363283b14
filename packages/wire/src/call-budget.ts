import type { WireClock } from './wire-ports.js'

/**
 * How many calls the other side may make: so many at once, and so many a second from there on. Calls
 * beyond are not refused, since they are there already; they leave a debt, while which nothing is read.
 */
export class CallBudget {
  readonly #clock: WireClock
  /** What one call costs, and what may be saved. */
  readonly #callMs: number
  readonly #burstMs: number
  /** The time up to which the calls are paid for. */
  #paidMs: number

  constructor(callsPerSecond: number, callBurst: number, clock: WireClock) {
    this.#clock = clock
    this.#callMs = 1000 / callsPerSecond
    this.#burstMs = callBurst * this.#callMs
    this.#paidMs = clock.monotonic() - this.#burstMs
  }

  /** Counts one call. */
  spend(): void {
    this.#paidMs += this.#callMs
  }

  /** How long until all calls are paid for, in ms; 0 where they are. */
  debtMs(): number {
    const nowMs = this.#clock.monotonic()
    this.#paidMs = Math.max(this.#paidMs, nowMs - this.#burstMs)
    return Math.max(0, this.#paidMs - nowMs)
  }
}
