/**
 * What changed since a reader took the last of it, by name: the latest value of each. So a reader may
 * be as slow as it likes, and what waits for it is no more than there are names.
 */
export class LatestValues<Value> {
  #values = new Map<string, Value>()
  #wake: () => void = () => undefined

  set(name: string, value: Value): void {
    this.#values.set(name, value)
    this.#wake()
  }

  /** Takes back what waits under a name. */
  delete(name: string): void {
    this.#values.delete(name)
  }

  /** Gives what waits, whenever there is something; ends with the signal. */
  async *taken(signal: AbortSignal): AsyncGenerator<Map<string, Value>> {
    const aborted = () => this.#wake()
    signal.addEventListener('abort', aborted)
    try {
      while (!signal.aborted) {
        if (this.#values.size > 0) {
          const values = this.#values
          this.#values = new Map()
          yield values
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      signal.removeEventListener('abort', aborted)
    }
  }
}
