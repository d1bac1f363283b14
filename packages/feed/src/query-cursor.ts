import type { Chunk, Cursor } from '@dunbar/actor'
import { CodedError, feedIdToBytes, isFeedId } from '@dunbar/core'
import type { ShardChunk, ShardQuery } from './protocol.js'
import type { ShardStore } from './shard-store.js'
import { limitOf, numberOf, requestInvalid } from './stream-bounds.js'

/** Rows read for one chunk at most; with `CHUNK_BYTES`, what bounds the time of a pull. */
const CHUNK_ROWS = 256
const CHUNK_BYTES = 64 * 1024
/** Rows behind the mark that are looked at in one pull. */
const NEWS_ROWS = 8192

/**
 * Messages of a shard in an order. The rows are chosen once, when the stream opens; those that are
 * appended later are looked at one by one behind a mark, so a live reader costs a number. Where many
 * were appended and none is wanted, a chunk may be empty.
 */
export class QueryCursor implements Cursor {
  readonly #store: ShardStore
  readonly #query: ShardQuery
  readonly #closed: () => void
  readonly #generation: number
  readonly #author: number | null
  #rows: Uint32Array
  #position = 0
  #watermark: number
  #left: number
  #isSynced: boolean

  /** @throws {REQUEST_INVALID} */
  constructor(store: ShardStore, query: ShardQuery, closed: () => void) {
    assertQuery(query)
    this.#store = store
    this.#query = query
    this.#closed = closed
    this.#generation = store.generation
    this.#author = query.author === undefined ? null : store.feedNumber(feedIdToBytes(query.author))
    this.#left = limitOf(query.limit)
    this.#watermark = store.rowCount
    this.#isSynced = query.old === false
    this.#rows = this.#isSynced ? new Uint32Array(0) : this.#choose()
  }

  pull(): Chunk | 'wait' | 'end' {
    assertSameGeneration(this.#store, this.#generation)
    if (this.#left <= 0) return 'end'
    while (this.#position < this.#rows.length) {
      const chunk = this.#readChunk()
      if (chunk !== null) return chunk
    }
    if (!this.#query.live) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      return { value: { sync: true } satisfies ShardChunk }
    }
    this.#takeNews()
    const chunk = this.#readChunk()
    if (chunk !== null) return chunk
    if (this.#position === this.#rows.length && this.#watermark === this.#store.rowCount) {
      return 'wait'
    }
    // The rest is looked at in the next pull, after others had their turn.
    const empty = { frames: new ArrayBuffer(0), order: new Float64Array(0) }
    return { value: empty satisfies ShardChunk }
  }

  close(): void {
    this.#closed()
  }

  #readChunk(): Chunk | null {
    const most = Math.min(CHUNK_ROWS, this.#left)
    const wanted = this.#rows.subarray(this.#position, this.#position + most)
    const { frames, count, rows } = this.#store.readRows(wanted, CHUNK_BYTES)
    this.#position += count
    if (rows.length === 0) return null
    this.#left -= rows.length
    const order = new Float64Array(rows.length)
    for (let index = 0; index < rows.length; index++) {
      order[index] = this.#store.orderOf(this.#query.order, rows[index]!)
    }
    return {
      value: { frames, order } satisfies ShardChunk,
      transfer: [frames, order.buffer],
    }
  }

  #choose(): Uint32Array {
    const { order, type, reverse } = this.#query
    let rows: Uint32Array
    if (this.#author !== null) {
      rows = this.#author === -1 ? new Uint32Array(0) : this.#store.rowsOfFeed(this.#author)
      rows = this.#sorted(rows.filter((row) => this.#matches(row)))
    } else if (type !== undefined) {
      rows = this.#sorted(this.#store.rowsByType(type).filter((row) => this.#isInBounds(row)))
    } else {
      rows = this.#store.rowsBetween(order, this.#query)
    }
    return reverse ? rows.slice().reverse() : rows
  }

  #sorted(rows: Uint32Array): Uint32Array {
    const { order } = this.#query
    let isSorted = true
    for (let index = 1; index < rows.length && isSorted; index++) {
      isSorted =
        this.#store.orderOf(order, rows[index - 1]!) <= this.#store.orderOf(order, rows[index]!)
    }
    if (isSorted) return rows
    return rows.sort(
      (a, b) => this.#store.orderOf(order, a) - this.#store.orderOf(order, b) || a - b,
    )
  }

  #takeNews(): void {
    const news: number[] = []
    const end = Math.min(this.#store.rowCount, this.#watermark + NEWS_ROWS)
    for (let row = this.#watermark; row < end; row++) if (this.#matches(row)) news.push(row)
    this.#watermark = end
    this.#rows = Uint32Array.from(news)
    this.#position = 0
  }

  #matches(row: number): boolean {
    const { type, author } = this.#query
    if (!this.#store.isLive(row)) return false
    if (author !== undefined && this.#store.feedOf(row) !== this.#authorNumber()) return false
    if (type !== undefined && this.#store.typeOf(row) !== type) return false
    return this.#isInBounds(row)
  }

  /** A feed that was not held when the stream opened gets its number with its first message. */
  #authorNumber(): number {
    if (this.#author !== null && this.#author !== -1) return this.#author
    return this.#query.author === undefined
      ? -1
      : this.#store.feedNumber(feedIdToBytes(this.#query.author))
  }

  #isInBounds(row: number): boolean {
    const { gt, gte, lt, lte } = this.#query
    const at = this.#store.orderOf(this.#query.order, row)
    return (
      (gt === undefined || at > gt) &&
      (gte === undefined || at >= gte) &&
      (lt === undefined || at < lt) &&
      (lte === undefined || at <= lte)
    )
  }
}

function assertQuery(query: ShardQuery): void {
  if (query.order !== 'received' && query.order !== 'claimed') {
    throw requestInvalid('order must be received or claimed')
  }
  if (query.author !== undefined && !isFeedId(query.author)) {
    throw requestInvalid('author must be a feed id')
  }
  for (const name of ['gt', 'gte', 'lt', 'lte'] as const) numberOf(name, query[name], 0)
}

/** @throws {INDEX_REBUILT} rows were numbered anew since the stream opened */
export function assertSameGeneration(store: ShardStore, generation: number): void {
  if (store.generation === generation) return
  throw new CodedError('INDEX_REBUILT', 'the indexes were folded again; open the stream again', {})
}
