import type { Chunk, Cursor } from '@dunbar/actor'
import type { FeedActorState } from './feed-actor-state.js'
import type { FeedChunk, ReadRange } from './protocol.js'
import { firstSequenceOf, lastSequenceOf, limitOf } from './stream-bounds.js'

/** Bytes of messages in the first chunk: its reader begins while the next is read. */
const FIRST_CHUNK_BYTES = 32 * 1024
/** Each is twice the one before, up to this: waking a thread costs as much as reading 64 KiB. */
const MOST_CHUNK_BYTES = 128 * 1024
/** All that go to a peer: there are many, and one that is slow keeps its chunks waiting. */
const PEER_CHUNK_BYTES = 64 * 1024
/** Messages looked up for one chunk of a reader that goes back. */
const BACK_MESSAGES = 128

/** What a cursor reads from; its feed may get a number later. */
export type ReadFeed = Pick<FeedActorState, 'store' | 'feed'>

/**
 * Reads one feed in sequence order, straight from the log. Holds nothing but a position, so a
 * reader may be as slow as it likes.
 *
 * Stored messages are all that is held, holes are passed over. A live reader gets the unbroken
 * chain alone: messages that came before their predecessor follow when the chain reaches them. So
 * none is lost or given twice, and live ones come in sequence order.
 */
export class FeedCursor implements Cursor {
  readonly #source: ReadFeed
  readonly #closed: () => void
  readonly #from: number
  readonly #to: number
  readonly #isReverse: boolean
  readonly #isLive: boolean
  readonly #isPassedOn: boolean
  /** Where live messages begin for a reader that goes back first. */
  readonly #liveFrom: number
  #next: number
  #left: number
  #isSynced: boolean
  #chunkBytes: number

  /** @throws {REQUEST_INVALID} */
  constructor(source: ReadFeed, range: ReadRange, closed: () => void) {
    this.#source = source
    this.#closed = closed
    this.#from = firstSequenceOf(range.from)
    this.#to = lastSequenceOf(range.to)
    this.#left = limitOf(range.limit)
    this.#isReverse = range.reverse === true
    this.#isLive = range.live === true
    this.#isPassedOn = range.isPassedOn === true
    this.#chunkBytes = this.#isPassedOn ? PEER_CHUNK_BYTES : FIRST_CHUNK_BYTES
    this.#isSynced = range.old === false
    this.#liveFrom = Math.max(this.#from, this.#head() + 1)
    if (this.#isSynced) this.#next = this.#liveFrom
    else this.#next = this.#isReverse ? Math.min(this.#to, this.#end()) : this.#from
  }

  pull(): Chunk | 'wait' | 'end' {
    if (this.#left <= 0) return 'end'
    const chunk = this.#isReverse && !this.#isSynced ? this.#readBack() : this.#readOn()
    if (chunk !== null) return chunk
    if (!this.#isLive) return 'end'
    if (!this.#isSynced) {
      this.#isSynced = true
      if (this.#isReverse) this.#next = this.#liveFrom
      return { value: { sync: true } satisfies FeedChunk }
    }
    return this.#to < this.#next ? 'end' : 'wait'
  }

  close(): void {
    this.#closed()
  }

  #head(): number {
    const { feed, store } = this.#source
    return feed === -1 ? 0 : store.feedInfo(feed).sequence
  }

  /** The last sequence that may be read. */
  #end(): number {
    const { feed, store } = this.#source
    if (feed === -1) return 0
    const { sequence, highestSequence } = store.feedInfo(feed)
    const end = this.#isLive ? sequence : highestSequence
    const unchecked = this.#isPassedOn ? store.unchecked(feed) : null
    return unchecked === null ? end : Math.min(end, unchecked.first - 1)
  }

  #readOn(): Chunk | null {
    const { feed, store } = this.#source
    const end = Math.min(this.#to, this.#end())
    while (feed !== -1 && this.#next <= end) {
      const most = Math.min(this.#left, end - this.#next + 1)
      const { frames, count, next } = store.readRange(feed, this.#next, most, this.#chunkBytes)
      this.#next = next ?? this.#heldFrom(this.#next + Math.max(count, 1))
      if (count > 0) return this.#give(frames, count)
    }
    return null
  }

  #readBack(): Chunk | null {
    const { feed, store } = this.#source
    while (feed !== -1 && this.#next >= this.#from) {
      const rows: number[] = []
      const most = Math.min(this.#left, BACK_MESSAGES)
      while (this.#next >= this.#from && rows.length < most) {
        const row = store.rowAt(feed, this.#next)
        if (row !== -1) rows.push(row)
        this.#next = row === -1 ? this.#heldBefore(this.#next) : this.#next - 1
      }
      if (rows.length === 0) return null
      const { frames, count, rows: read } = store.readRows(rows, this.#chunkBytes)
      if (count < rows.length) this.#next = store.sequenceOf(rows[count]!)
      if (read.length > 0) return this.#give(frames, read.length)
    }
    return null
  }

  /** The first sequence held at or after a number; the next one after all that is held where there is none. */
  #heldFrom(sequence: number): number {
    const { feed, store } = this.#source
    if (sequence > this.#end() || store.rowAt(feed, sequence) !== -1) return sequence
    const rows = store.rowsOfFeed(feed)
    const at = this.#placeOf(rows, sequence)
    return at < rows.length ? store.sequenceOf(rows[at]!) : sequence
  }

  /** The last sequence held before a number; 0 for none. */
  #heldBefore(sequence: number): number {
    const { feed, store } = this.#source
    const rows = store.rowsOfFeed(feed)
    const at = this.#placeOf(rows, sequence)
    return at === 0 ? 0 : store.sequenceOf(rows[at - 1]!)
  }

  /** The first place in rows that are ordered by sequence with at least this one. */
  #placeOf(rows: Uint32Array, sequence: number): number {
    let from = 0
    let to = rows.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#source.store.sequenceOf(rows[middle]!) < sequence) from = middle + 1
      else to = middle
    }
    return from
  }

  #give(frames: ArrayBuffer, count: number): Chunk {
    this.#left -= count
    if (!this.#isPassedOn) this.#chunkBytes = Math.min(this.#chunkBytes * 2, MOST_CHUNK_BYTES)
    return { value: { frames } satisfies FeedChunk, transfer: [frames] }
  }
}
