/**
 * Reads the frames of rows: from a cache bounded in bytes, or from the logs, where rows that lie
 * one behind the other are read at once, or from blocks, which stand opened in the same cache. Every
 * frame that leaves is whole, has the sequence that its row says, and a key with the row's
 * fingerprint.
 */
import { LRUCache } from 'lru-cache'
import { bytesEqual, FRAME_HEADER_BYTES, frameKey, frameSequence, isWholeFrame } from './frame.js'
import type { Log } from './log.js'
import type { SealedBlock } from './sealed-block.js'
import type { RangeFrames, RowFrames } from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { StoreError } from './store-error.js'

/** What an entry of the cache costs beside its bytes. */
const ENTRY_BYTES = 256
/** No piece of a log longer than this is read at once. */
const MAX_READ_BYTES = 1024 * 1024
/**
 * Messages taken out of a block at once for a reader that goes through them one by one, among those
 * of other feeds: opening a block takes as long as some hundred messages, and a cache holds the next
 * messages of many more feeds than it holds blocks.
 */
const READ_AHEAD_MESSAGES = 128
/** So many messages of a feed one behind the other are no step of a reader that goes through all feeds. */
const LEAST_BLOCK_RUN = 16
/** Blocks opened for one answer: some milliseconds. What is left is asked for again, after others had their turn. */
const MOST_OPENED_BLOCKS = 4
/** Blocks of which it is known where they were read last. */
const REMEMBERED_BLOCKS = 4096

/** Where a block was read last, and in which direction its messages were taken out from there; 0 for none. */
interface LastRead {
  readonly sequence: number
  readonly step: -1 | 0 | 1
}

/** In the cache, a frame that was taken out of a block and not asked for yet. */
const aheadKey = (row: number): number => -1 - row

export class RowReader {
  readonly #logOf: (feed: number) => Log
  readonly #noteDamage: (row: number) => void
  /** Frames by their row, those taken out ahead by `aheadKey`, opened blocks by `<feed>/<number>`. */
  readonly #cache: LRUCache<number | string, Uint8Array | SealedBlock>
  readonly #lastReads = new LRUCache<string, LastRead>({ max: REMEMBERED_BLOCKS })
  #openedBlocks = 0
  #tables: ShardTables
  hits = 0
  misses = 0

