/**
 * Brings the tables of a shard up to what its logs hold, in small steps.
 *
 * A log that is as long as the tables know it is not read. A longer one is walked from there on; a
 * shorter one was cut or replaced, so its feed is folded anew. So is one that was found damaged while
 * the tables count all of it to the chain: peers are asked again for what the tables don't. A feed
 * without a folder is taken out. A frame belongs to the chain if it has the next sequence and names
 * the key of the head as `previous`; everything in a log was checked in full before it got there.
 */
import type { FileSystem } from '@dunbar/actor'
import { messageKeyFromBytes } from '@dunbar/core'
import { listFeedFolders } from './feed-folder.js'
import { DAMAGED, FORKED, GONE, MISSING, QUARANTINED, RECORDED } from './feed-table.js'
import { FeedWalk } from './feed-walk.js'
import {
  FRAME_HEADER_BYTES,
  FrameReader,
  frameKey,
  frameMessage,
  frameReceived,
  frameSequence,
} from './frame.js'
import type { IndexBuilder } from './index-builders.js'
import type { Log } from './log.js'
import type { FoundLog, LogSet } from './log-set.js'
import { WALK_WINDOW_BYTES } from './log-walk.js'
import type { RecordKeeper } from './record-keeper.js'
import type { RowReader } from './row-reader.js'
import { tidyBlocks } from './sealed-folder.js'
import type { StoreTrouble } from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { storeFailure, systemCode } from './store-error.js'
import { decodeStored } from './stored-message.js'

/** Messages folded between two looks at the clock. */
const STEP_MESSAGES = 32
/** Bytes read at once when an index is folded again. */
const REFOLD_BYTES = 256 * 1024
const REFOLD_ROWS = 256

/** What recovery works on. */
export interface Recovering {
  readonly fs: FileSystem
  readonly root: string
  readonly tables: ShardTables
  readonly logs: LogSet
  readonly records: RecordKeeper
  readonly reader: RowReader
  readonly progress: { start: number; current: number; target: number }
  /** All shards see them; one tells. */
  readonly tellsForeignNames: boolean
  readonly belongsHere: (feedIdBytes: Uint8Array) => boolean
  readonly report: (trouble: StoreTrouble) => void
}

/**
 * Compares all feeds with the tables, folds `stale` indexes again over the rows that stay, then
 * folds what the logs have beyond.
 * @param foundMore a log has so many bytes more than the tables knew, which perhaps were never synced
 * @throws {STORE_FAILED} the folder of feeds can't be listed
 */
export function* recoverFeeds(
  work: Recovering,
  stale: readonly IndexBuilder[],
  foundMore: (log: Log, bytes: number) => void,
): Generator<void> {
  const { feeds } = work.tables
  const seen = new Set<number>()
  const longer: { feed: number; from: number; size: number }[] = []
  try {
    for (const visit of listFeedFolders(work.fs, work.root)) {
      yield
      if (visit.kind === 'foreign') tellForeign(work, visit.path)
      else if (work.belongsHere(visit.idBytes)) {
        const found = findLog(work, visit.idBytes, visit.folder)
        if (found === null) continue
        const feed = feeds.add(visit.idBytes)
        seen.add(feed)
        const more = inspect(work, feed, visit.folder, found)
        if (more !== null) longer.push({ feed, ...more })
      }
    }
  } catch (error) {
    throw storeFailure(error, 'listing the feeds')
  }
  for (let feed = 0; feed < feeds.count; feed++) {
    if (seen.has(feed) || feeds.has(feed, GONE)) continue
    // A feed that never got a message has no folder and is not missed.
    if (feeds.logBytes[feed] !== 0) {
      work.report({ kind: 'feedMissing', feed: work.tables.feedId(feed) })
      feeds.set(feed, MISSING, true)
    }
    work.tables.dropFeed(feed, MISSING)
    feeds.remove(feed, (feeds.flags[feed] as number) & MISSING)
    work.logs.release(feed)
  }
  work.progress.start = work.progress.current
  if (stale.length > 0) yield* refold(work, stale)
  const window = new Uint8Array(longer.length === 0 ? 0 : WALK_WINDOW_BYTES)
  const { progress } = work
  for (const { feed, from, size } of longer) {
    const before = progress.current
    yield* foldLog(work, feed, from, window)
    const log = work.logs.held(feed)
    if (log !== undefined && log.sizeBytes > from) foundMore(log, log.sizeBytes - from)
    // A torn end, and what lies behind a place that can't be read, are not waited for.
    progress.target += progress.current - before - (size - from)
  }
}

