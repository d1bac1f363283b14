import type { Batch } from './envelope.js'

/**
 * The seam between two kernels: a pair of ends that hand batches to each other in order. In
 * production an end is a `Worker` or its `parentPort`; in simulation both ends live on one loop.
 */

/** One end of the connection between two kernels. */
export interface ThreadPort {
  /**
   * Sends to the other end. Values are cloned, `transfer` moves.
   * @throws a `DataCloneError` where something cannot cross; nothing was sent or moved then
   */
  post(batch: Batch, transfer: readonly ArrayBuffer[]): void
  /** Batches of the other end, in order; those that came earlier are kept for the first receiver. */
  onMessage(receive: (batch: Batch) => void): void
  /** The other end is gone, with the error that ended it where there was one. Told once. */
  onExit(ended: (error: Error | null) => void): void
  /** Ends the thread behind this end at once, without last words; on the inner end: ends this thread. */
  terminate(): void
}

/** What a thread is made from. */
export interface ThreadStart {
  /** The name of the thread; the same one after a restart. */
  readonly name: string
  /** Its entry module, compiled JavaScript. */
  readonly entry: URL | string
  /** Cloned for each start. */
  readonly workerData?: unknown
  readonly resourceLimits?: ThreadLimits
}

/** Memory limits of one thread, as Node's `resourceLimits` has them; a thread that breaks one ends. */
export interface ThreadLimits {
  readonly maxOldGenerationSizeMb?: number
  readonly maxYoungGenerationSizeMb?: number
  readonly codeRangeSizeMb?: number
  readonly stackSizeMb?: number
}

/** Makes threads. */
export interface ThreadHost {
  /** Starts a thread; failing to do so is told by `onExit` of the port. */
  start(start: ThreadStart): ThreadPort
}
