import type { Chunk, Clock, Cursor } from '@dunbar/actor'
import type { RebuildChunk } from './protocol.js'
import type { ShardHost } from './shard-host.js'
import type { RebuildProgress, ShardStore } from './shard-store.js'

/** One turn of a rebuild; others of the shard have theirs between two. */
const SLICE_MS = 8

/** Rebuilds a store as its reader reads: a chunk is a slice of the work. A reader that leaves ends it. */
export class RebuildCursor implements Cursor {
  readonly #host: Pick<ShardHost, 'store' | 'appended'>
  readonly #clock: Clock
  readonly #steps: ReturnType<ShardStore['rebuildAll']>
  #progress: RebuildProgress = { feeds: 0, totalFeeds: 0, messages: 0 }
  #isDone = false

  constructor(host: Pick<ShardHost, 'store' | 'appended'>, clock: Clock) {
    this.#host = host
    this.#clock = clock
    this.#steps = host.store.rebuildAll()
  }

  pull(): Chunk | 'end' {
    if (this.#isDone) return 'end'
    const until = this.#clock.monotonic() + SLICE_MS
    do {
      const step = this.#steps.next()
      if (step.done) {
        this.#isDone = true
        this.#host.appended()
        const { messages } = this.#host.store.statistics()
        const chunk: RebuildChunk = { ...this.#progress, messages, failed: step.value }
        return { value: chunk }
      }
      this.#progress = step.value
    } while (this.#clock.monotonic() < until)
    return { value: { ...this.#progress, failed: null } satisfies RebuildChunk }
  }

  close(): void {
    this.#steps.return([])
  }
}
