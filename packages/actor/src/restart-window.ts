import type { Intensity } from './child-spec.js'

/** Counts failures within a sliding period. */
export class RestartWindow {
  readonly #intensity: Intensity
  /** Times of the failures within the period, oldest first; never more than are borne, and one. */
  #failedMs: number[] = []

  constructor(intensity: Intensity) {
    this.#intensity = intensity
  }

  /** Notes a failure; false where it is one more than are borne within the period. */
  note(nowMs: number): boolean {
    this.#slide(nowMs)
    this.#failedMs.push(nowMs)
    return this.#failedMs.length <= this.#intensity.restarts
  }

  /** Failures within the period that ends now. */
  count(nowMs: number): number {
    this.#slide(nowMs)
    return this.#failedMs.length
  }

  /** Forgets all failures. */
  clear(): void {
    this.#failedMs = []
  }

  #slide(nowMs: number): void {
    const fromMs = nowMs - this.#intensity.periodMs
    this.#failedMs = this.#failedMs.filter((failedMs) => failedMs > fromMs)
  }
}
