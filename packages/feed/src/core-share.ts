/**
 * Which cores are at work. All shards see the same numbers, in shared memory: a shard that has
 * messages to check counts for one core, and so does each batch that it has under way in the cpu
 * pool. A batch goes to the pool only while a core is idle, so the pool fills gaps and never
 * competes with shards that check their own messages.
 *
 * Layout: two 32-bit counters for each shard, `at work (0 or 1)` and `batches in the pool`. A shard
 * writes only its own, and sets them to 0 when it starts, so a thread that died leaves nothing behind.
 */
export class CoreShare {
  readonly #counters: Int32Array
  readonly #own: number
  readonly #cores: number

  /**
   * @param memory of `coreShareBytes(shards)`; null for a shard that is alone
   * @param cores how many there are
   */
  constructor(memory: SharedArrayBuffer | null, shard: number, cores: number) {
    this.#counters = new Int32Array(memory ?? new ArrayBuffer(coreShareBytes(shard + 1)))
    this.#own = 2 * shard
    this.#cores = cores
    Atomics.store(this.#counters, this.#own, 0)
    Atomics.store(this.#counters, this.#own + 1, 0)
  }

  /** Tells whether this shard checks messages at the moment. */
  setAtWork(isAtWork: boolean): void {
    Atomics.store(this.#counters, this.#own, isAtWork ? 1 : 0)
  }

  /** Takes an idle core for one batch; false where there is none. Two shards may take the last one at once: that costs a little time, nothing else. */
  take(): boolean {
    let busy = 0
    for (let index = 0; index < this.#counters.length; index++) {
      busy += Atomics.load(this.#counters, index)
    }
    if (busy >= this.#cores) return false
    Atomics.add(this.#counters, this.#own + 1, 1)
    return true
  }

  /** Gives back what `take` took. */
  give(): void {
    Atomics.sub(this.#counters, this.#own + 1, 1)
  }
}

export const coreShareBytes = (shards: number): number => 8 * shards
