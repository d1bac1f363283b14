import { performance } from 'node:perf_hooks'

/**
 * Gives memory back once a thread has nothing to do. V8 collects when memory is asked for, so a
 * thread that has just answered a burst of questions keeps its garbage for as long as it is idle:
 * tens of MiB on a node that is idle most of the day. A collection of a shard's heap, whose tables
 * lie outside, takes about 10 ms, and comes only after a span without work.
 */

/** How often a thread looks at how busy it was. */
const LOOK_MS = 2_000
/** Busy for a smaller part of that: idle. */
const IDLE_UTILIZATION = 0.02
/** With less work since the last collection there is nothing to gain. */
const LEAST_WORK_MS = 50

export interface IdleCollectionParts {
  /** Time that the thread was busy since it started, and at all, ms. */
  readonly utilization: () => { readonly active: number; readonly idle: number }
  /** Resolves when the memory is given back; rejects where that is not possible here. */
  readonly collect: () => Promise<void>
}

/** Decides when to collect: call `look` at regular times. */
export class IdleCollection {
  readonly #parts: IdleCollectionParts
  #last = { active: 0, idle: 0 }
  #collectedAt = 0
  #isImpossible = false

  constructor(parts: IdleCollectionParts) {
    this.#parts = parts
  }

  async look(): Promise<void> {
    const { active, idle } = this.#parts.utilization()
    const busyMs = active - this.#last.active
    const spanMs = busyMs + idle - this.#last.idle
    this.#last = { active, idle }
    if (busyMs > spanMs * IDLE_UTILIZATION || active - this.#collectedAt < LEAST_WORK_MS) return
    if (this.#isImpossible) return
    try {
      await this.#parts.collect()
    } catch {
      // A Node without inspector, or one that is not allowed to use it, keeps what it has.
      this.#isImpossible = true
    }
    this.#collectedAt = this.#parts.utilization().active
  }
}

/**
 * A collection as the tools of a browser ask for it. `gc()` of V8 leaves the young generation at the
 * size that the busiest moment gave it, up to 32 MiB of nothing; this one gives that back too. It
 * also needs no flag: V8's flags belong to the process, and code that was compiled ahead is refused
 * under other flags than those that it was made under.
 */
async function collectAll(): Promise<void> {
  const { Session } = await import('node:inspector')
  const session = new Session()
  session.connect()
  await new Promise<void>((resolve) => {
    session.post('HeapProfiler.collectGarbage', () => resolve())
  })
  session.disconnect()
}

/** Watches the calling thread for the rest of its life. Does not hold the process open. */
export function collectWhenIdle(): void {
  const collection = new IdleCollection({
    utilization: () => performance.eventLoopUtilization(),
    collect: collectAll,
  })
  setInterval(() => void collection.look(), LOOK_MS).unref()
}