  /** @param noteDamage told of a row whose frame is not what was indexed */
  constructor(
    tables: ShardTables,
    logOf: (feed: number) => Log,
    noteDamage: (row: number) => void,
    cacheBytes: number,
  ) {
    this.#tables = tables
    this.#logOf = logOf
    this.#noteDamage = noteDamage
    this.#cache = new LRUCache({
      maxSize: Math.max(1, cacheBytes),
      sizeCalculation: (held) => ENTRY_BYTES + (isFrame(held) ? held.length : held.sizeBytes),
    })
  }

  get cachedBytes(): number {
    return this.#cache.calculatedSize
  }

  /** Goes over to other tables; rows are numbered anew. */
  use(tables: ShardTables): void {
    this.#tables = tables
    this.#cache.clear()
  }

  /** Drops the cached frames of a feed; goes through its rows or through the cache, whichever is less. */
  forgetFeed(feed: number): void {
    const { feeds, messages } = this.#tables
    if (this.#cache.size < (feeds.messages[feed] as number)) {
      for (const key of [...this.#cache.keys()]) {
        if (typeof key === 'string') continue
        if (messages.feed[key < 0 ? aheadKey(key) : key] === feed) this.#cache.delete(key)
      }
    } else {
      for (const row of this.#tables.rowsOfFeed(feed)) {
        this.#cache.delete(row)
        this.#cache.delete(aheadKey(row))
      }
    }
    for (const { number } of this.#logOf(feed).sealed?.entries ?? []) {
      this.#cache.delete(blockKey(feed, number))
    }
  }

  /**
   * The frame of a row: a view into the cache.
   * @throws {STORE_ROW_DAMAGED}
   * @throws {STORE_ROW_GONE}
   * @throws {STORE_FAILED} the log can't be read
   */
  frame(row: number): Uint8Array {
    const { messages } = this.#tables
    if (!messages.isLive(row))
      throw new StoreError('STORE_ROW_GONE', 'there is no such row', { row })
    const held = this.#cached(row)
    if (held !== undefined) {
      this.hits += 1
      return held
    }
    this.misses += 1
    const frame = new Uint8Array(FRAME_HEADER_BYTES + (messages.length[row] as number))
    this.#readInto(frame, 0, row, frame.length)
    if (!this.#isFrameOf(row, frame)) {
      this.#noteDamage(row)
      throw new StoreError('STORE_ROW_DAMAGED', 'the log does not hold the message any more', {
        feed: this.#tables.feedId(messages.feed[row] as number),
        sequence: messages.sequence[row],
      })
    }
    this.#cache.set(row, frame)
    return frame
  }

  /** Whether the disk holds another frame than was indexed, whatever the cache holds; false where it can't be read at all. */
  isDamaged(row: number): boolean {
    const { messages } = this.#tables
    const feed = messages.feed[row] as number
    const { sealed } = this.#logOf(feed)
    const block = sealed?.entries[sealed.indexAt(messages.offset[row] as number)]
    if (block !== undefined) this.#cache.delete(blockKey(feed, block.number))
    this.#cache.delete(row)
    this.#cache.delete(aheadKey(row))
    try {
      this.frame(row)
      return false
    } catch (error) {
      if (isUnreadable(error)) return false
      if (error instanceof StoreError && error.code === 'STORE_ROW_DAMAGED') return true
      throw error
    }
  }

  /** The row with this key; -1 for none, and for one that can't be read. */
  find(keyBytes: Uint8Array): number {
    return this.#tables.messages.find(keyBytes, (row) => {
      const frame = this.#wholeFrame(row)
      return frame !== null && bytesEqual(frameKey(frame), keyBytes)
    })
  }

  /**
   * Frames of rows, in the order given, while they fit and do not lie in too many blocks. One log that
   * can't be read does not end them.
   */
  frames(rows: Uint32Array | readonly number[], maxBytes: number): RowFrames {
    const { messages } = this.#tables
    let count = 0
    let total = 0
    for (; count < rows.length; count++) {
      const row = rows[count] as number
      const bytes = messages.isLive(row) ? FRAME_HEADER_BYTES + (messages.length[row] as number) : 0
      if (count > 0 && total + bytes > maxBytes) break
      total += bytes
    }
    const target = new Uint8Array(total)
    const kept = new Uint32Array(count)
    let keptCount = 0
    let end = 0
    const mostOpened = this.#openedBlocks + MOST_OPENED_BLOCKS
    for (let at = 0; at < count; ) {
      if (at > 0 && this.#openedBlocks >= mostOpened) {
        count = at
        break
      }
      const run = this.#runLength(rows, at, count)
      if (run === 1 || (run < LEAST_BLOCK_RUN && this.#isSealed(rows[at] as number))) {
        const row = rows[at] as number
        const frame = this.#wholeFrame(row)
        if (frame !== null) {
          target.set(frame, end)
          end += frame.length
          kept[keptCount++] = row
        }
        at += 1
        continue
      }
      this.#readRun(rows, at, run, target, end)
      let offset = end
      for (const runEnd = at + run; at < runEnd; at++) {
        const row = rows[at] as number
        if (!messages.isLive(row)) continue
        const bytes = FRAME_HEADER_BYTES + (messages.length[row] as number)
        if (this.#isFrameOf(row, target.subarray(offset, offset + bytes))) {
          if (offset !== end) target.copyWithin(end, offset, offset + bytes)
          end += bytes
          kept[keptCount++] = row
        } else {
          this.#noteDamage(row)
        }
        offset += bytes
      }
    }
    return {
      frames: end === total ? target.buffer : target.buffer.slice(0, end),
      count,
      rows: keptCount === kept.length ? kept : kept.slice(0, keptCount),
    }
  }

  /** Frames with consecutive sequences. A frame that can't be read ends them; alone it is passed over. */
  range(feed: number, from: number, maxCount: number, maxBytes: number): RangeFrames {
    const { messages } = this.#tables
    const most = Math.min(maxCount, Math.floor(maxBytes / FRAME_HEADER_BYTES) + 1)
    const wanted = this.#consecutiveRows(feed, from, most)
    const { frames, count, rows } = this.frames(wanted, maxBytes)
    let whole = 0
    let bytes = 0
    while (whole < rows.length && rows[whole] === wanted[whole]) {
      bytes += FRAME_HEADER_BYTES + (messages.length[rows[whole] as number] as number)
      whole += 1
    }
    const next = from + (whole === 0 && count > 0 ? 1 : whole)
    return {
      frames: bytes === frames.byteLength ? frames : frames.slice(0, bytes),
      count: whole,
      next: this.#tables.rowAt(feed, next) === -1 ? null : next,
    }
  }

  /** A row by itself, through the cache; null where it is gone, damaged, or in a log that can't be read. */
  #wholeFrame(row: number): Uint8Array | null {
    if (!this.#tables.messages.isLive(row)) return null
    try {
      return this.frame(row)
    } catch (error) {
      if (isUnreadable(error)) this.#noteDamage(row)
      else if (!(error instanceof StoreError && error.code === 'STORE_ROW_DAMAGED')) throw error
      return null
    }
  }

  #consecutiveRows(feed: number, from: number, most: number): Uint32Array {
    const { messages } = this.#tables
    if (most < 1 || this.#tables.rowAt(feed, from) === -1) return new Uint32Array(0)
    const rows = this.#tables.rowsFrom(feed, from)
    let end = 0
    while (end < rows.length && end < most) {
      if (messages.sequence[rows[end] as number] !== from + end) break
      end += 1
    }
    return rows.subarray(0, end)
  }

  #cached(row: number): Uint8Array | undefined {
    const held = this.#cache.get(row)
    if (held !== undefined) return held as Uint8Array
    // A reader on its way through comes by once: what it has seen makes room for what it will see.
    const ahead = this.#cache.get(aheadKey(row))
    if (ahead !== undefined) this.#cache.delete(aheadKey(row))
    return ahead as Uint8Array | undefined
  }

  /** Rows from `at` on that lie one behind the other in one log, in its file or in one block. */
  #runLength(rows: Uint32Array | readonly number[], at: number, count: number): number {
    const { messages } = this.#tables
    const first = rows[at] as number
    if (!messages.isLive(first)) return 1
    const feed = messages.feed[first]
    const start = messages.offset[first] as number
    const { sealed } = this.#logOf(feed as number)
    const blockEnd = sealed?.entries[sealed.indexAt(start)]?.end
    let end = start + FRAME_HEADER_BYTES + (messages.length[first] as number)
    let length = 1
    while (at + length < count && end - start < MAX_READ_BYTES && end !== blockEnd) {
      const row = rows[at + length] as number
      if (messages.feed[row] !== feed || messages.offset[row] !== end) break
      end += FRAME_HEADER_BYTES + (messages.length[row] as number)
      length += 1
    }
    return length
  }

  /** Reads a run into `target` at `end`; what can't be read is left as zeros, which are no frame. */
  #readRun(
    rows: Uint32Array | readonly number[],
    at: number,
    run: number,
    target: Uint8Array,
    end: number,
  ): void {
    const { messages } = this.#tables
    const first = rows[at] as number
    if (!messages.isLive(first)) return
    this.misses += 1
    const last = rows[at + run - 1] as number
    const length =
      (messages.offset[last] as number) +
      FRAME_HEADER_BYTES +
      (messages.length[last] as number) -
      (messages.offset[first] as number)
    try {
      this.#readInto(target, end, first, length)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      target.fill(0, end, end + length)
    }
  }

  /**
   * Reads bytes of a log from the frame of a row on, all of them from its file or all from one
   * block. What can't be had is left as zeros, which are no frame.
   */
  #readInto(target: Uint8Array, at: number, row: number, length: number): void {
    const { messages } = this.#tables
    const feed = messages.feed[row] as number
    const offset = messages.offset[row] as number
    const log = this.#logOf(feed)
    const index = log.sealed?.indexAt(offset) ?? -1
    if (index === -1) {
      const read = log.read(target, at, length, offset)
      target.fill(0, at + read, at + length)
      return
    }
    const sequence = messages.sequence[row] as number
    try {
      const isRun = length > FRAME_HEADER_BYTES + (messages.length[row] as number)
      const block = isRun ? this.#block(log, index) : this.#blockOf(log, index, row)
      target.set(block.framesFrom(sequence - block.firstSequence, length), at)
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'STORE_BLOCK_DAMAGED')) throw error
      target.fill(0, at, at + length)
    }
  }

  #isSealed(row: number): boolean {
    const { messages } = this.#tables
    const log = this.#logOf(messages.feed[row] as number)
    return (messages.offset[row] as number) < log.fileStart
  }

  /** An opened block, which stays. @throws {STORE_BLOCK_DAMAGED} @throws {STORE_FAILED} */
  #block(log: Log, index: number): SealedBlock {
    const key = blockKey(log.feed, log.sealed!.entries[index]!.number)
    const held = this.#cache.get(key) as SealedBlock | undefined
    if (held !== undefined) return held
    const block = this.#open(log, index)
    this.#cache.set(key, block)
    return block
  }

  /** The opened block of a single row. It stays from the second time on that somebody jumps into it. */
  #blockOf(log: Log, index: number, row: number): SealedBlock {
    const key = blockKey(log.feed, log.sealed!.entries[index]!.number)
    const sequence = this.#tables.messages.sequence[row] as number
    const last = this.#lastReads.get(key)
    const step = last === undefined ? 0 : stepOf(last, sequence)
    this.#lastReads.set(key, { sequence, step: 0 })
    const held = this.#cache.get(key) as SealedBlock | undefined
    if (held !== undefined) return held
    const block = this.#open(log, index)
    if (step !== 0) {
      const [next, end] = [sequence + step, sequence + step * READ_AHEAD_MESSAGES]
      this.#keepFrames(block, log.feed, Math.min(next, end), Math.max(next, end))
      this.#lastReads.set(key, { sequence, step })
    } else if (last !== undefined) {
      this.#cache.set(key, block)
    }
    return block
  }

  #open(log: Log, index: number): SealedBlock {
    this.#openedBlocks += 1
    return log.openBlock(index)
  }

  /** Takes messages out of a block before it is let go, as far as they are there. */
  #keepFrames(block: SealedBlock, feed: number, from: number, to: number): void {
    const { messages } = this.#tables
    const { firstSequence, messageCount } = block
    const first = Math.max(from, firstSequence)
    const last = Math.min(to, firstSequence + messageCount - 1)
    const rows = this.#tables.rowsFrom(feed, first)
    for (let at = 0; first + at <= last; at++) {
      const row = rows[at]
      if (row === undefined || messages.sequence[row] !== first + at) return
      const length = FRAME_HEADER_BYTES + (messages.length[row] as number)
      const frame = block.framesFrom(first + at - firstSequence, length)
      if (this.#isFrameOf(row, frame)) this.#cache.set(aheadKey(row), frame)
    }
  }

  #isFrameOf(row: number, frame: Uint8Array): boolean {
    const { messages } = this.#tables
    return (
      isWholeFrame(frame) &&
      frameSequence(frame) === messages.sequence[row] &&
      messages.hasFingerprint(row, frameKey(frame))
    )
  }
}

/** The direction in which a reader goes through a block that is read at a sequence; 0 for none. */
function stepOf(last: LastRead, sequence: number): -1 | 0 | 1 {
  const distance = sequence - last.sequence
  if (last.step !== 0) {
    const ahead = distance * last.step
    // All of them were read, or some were pushed out of the cache before.
    return ahead >= 1 && ahead <= READ_AHEAD_MESSAGES + 1 ? last.step : 0
  }
  return distance === 1 || distance === -1 ? distance : 0
}

const isFrame = (held: Uint8Array | SealedBlock): held is Uint8Array => held instanceof Uint8Array

const blockKey = (feed: number, number: number): string => `${feed}/${number}`

/** One log that can't be read does not keep the others from being read. */
const isUnreadable = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'STORE_FAILED'
