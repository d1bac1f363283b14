import type { FeedId } from '@dunbar/core'
import type { ConnGraph } from '../src/index.js'

/** A follow graph that a test writes down. */
export class MemoryGraph implements ConnGraph {
  readonly #hops = new Map<FeedId, number>()
  readonly #blocked = new Set<FeedId>()
  readonly #onBlocked = new Set<(id: FeedId) => void>()
  readonly #onChange = new Set<() => void>()

  hopsOf(id: FeedId): number | null {
    return this.#hops.get(id) ?? null
  }

  isBlocked(id: FeedId): boolean {
    return this.#blocked.has(id)
  }

  onBlocked(listener: (id: FeedId) => void): () => void {
    this.#onBlocked.add(listener)
    return () => this.#onBlocked.delete(listener)
  }

  onChange(listener: () => void): () => void {
    this.#onChange.add(listener)
    return () => this.#onChange.delete(listener)
  }

  place(id: FeedId, hops: number): void {
    this.#hops.set(id, hops)
    for (const listener of this.#onChange) listener()
  }

  block(id: FeedId): void {
    this.#blocked.add(id)
    for (const listener of this.#onBlocked) listener(id)
  }
}