/** A feed's log; an error where it can't be looked at; null for what is no folder. */
function findLog(work: Recovering, idBytes: Uint8Array, folder: string): FoundLog | Error | null {
  const feed = work.tables.feeds.find(idBytes)
  const held = feed === -1 ? undefined : work.logs.held(feed)
  if (held !== undefined) return held
  try {
    const found = work.logs.onDisk(folder)
    if (found.hasBlocksFolder) tidyBlocks(work.fs, folder, found.sealed)
    return found
  } catch (error) {
    if (systemCode(error) !== 'ENOTDIR') return error as Error
    tellForeign(work, folder)
    return null
  }
}

function tellForeign(work: Recovering, path: string): void {
  if (work.tellsForeignNames) work.report({ kind: 'foreignName', path })
}

/** Compares one feed with its files; returns what of its log is to be folded, or null where nothing is new. */
function inspect(
  work: Recovering,
  feed: number,
  folder: string,
  found: FoundLog | Error,
): { from: number; size: number } | null {
  const { tables, progress } = work
  const { feeds } = tables
  let isOtherLayout: boolean
  try {
    if (found instanceof Error) throw found
    noteRecord(work, feed, folder)
    isOtherLayout = feeds.layout[feed] !== (found.sealed?.layout ?? 0)
    work.logs.setSealed(feed, found.sealed)
  } catch (error) {
    setAside(work, feed, error)
    return null
  }
  const size = found.sizeBytes
  const known = feeds.logBytes[feed] as number
  progress.target += size
  progress.current += Math.min(known, size)
  const mustRefold = isOtherLayout || (feeds.has(feed, DAMAGED) && !hasHole(tables, feed))
  if (size === known && !mustRefold) return null
  if (size > known && !mustRefold) {
    feeds.set(feed, MISSING, false)
    return { from: known, size }
  }
  if (size < known && !isOtherLayout) {
    work.report({ kind: 'logShrunk', feed: tables.feedId(feed), lostBytes: known - size })
  }
  tables.dropFeed(feed, FORKED | RECORDED | QUARANTINED)
  feeds.set(feed, MISSING, size === 0)
  progress.current -= Math.min(known, size)
  return { from: 0, size }
}

/** What `feed.json` says counts again at every start. */
export function noteRecord(work: Recovering, feed: number, folder: string): void {
  const { feeds } = work.tables
  const isThere = work.records.isThere(folder)
  const wasThere = feeds.has(feed, RECORDED)
  feeds.set(feed, RECORDED, isThere)
  if (!isThere && !wasThere) {
    feeds.set(feed, QUARANTINED, false)
    return
  }
  const record = work.records.read(folder)
  feeds.set(feed, FORKED, record.forks.length > 0)
  feeds.set(feed, QUARANTINED, record.quarantine !== null)
}

/** Nothing is appended to a feed whose log can't be read. */
export function setAside(work: Recovering, feed: number, error: unknown): void {
  const { tables } = work
  const reason = systemCode((error as Error).cause ?? error) || 'unreadable'
  tables.feeds.set(feed, QUARANTINED, true)
  work.report({ kind: 'logUnreadable', feed: tables.feedId(feed), reason })
}

/**
 * Folds a feed's log from an offset on, which is where a frame begins. A torn end is cut off.
 * `progress.current` moves with what was read.
 */
export function* foldLog(
  work: Recovering,
  feed: number,
  from: number,
  window?: Uint8Array,
): Generator<void> {
  const { tables } = work
  let log: Log
  try {
    const found = work.logs.onDisk(work.logs.folder(tables, feed))
    log = work.logs.found(tables, feed, found)
    if (log.mustCut) log.cutTo(log.sizeBytes)
  } catch (error) {
    setAside(work, feed, error)
    return
  }
  const end = yield* foldFrames(work, feed, log, from, log.sizeBytes, window)
  if (end !== null) cutTorn(work, log, end)
}

/**
 * Folds the frames between two places of a log and returns where the whole ones end; null where the
 * log can't be read, and then the feed is set aside.
 */
export function* foldFrames(
  work: Recovering,
  feed: number,
  log: Log,
  from: number,
  to: number,
  window?: Uint8Array,
): Generator<void, number | null> {
  const { tables, progress } = work
  const { feeds } = tables
  const fold = new FeedFold(work, feed)
  const walk = new FeedWalk(log, from, to, window)
  if (from === 0) feeds.layout[feed] = log.sealed?.layout ?? 0
  let at = from
  let isDamaged = false
  const damage = (to: number): void => {
    isDamaged = true
    work.report({ kind: 'damagedRange', feed: tables.feedId(feed), from: at, to })
  }
  try {
    for (let steps = 1; ; steps++) {
      const step = walk.next()
      if (step === 'end' || step === 'torn') break
      if (step === 'damage') damage(walk.offset)
      else if (step === 'frame' && !fold.take(walk.frame, walk.offset)) {
        damage(walk.offset + walk.frameBytes)
      }
      if (step !== 'looking') {
        progress.current += walk.offset + walk.frameBytes - at
        at = walk.offset + walk.frameBytes
      }
      if (step === 'looking' || steps % STEP_MESSAGES === 0) yield
    }
  } catch (error) {
    setAside(work, feed, error)
    return null
  }
  feeds.logBytes[feed] = walk.offset
  // A range that was filled again from a peer stays in the file and harms nobody.
  feeds.set(feed, DAMAGED, hasHole(tables, feed) && (isDamaged || feeds.has(feed, DAMAGED)))
  return walk.offset
}

