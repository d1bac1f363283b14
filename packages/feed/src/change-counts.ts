/**
 * How often what the shards hold has changed, in memory that all threads share: one 32-bit counter a
 * shard. A shard counts before it tells anybody of a change, so whoever read the counts, then asked
 * the shards, and still finds the same counts, holds the answer that they would give. It wraps
 * around after four billion changes.
 */
export class ChangeCounts {
  readonly #counts: Int32Array

  /** @param memory of `changeCountBytes(shards)`; outlives the threads, so that one that starts again counts on */
  constructor(memory: SharedArrayBuffer) {
    this.#counts = new Int32Array(memory)
  }

  /** Something that a question to this shard may be about has changed. */
  add(shard: number): void {
    Atomics.add(this.#counts, shard, 1)
  }

  /** The counts at this moment, in memory of their own. */
  now(): Int32Array {
    return this.#counts.map((_, shard) => Atomics.load(this.#counts, shard))
  }

  /** Whether nothing has changed since these were the counts. */
  areStill(counts: Int32Array): boolean {
    return counts.every((count, shard) => count === Atomics.load(this.#counts, shard))
  }
}

export const changeCountBytes = (shards: number): number => 4 * shards
