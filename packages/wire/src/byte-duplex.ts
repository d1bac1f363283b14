import type { WireError } from './errors.js'

/** What a pipe of bytes tells its user. None of them may throw. */
export interface ByteDuplexEvents {
  /** The next bytes, in memory that is the receiver's from here on. */
  bytes(chunk: Buffer): void
  /** The other side sends nothing more. */
  end(): void
  /** What came breaks the pipe's rules, so that nothing more is delivered; it wants to be destroyed. */
  broken(reason: WireError): void
  /** Nothing goes in or out any more; called once, last. */
  close(): void
}

/**
 * A pipe of bytes in both directions: a socket, or whatever encrypts over one. Connections know
 * only this.
 */
export interface ByteDuplex {
  /** Begins to deliver. Called once. */
  start(events: ByteDuplexEvents): void
  /**
   * Takes bytes, which must not change until `done` says that the layer below has them. There is
   * at most one write under way. `done` is not called when the pipe breaks.
   */
  write(bytes: Uint8Array, done: () => void): void
  /** Stops delivery, as far as bytes are not on their way already, so that the other side feels it. */
  pause(): void
  resume(): void
  /** Ends the own direction behind what was written. */
  end(): void
  /** Ends both directions at once. */
  destroy(): void
}
