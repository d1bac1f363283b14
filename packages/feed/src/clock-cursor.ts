import type { Chunk, Cursor } from '@dunbar/actor'
import type { ClockChunk } from './protocol.js'
import type { ShardStore } from './shard-store.js'

/** Feeds told of in one chunk. */
const CHUNK_FEEDS = 1024
/** Rows behind the mark that are looked at in one pull. */
const NEWS_ROWS = 8192
const ID_BYTES = 32

/**
 * How far all feeds of a shard are held, then whose number changed. What is told of a feed is its
 * number at the moment of telling, so a burst of messages costs one entry a feed and chunk. Where
 * rows are numbered anew, all numbers are compared with those that were told.
 */
export class ClockCursor implements Cursor {
  readonly #store: ShardStore
  readonly #isLive: boolean
  readonly #closed: () => void
  /** By number of the feed; what the reader knows. */
  readonly #told: number[] = []
  /** The same of what may be passed on, where that is less. */
  readonly #toldPassable = new Map<number, number>()
  /** Feeds to look at. */
  #waiting: Iterable<number> & Iterator<number>
  #isSynced = false
  #watermark: number
  #generation: number
  #checkCount: number

  constructor(store: ShardStore, isLive: boolean, closed: () => void) {
    this.#store = store
    this.#isLive = isLive
    this.#closed = closed
    this.#watermark = store.rowCount
    this.#generation = store.generation
    this.#checkCount = store.checkCount
    this.#waiting = store.feedNumbers().values()
  }

  pull(): Chunk | 'wait' | 'end' {
    this.#lookAgain()
    for (;;) {
      const chunk = this.#tell()
      if (chunk !== null) return chunk
      if (!this.#isSynced) {
        if (!this.#isLive) return 'end'
        this.#isSynced = true
        return { value: { sync: true } satisfies ClockChunk }
      }
      if (this.#watermark === this.#store.rowCount) return 'wait'
      this.#waiting = this.#news().values()
    }
  }

  close(): void {
    this.#closed()
  }

  /** After rows were numbered anew, and after signatures were checked, or some became unchecked. */
  #lookAgain(): void {
    const { generation, checkCount } = this.#store
    if (this.#generation === generation && this.#checkCount === checkCount) return
    this.#generation = generation
    this.#checkCount = checkCount
    this.#watermark = this.#store.rowCount
    this.#waiting = new Set([...this.#told.keys(), ...this.#store.feedNumbers()]).values()
  }

  /** Feeds with rows behind the mark. */
  #news(): Set<number> {
    const feeds = new Set<number>()
    const end = Math.min(this.#store.rowCount, this.#watermark + NEWS_ROWS)
    for (let row = this.#watermark; row < end; row++) {
      if (this.#store.isLive(row)) feeds.add(this.#store.feedOf(row))
    }
    this.#watermark = end
    return feeds
  }

  /** The next feeds whose number is another than the one that was told; null where there are none. */
  #tell(): Chunk | null {
    const ids: Uint8Array[] = []
    const numbers: number[] = []
    const passables: number[] = []
    let isLess = false
    for (let next = this.#waiting.next(); !next.done; next = this.#waiting.next()) {
      const feed = next.value
      const sequence = this.#store.headSequence(feed)
      const passable = this.#store.checkedTo(feed)
      const toldPassable = this.#toldPassable.get(feed) ?? this.#told[feed] ?? 0
      if (sequence === (this.#told[feed] ?? 0) && passable === toldPassable) continue
      this.#told[feed] = sequence
      if (passable === sequence) this.#toldPassable.delete(feed)
      else this.#toldPassable.set(feed, passable)
      if (passable < sequence) isLess = true
      passables.push(passable)
      ids.push(this.#store.feedIdBytes(feed))
      numbers.push(sequence)
      if (ids.length === CHUNK_FEEDS) break
    }
    if (ids.length === 0) return null
    const authors = new Uint8Array(ids.length * ID_BYTES)
    for (const [index, id] of ids.entries()) authors.set(id, index * ID_BYTES)
    const sequences = Uint32Array.from(numbers)
    const chunk: ClockChunk = isLess
      ? { authors, sequences, passable: Uint32Array.from(passables) }
      : { authors, sequences }
    return { value: chunk, transfer: [authors.buffer, sequences.buffer] }
  }
}
