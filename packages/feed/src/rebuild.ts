/**
 * Folds all feeds of a shard again, from their logs, into tables beside those that serve.
 *
 * Feeds keep their numbers, which logs and actors know. Whatever is appended meanwhile goes into the
 * tables that serve. Feeds that changed meanwhile are folded on, until what is left is little; that is
 * folded in one step, and the new tables are as good as the others. A durable append that is not committed stays out: it is
 * indexed by whoever wrote it, in the tables that serve by then.
 */
import { listFeedFolders } from './feed-folder.js'
import { FORKED, GONE, MISSING, QUARANTINED, RECORDED } from './feed-table.js'
import type { FoundLog } from './log-set.js'
import { WALK_WINDOW_BYTES } from './log-walk.js'
import { foldFrames, noteRecord, type Recovering, setAside } from './recovery.js'
import type { RebuildFailure, RebuildProgress, StoreTrouble } from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { storeFailure } from './store-error.js'

/** Bytes of logs folded without a pause at most, where folding keeps up with what is appended. */
const MOST_AT_ONCE_BYTES = 256 * 1024
const MAX_ROUNDS = 16
/** In the place of a size: the feed is to be folded from its beginning once more. */
const OUTDATED = -1

/** What a rebuild needs beside what recovery works on: `tables` are the new ones. */
export interface Rebuilding extends Omit<Recovering, 'progress' | 'tellsForeignNames'> {
  /** The tables that serve at this moment. */
  serving(): ShardTables
  /** Gives a feed's open log back, so that its file counts, unless the log is more than its file. */
  letGo(feed: number): void
  /** Whether a feed's log lost a sync, so that what was read from it may not be on the disk. */
  isDoubtful(feed: number): boolean
}

export class Rebuild {
  readonly failed: RebuildFailure[] = []
  readonly #work: Recovering
  readonly #with: Rebuilding
  readonly #window = new Uint8Array(WALK_WINDOW_BYTES)
  /** Bytes of each log as the serving tables knew them when it was folded; `OUTDATED` where that counts no more. */
  readonly #foldedAt = new Map<number, number>()
  #doneCount = 0
  #totalCount = 0

  constructor(rebuilding: Rebuilding) {
    this.#with = rebuilding
    const report = (trouble: StoreTrouble) => {
      rebuilding.report(trouble)
      if (trouble.kind === 'logUnreadable') this.#fail(trouble.feed, trouble.reason)
      if (trouble.kind === 'feedMissing') this.#fail(trouble.feed, 'LOG_MISSING')
    }
    const progress = { start: 0, current: 0, target: 0 }
    this.#work = { ...rebuilding, report, progress, tellsForeignNames: false }
  }

  /** The new ones. */
  get tables(): ShardTables {
    return this.#work.tables
  }

  get progress(): RebuildProgress {
    return {
      feeds: this.#doneCount,
      totalFeeds: this.#totalCount,
      messages: this.#work.tables.messages.count,
    }
  }

  /** The serving tables took a feed's messages out and folded its log anew. */
  foldAgain(feed: number): void {
    this.#foldedAt.set(feed, OUTDATED)
  }

