import type { Chunk, Cursor } from '@dunbar/actor'
import { messageKeyFromBytes } from '@dunbar/core'
import type { ForkRecord } from './feed-record.js'
import { frameKey } from './frame.js'
import type { ForkChunk, ForkQuery, ForkRow } from './protocol.js'
import type { ShardStore } from './shard-store.js'

/**
 * The forks of a shard, then those whose evidence is kept later; each once. A pull reads the record
 * of one feed, whose evidence makes one chunk, which may be empty. A reader who waits costs a number:
 * news are looked at behind a mark, and numbers of feeds outlive a rebuild.
 */
export class ForkCursor implements Cursor {
  readonly #store: ShardStore
  readonly #isLive: boolean
  readonly #closed: () => void
  readonly #feeds: Uint32Array
  #position = 0
  #isSynced: boolean
  #watermark: number
  /** Pieces of evidence told of a feed whose record was read with news behind the mark. */
  readonly #told = new Map<number, number>()

  constructor(store: ShardStore, { live = false, old = true }: ForkQuery, closed: () => void) {
    this.#store = store
    this.#isLive = live
    this.#closed = closed
    this.#feeds = old ? store.forkedFeeds() : new Uint32Array(0)
    this.#isSynced = !old
    this.#watermark = store.keptForkCount
  }

  pull(): Chunk | 'wait' | 'end' {
    if (this.#position < this.#feeds.length) return this.#held()
    if (!this.#isLive) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      return { value: { sync: true } satisfies ForkChunk }
    }
    return this.#watermark === this.#store.keptForkCount ? 'wait' : this.#news()
  }

  close(): void {
    this.#closed()
  }

  #held(): Chunk {
    const feed = this.#feeds[this.#position++]!
    const forks = this.#store.forks(feed)
    if (this.#watermark !== this.#store.keptForkCount) this.#told.set(feed, forks.length)
    return this.#chunkOf(feed, forks)
  }

  /** What is new of the feed whose turn it is. */
  #news(): Chunk {
    const { feed } = this.#store.keptFork(this.#watermark)
    const forks = this.#store.forks(feed)
    const toldCount = this.#told.get(feed) ?? 0
    const news: ForkRecord[] = []
    for (; this.#watermark < this.#store.keptForkCount; this.#watermark++) {
      const kept = this.#store.keptFork(this.#watermark)
      if (kept.feed !== feed) break
      const fork = forks[kept.index]
      if (fork !== undefined && kept.index >= toldCount) news.push(fork)
    }
    return this.#chunkOf(feed, news)
  }

  #chunkOf(feed: number, evidence: readonly ForkRecord[]): Chunk {
    const id = this.#store.feedId(feed)
    const forks = evidence.map(
      ({ sequence, kept, refused }): ForkRow => ({
        id,
        sequence,
        kept: messageKeyFromBytes(frameKey(kept)),
        refused: messageKeyFromBytes(frameKey(refused)),
      }),
    )
    return { value: { forks } satisfies ForkChunk }
  }
}
