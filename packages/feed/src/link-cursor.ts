import type { Chunk, Cursor } from '@dunbar/actor'
import { type FeedId, feedIdToBytes, isFeedId, messageKeyFromBytes } from '@dunbar/core'
import { FrameWriter, frameKey, frameMessage, frameReceived } from './frame.js'
import { extractLinks } from './links.js'
import type { LinkChunk, LinkQuery, LinkRow } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'

/** Messages looked at in one pull. */
const PULL_ROWS = 128

/**
 * Links in order of arrival. The index says which messages to look at; what exactly they link to is
 * read from the messages themselves, since the index holds fingerprints.
 */
export class LinkCursor implements Cursor {
  readonly #store: ShardStore
  readonly #query: LinkQuery
  readonly #closed: () => void
  readonly #generation: number
  #rows: Uint32Array
  #position = 0
  #watermark: number
  #isSynced: boolean

  constructor(store: ShardStore, query: LinkQuery, closed: () => void) {
    this.#store = store
    this.#query = query
    this.#closed = closed
    this.#generation = store.generation
    this.#watermark = store.rowCount
    this.#isSynced = query.old === false
    this.#rows = this.#isSynced ? new Uint32Array(0) : this.#choose()
  }

  pull(): Chunk | 'wait' | 'end' {
    assertSameGeneration(this.#store, this.#generation)
    while (this.#position < this.#rows.length) {
      const chunk = this.#readChunk()
      if (chunk !== null) return chunk
    }
    if (!this.#query.live) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      return { value: { sync: true } satisfies LinkChunk }
    }
    const end = this.#store.rowCount
    this.#rows = Uint32Array.from(
      { length: end - this.#watermark },
      (_, index) => this.#watermark + index,
    )
    this.#position = 0
    this.#watermark = end
    return this.#rows.length === 0 ? 'wait' : this.pull()
  }

  close(): void {
    this.#closed()
  }

  #choose(): Uint32Array {
    const { dest, source, rel, reverse } = this.#query
    let rows: Uint32Array
    if (dest !== undefined && dest.length > 1) {
      rows = distinct(this.#store.linksTo(dest, rel).rows)
    } else if (isFeedId(source)) {
      const feed = this.#store.feedNumber(feedIdToBytes(source))
      rows = feed === -1 ? new Uint32Array(0) : this.#store.rowsOfFeed(feed)
    } else {
      rows = this.#store.rowsBetween('received', {})
    }
    return reverse ? rows.slice().reverse() : rows
  }

  #readChunk(): Chunk | null {
    const links: LinkRow[] = []
    const order: number[] = []
    const frames = new FrameWriter()
    const end = Math.min(this.#position + PULL_ROWS, this.#rows.length)
    for (; this.#position < end; this.#position++) {
      const row = this.#rows[this.#position]!
      if (!this.#store.isLive(row)) continue
      const frame = this.#store.readRow(row)
      const value = JSON.parse(Buffer.from(frameMessage(frame)).toString()) as {
        author: FeedId
        content: unknown
      }
      if (!this.#isWanted(this.#query.source, value.author)) continue
      for (const { target, relation } of extractLinks(value.content)) {
        if (this.#query.rel !== undefined && this.#query.rel !== relation) continue
        if (!this.#isWanted(this.#query.dest, target)) continue
        const key = messageKeyFromBytes(frameKey(frame))
        links.push({ source: value.author, dest: target, rel: relation, key })
        order.push(frameReceived(frame))
        frames.pushFrames(frame)
      }
    }
    if (links.length === 0) return null
    const batch = frames.finish()
    const numbers = Float64Array.from(order)
    return {
      value: { links, frames: batch, order: numbers } satisfies LinkChunk,
      transfer: [batch, numbers.buffer],
    }
  }

  /** A filter is a whole id, or one sigil for all ids of a kind. */
  #isWanted(filter: string | undefined, id: string): boolean {
    if (filter === undefined) return true
    return filter.length === 1 ? id.startsWith(filter) : id === filter
  }
}

function distinct(rows: Uint32Array): Uint32Array {
  return rows.filter((row, index) => index === 0 || row !== rows[index - 1])
}