  /**
   * Folds everything. Between its last step and its return nothing else has happened, so that the
   * caller can put the new tables in place.
   * @throws {STORE_FAILED} the folder of feeds can't be listed
   */
  *run(): Generator<void> {
    const { tables } = this.#work
    const serving = this.#with.serving()
    const missing = new Set<number>()
    for (let feed = 0; feed < serving.feeds.count; feed++) {
      if (serving.feeds.logBytes[feed] !== 0 && !serving.feeds.has(feed, GONE)) missing.add(feed)
    }
    const found: number[] = []
    try {
      for (const visit of listFeedFolders(this.#work.fs, this.#work.root)) {
        yield
        if (visit.kind === 'foreign' || !this.#work.belongsHere(visit.idBytes)) continue
        found.push(this.#numberOf(visit.idBytes))
      }
    } catch (error) {
      throw storeFailure(error, 'listing the feeds')
    }
    this.#totalCount = found.length
    for (const feed of found) {
      const outcome = yield* this.#fold(feed)
      if (outcome !== 'gone') missing.delete(feed)
      if (outcome === 'folded') this.#doneCount += 1
      yield
    }
    for (let round = 0; round < MAX_ROUNDS && this.#grownBytes() > MOST_AT_ONCE_BYTES; round++) {
      this.#takeNumbers()
      for (let feed = 0; feed < tables.feeds.count; feed++) {
        if (missing.has(feed)) continue
        yield* this.#foldOn(feed)
        this.#with.letGo(feed)
        yield
      }
    }
    // What is under way in a log that is gone is over before the log is let go.
    while ([...missing].some((feed) => this.#work.logs.held(feed)?.isBusy === true)) yield
    this.#catchUp(missing)
    for (const feed of missing) {
      this.#work.report({ kind: 'feedMissing', feed: tables.feedId(feed) })
      tables.dropFeed(feed, 0)
      tables.feeds.remove(feed)
      this.#work.logs.release(feed)
    }
  }

  /** The number of a feed, the same in both tables. */
  #numberOf(idBytes: Uint8Array): number {
    const feed = this.#with.serving().feeds.add(idBytes)
    this.#takeNumbers()
    return feed
  }

  #takeNumbers(): void {
    const serving = this.#with.serving().feeds
    const { feeds } = this.#work.tables
    while (feeds.count < serving.count) feeds.add(serving.id(feeds.count))
  }

  /** Folds one feed from its beginning. */
  *#fold(feed: number): Generator<void, 'folded' | 'gone' | 'failed'> {
    const { logs, tables } = this.#work
    const known = this.#with.serving().feeds.logBytes[feed] as number
    this.#foldedAt.set(feed, known)
    this.#with.letGo(feed)
    const held = logs.held(feed)
    const folder = logs.folder(tables, feed)
    let end: number
    let found: FoundLog
    try {
      found = logs.onDisk(folder)
      const size = found.sizeBytes
      if (size === 0 && known > 0) return 'gone'
      end = Math.min(size, held === undefined ? size : held.isBusy ? known : held.sizeBytes)
      noteRecord(this.#work, feed, folder)
    } catch (error) {
      setAside(this.#work, feed, error)
      return 'failed'
    }
    if (end < known) {
      const lostBytes = known - end
      this.#work.report({ kind: 'logShrunk', feed: tables.feedId(feed), lostBytes })
    }
    const log = held ?? logs.found(tables, feed, { ...found, sizeBytes: end })
    const foldedTo = yield* foldFrames(this.#work, feed, log, 0, end, this.#window)
    this.#with.letGo(feed)
    return foldedTo === null ? 'failed' : 'folded'
  }

  /** What the serving tables know beyond what is folded. */
  #grownBytes(): number {
    const { feeds } = this.#with.serving()
    let bytes = 0
    for (let feed = 0; feed < feeds.count; feed++) {
      const known = feeds.logBytes[feed] as number
      bytes += Math.max(0, known - Math.max(0, this.#foldedAt.get(feed) ?? 0))
    }
    return bytes
  }

  /** Folds on what the serving tables know of a feed beyond what is folded. */
  *#foldOn(feed: number): Generator<void> {
    const { tables, logs } = this.#work
    const serving = this.#with.serving()
    const known = serving.feeds.logBytes[feed] as number
    const foldedAt = this.#foldedAt.get(feed) ?? 0
    if (known === foldedAt || this.#hasFailed(feed)) return
    const folded = tables.feeds.logBytes[feed] as number
    const from = folded === foldedAt ? folded : 0
    if (from === 0) tables.dropFeed(feed, QUARANTINED)
    this.#foldedAt.set(feed, known)
    yield* foldFrames(this.#work, feed, logs.get(serving, feed), from, known, this.#window)
  }

  /** Without a pause: folds on what grew, and takes over what is known of feeds beside their logs. */
  #catchUp(missing: ReadonlySet<number>): void {
    const { tables } = this.#work
    const { feeds } = tables
    const serving = this.#with.serving().feeds
    this.#takeNumbers()
    for (let feed = 0; feed < serving.count; feed++) {
      if (missing.has(feed)) continue
      const known = serving.logBytes[feed] as number
      const isEmpty = known === 0 && feeds.logBytes[feed] === 0
      if (isEmpty && serving.has(feed, MISSING)) this.#fail(tables.feedId(feed), 'LOG_MISSING')
      if (!this.#foldedAt.has(feed) && known === 0) {
        feeds.remove(feed)
        continue
      }
      for (const _ of this.#foldOn(feed));
      for (const flag of [FORKED, RECORDED]) feeds.set(feed, flag, serving.has(feed, flag))
      if (this.#with.isDoubtful(feed)) feeds.set(feed, QUARANTINED, true)
    }
  }

  #hasFailed(feed: number): boolean {
    const id = this.#work.tables.feedId(feed)
    return this.failed.some((failure) => failure.feed === id)
  }

  #fail(feed: RebuildFailure['feed'], reason: string): void {
    this.failed.push({ feed, reason })
  }
}
