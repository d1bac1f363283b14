import type { Chunk, Cursor } from '@dunbar/actor'
import type { FeedActorState } from './actor.js'
import type { FeedChunk, ReadRange } from './protocol.js'

/** Bytes of messages in one chunk: big enough that a post costs little beside it. */
const CHUNK_BYTES = 64 * 1024

/**
 * Reads one feed in sequence order, straight from the log. Holds nothing but a position, so a
 * reader may be as slow as it likes.
 */
export class FeedCursor implements Cursor {
  readonly #state: FeedActorState
  readonly #range: ReadRange
  readonly #closed: () => void
  #next: number
  #left: number
  #isSynced: boolean

  constructor(state: FeedActorState, range: ReadRange, closed: () => void) {
    this.#state = state
    this.#range = range
    this.#closed = closed
    this.#left = range.limit ?? Number.POSITIVE_INFINITY
    const takesOld = range.old !== false
    this.#isSynced = !takesOld
    if (!takesOld) this.#next = this.#head() + 1
    else if (range.reverse)
      this.#next = Math.min(range.to ?? Number.POSITIVE_INFINITY, this.#highest())
    else this.#next = Math.max(range.from ?? 1, 1)
  }

  pull(): Chunk | 'wait' | 'end' {
    if (this.#left <= 0) return 'end'
    const chunk = this.#range.reverse && !this.#isSynced ? this.#readBack() : this.#readOn()
    if (chunk !== null) return chunk
    if (!this.#range.live) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      if (this.#range.reverse) this.#next = this.#head() + 1
      return { value: { sync: true } satisfies FeedChunk }
    }
    return (this.#range.to ?? Number.POSITIVE_INFINITY) < this.#next ? 'end' : 'wait'
  }

  close(): void {
    this.#closed()
  }

  #head(): number {
    const { feed, host } = this.#state
    return feed === -1 ? 0 : host.store.feedInfo(feed).sequence
  }

  #highest(): number {
    const { feed, host } = this.#state
    return feed === -1 ? 0 : host.store.feedInfo(feed).highestSequence
  }

  #readOn(): Chunk | null {
    const { feed, host } = this.#state
    const to = this.#range.to ?? Number.POSITIVE_INFINITY
    while (feed !== -1 && this.#next <= Math.min(to, this.#highest())) {
      const most = Math.min(this.#left, to - this.#next + 1)
      const { frames, count, next } = host.store.readRange(feed, this.#next, most, CHUNK_BYTES)
      this.#next = next ?? this.#nextHeld(this.#next + count)
      if (count > 0) return this.#give(frames, count)
    }
    return null
  }

  /** Skips a hole: the first sequence held at or after `sequence`. */
  #nextHeld(sequence: number): number {
    const { feed, host } = this.#state
    const highest = this.#highest()
    let held = sequence
    while (held <= highest && host.store.rowAt(feed, held) === -1) held += 1
    return held
  }

  #readBack(): Chunk | null {
    const { feed, host } = this.#state
    const from = Math.max(this.#range.from ?? 1, 1)
    const rows: number[] = []
    while (feed !== -1 && this.#next >= from && rows.length < Math.min(this.#left, 128)) {
      const row = host.store.rowAt(feed, this.#next)
      if (row !== -1) rows.push(row)
      this.#next -= 1
    }
    if (rows.length === 0) return null
    const { frames, count, rows: read } = host.store.readRows(rows, CHUNK_BYTES)
    this.#next += rows.length - count
    return this.#give(frames, read.length)
  }

  #give(frames: ArrayBuffer, count: number): Chunk {
    this.#left -= count
    return { value: { frames } satisfies FeedChunk, transfer: [frames] }
  }
}