/** Whether messages are held beyond the unbroken chain. */
const hasHole = ({ feeds }: ShardTables, feed: number): boolean =>
  (feeds.highest[feed] as number) > (feeds.headSequence[feed] as number)

function cutTorn(work: Recovering, log: Log, end: number): void {
  const cutBytes = log.sizeBytes - end
  if (cutBytes === 0) return
  work.report({ kind: 'tornTail', feed: work.tables.feedId(log.feed), cutBytes })
  try {
    log.cutTo(end)
  } catch {
    // The log remembers that it has to be cut; appending tries again first.
  }
}

/** Takes the frames of one feed's log into the tables and moves its head. */
class FeedFold {
  readonly #work: Recovering
  readonly #feed: number
  readonly #author: string

  constructor(work: Recovering, feed: number) {
    this.#work = work
    this.#feed = feed
    this.#author = work.tables.feedId(feed)
  }

  /** Takes one whole frame; false for one that is no message of this feed. */
  take(frame: Uint8Array, offset: number): boolean {
    const { tables } = this.#work
    const sequence = frameSequence(frame)
    const message = decodeStored(frameMessage(frame))
    if (message === null || message.sequence !== sequence) return false
    if (message.author !== this.#author) return false
    const keyBytes = frameKey(frame)
    const held = tables.rowAt(this.#feed, sequence)
    if (held !== -1 && tables.messages.hasFingerprint(held, keyBytes)) return true
    const row = tables.add(this.#feed, {
      keyBytes,
      sequence,
      offset,
      length: frame.length - FRAME_HEADER_BYTES,
      received: frameReceived(frame),
      timestamp: message.timestamp,
      content: message.content,
    })
    tables.feeds.logBytes[this.#feed] = offset + frame.length
    if (continuesChain(tables, this.#feed, sequence, message.previous)) {
      tables.feeds.setHead(this.#feed, sequence, row, keyBytes)
      mergeWaiting(tables, this.#work.reader, this.#feed)
    }
    return true
  }
}

function continuesChain(
  tables: ShardTables,
  feed: number,
  sequence: number,
  previous: unknown,
): boolean {
  const head = tables.feeds.headSequence[feed] as number
  if (sequence !== head + 1) return false
  return previous === (head === 0 ? null : messageKeyFromBytes(tables.feeds.headKey(feed)))
}

/** Moves a feed's head over messages that came before their predecessor. */
export function mergeWaiting(tables: ShardTables, reader: RowReader, feed: number): void {
  const { feeds } = tables
  while ((feeds.highest[feed] as number) > (feeds.headSequence[feed] as number)) {
    const sequence = (feeds.headSequence[feed] as number) + 1
    const row = tables.rowAt(feed, sequence)
    if (row === -1) return
    let frame: Uint8Array
    try {
      frame = reader.frame(row)
    } catch {
      // One that can't be read is fetched again and merged then; the reader has reported it.
      return
    }
    const message = decodeStored(frameMessage(frame))
    if (message === null || !continuesChain(tables, feed, sequence, message.previous)) return
    feeds.setHead(feed, sequence, row, frameKey(frame))
  }
  feeds.set(feed, DAMAGED, false)
}

/** Folds indexes again over all rows, in their order, from the logs. */
function* refold(work: Recovering, builders: readonly IndexBuilder[]): Generator<void> {
  const { messages } = work.tables
  const rows = new Uint32Array(REFOLD_ROWS)
  for (let row = 0; row < messages.count; ) {
    let count = 0
    for (; count < REFOLD_ROWS && row + count < messages.count; count++) rows[count] = row + count
    const read = work.reader.frames(rows.subarray(0, count), REFOLD_BYTES)
    const frames = new FrameReader(read.frames)
    for (const each of read.rows) {
      frames.next()
      const message = decodeStored(frames.message)
      if (message === null) continue
      const feed = messages.feed[each] as number
      const indexed = { feed, sequence: message.sequence, content: message.content }
      for (const builder of builders) builder.fold(each, indexed)
    }
    row += read.count
    yield
  }
}
