/** Room for the signed bytes of some dozens of messages of usual size. */
const SIZE_BYTES = 64 * 1024

/**
 * Memory for the signed bytes of messages that are read and checked together, one group after
 * another. Fresh memory for each message is what most of its garbage would be, and lies outside of
 * V8's heap, where it makes for collections of the whole of it.
 */
export class SignedMemory {
  readonly #bytes = Buffer.allocUnsafeSlow(SIZE_BYTES)
  #end = 0

  /** Begins anew: the signed bytes of all messages read with this memory before are gone. */
  reuse(): void {
    this.#end = 0
  }

  /** Uninitialized; valid until `reuse`. */
  take(sizeBytes: number): Buffer {
    const start = this.#end
    if (start + sizeBytes > SIZE_BYTES) return Buffer.allocUnsafe(sizeBytes)
    this.#end = start + sizeBytes
    return this.#bytes.subarray(start, this.#end)
  }
}
