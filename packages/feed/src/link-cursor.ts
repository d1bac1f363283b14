import type { Chunk, Cursor } from '@dunbar/actor'
import {
  type FeedId,
  feedIdToBytes,
  isCodedError,
  isFeedId,
  messageKeyFromBytes,
} from '@dunbar/core'
import { FrameWriter, frameKey, frameMessage, frameReceived } from './frame.js'
import { extractLinks } from './links.js'
import type { LinkChunk, LinkQuery, LinkRow } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'
import { requestInvalid } from './stream-bounds.js'

type LinkBatch = Extract<LinkChunk, { readonly links: unknown }>

/** Messages looked at in one pull. */
const PULL_ROWS = 128
/** A chunk ends with the message whose links bring its frames to this size; one message adds 1.4 MiB at most. */
const MAX_CHUNK_BYTES = 256 * 1024

/**
 * Links in order of arrival. The index says which messages to look at; what exactly they link to is
 * read from the messages themselves, since the index holds fingerprints. A chunk is empty where none
 * of the messages looked at in one pull has a link that is wanted.
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

  /** @throws {REQUEST_INVALID} */
  constructor(store: ShardStore, query: LinkQuery, closed: () => void) {
    for (const name of ['dest', 'source', 'rel'] as const) {
      const filter: unknown = query[name]
      if (filter === undefined || (typeof filter === 'string' && filter !== '')) continue
      throw requestInvalid(`${name} must be a text`)
    }
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
    if (this.#position < this.#rows.length) return this.#readChunk()
    if (!this.#query.live) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      return { value: { sync: true } satisfies LinkChunk }
    }
    const end = Math.min(this.#store.rowCount, this.#watermark + PULL_ROWS)
    if (end === this.#watermark) return 'wait'
    this.#rows = Uint32Array.from(
      { length: end - this.#watermark },
      (_, index) => this.#watermark + index,
    )
    this.#position = 0
    this.#watermark = end
    const chunk = this.#readChunk()
    const isEmpty = chunk.value.links.length === 0
    return isEmpty && end === this.#store.rowCount ? 'wait' : chunk
  }

  close(): void {
    this.#closed()
  }

  #choose(): Uint32Array {
    const { reverse } = this.#query
    const rows = this.#candidates().filter((row) => this.#store.isLive(row))
    const at = (row: number) => this.#store.orderOf('received', row)
    if (rows.some((row, index) => index > 0 && at(rows[index - 1]!) > at(row))) {
      rows.sort((left, right) => at(left) - at(right) || left - right)
    }
    return reverse ? rows.reverse() : rows
  }

  /** The rows that may have a link that is wanted, from whichever index says most. */
  #candidates(): Uint32Array {
    const { dest, source, rel } = this.#query
    if (dest !== undefined && dest.length > 1) {
      return distinct(this.#store.linksTo(dest, rel).rows)
    }
    if (source !== undefined && source.length > 1) {
      const feed = isFeedId(source) ? this.#store.feedNumber(feedIdToBytes(source)) : -1
      if (feed === -1) return new Uint32Array(0)
      return rel === undefined
        ? this.#store.rowsOfFeed(feed)
        : distinct(this.#store.linksFrom(feed, rel).rows)
    }
    if (rel !== undefined) return distinct(this.#store.linksWith(rel).rows)
    return this.#store.rowsBetween('received', {})
  }

  #readChunk(): Chunk & { readonly value: LinkBatch } {
    const links: LinkRow[] = []
    const order: number[] = []
    const frames = new FrameWriter()
    const end = Math.min(this.#position + PULL_ROWS, this.#rows.length)
    for (; this.#position < end && frames.sizeBytes <= MAX_CHUNK_BYTES; this.#position++) {
      const row = this.#rows[this.#position]!
      const frame = this.#frameOf(row)
      if (frame === null) continue
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
    const batch = frames.finish()
    const numbers = Float64Array.from(order)
    return {
      value: { links, frames: batch, order: numbers },
      transfer: [batch, numbers.buffer],
    }
  }

  /** A message that is damaged or gone does not end the stream. */
  #frameOf(row: number): Uint8Array | null {
    if (!this.#store.isLive(row)) return null
    try {
      return this.#store.readRow(row)
    } catch (error) {
      // One log that can't be read does not keep the others from being read.
      if (isCodedError(error)) return null
      throw error
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
