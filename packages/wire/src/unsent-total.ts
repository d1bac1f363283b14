/** Half of what a small machine can spare: sixteen connections at their own limit. */
const DEFAULT_BYTES = 128 * 1024 * 1024

/** Bytes that wait for the sockets of many connections: one account for all that are given it. */
export class UnsentTotal {
  readonly #maxBytes: number
  #bytes = 0

  /** @param maxBytes above it a connection takes no more than one write ahead */
  constructor(maxBytes = DEFAULT_BYTES) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }

  /** Bytes began to wait, or, below 0, wait no more. */
  add(sizeBytes: number): void {
    this.#bytes += sizeBytes
  }
}
