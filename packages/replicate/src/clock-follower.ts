import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import type { ShardClient } from '@dunbar/feed'

/** What following is built on. */
export interface FollowerParts {
  readonly shard: ShardClient
  onHeld(id: FeedId, sequence: number, passable: number): void
  /** The stream broke; it is opened again after a while. */
  onBroken(error: unknown): void
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
}

/** A thread that died is back within a second or so. */
const REOPEN_MS = 1_000

/** Follows how far the feeds of one shard are held. */
export class ClockFollower {
  /** Resolves when everything that was held at the start has been told. */
  readonly synced: Promise<void>
  readonly #parts: FollowerParts
  readonly #stop = new AbortController()
  #onSynced: () => void = () => {}
  #cancelReopening: () => void = () => {}

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.synced = new Promise((resolve) => {
      this.#onSynced = resolve
    })
    void this.#follow()
  }

  close(): void {
    this.#stop.abort()
    this.#cancelReopening()
    this.#onSynced()
  }

  async #follow(): Promise<void> {
    const { shard, onHeld, onBroken, after } = this.#parts
    const { signal } = this.#stop
    try {
      for await (const chunk of shard.clock(true, { signal })) {
        if ('sync' in chunk) {
          this.#onSynced()
          continue
        }
        for (let at = 0; at < chunk.sequences.length; at++) {
          const key = chunk.authors.subarray(at * 32, at * 32 + 32)
          const sequence = chunk.sequences[at]!
          onHeld(feedIdFromBytes(key), sequence, chunk.passable?.[at] ?? sequence)
        }
      }
    } catch (error) {
      if (!signal.aborted) onBroken(error)
    }
    if (!signal.aborted) this.#cancelReopening = after(REOPEN_MS, () => void this.#follow())
  }
}
