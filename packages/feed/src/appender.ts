/**
 * Takes checked messages into a log and into the tables: frames first, with one write; then rows
 * and indexes; then the head. Brings what was appended to the disk in groups, or at once.
 */
import type { Timers } from '@dunbar/actor'
import { encodeEntries } from './append-entries.js'
import { DAMAGED, QUARANTINED } from './feed-table.js'
import { FRAME_HEADER_BYTES, FrameWriter } from './frame.js'
import { isFileWhole, type Log } from './log.js'
import { mergeWaiting } from './recovery.js'
import type { RowReader } from './row-reader.js'
import type { AppendEntry, StoreTrouble } from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { StoreError } from './store-error.js'
import { SyncGroup, type SyncPolicy } from './sync-group.js'

/** What appending needs of its store. */
export interface AppendHost {
  tables(): ShardTables
  readonly reader: RowReader
  report(trouble: StoreTrouble): void
  /** The tables changed. */
  changed(): void
}

export class Appender {
  readonly syncs: SyncGroup<Log>
  /** Feeds whose log lost a sync for good: what can be read of it may not be on the disk. */
  readonly doubtful = new Set<number>()
  readonly #host: AppendHost
  readonly #writer = new FrameWriter()

  constructor(host: AppendHost, timers: Timers, policy: SyncPolicy) {
    this.#host = host
    this.syncs = new SyncGroup(timers, policy, (log) => this.#recoverSync(log))
  }

  /** As `ShardStore.append`. */
  append(feed: number, log: Log, entries: readonly AppendEntry[], isBulk: boolean): void {
    this.#assertOpenFor(feed, log)
    const offset = this.#write(feed, log, entries, isBulk)
    this.#index(feed, log, offset, entries)
  }

  /** As `ShardStore.appendDurably`. */
  async appendDurably(
    feed: number,
    log: Log,
    entries: readonly AppendEntry[],
    commit: () => Promise<void>,
  ): Promise<void> {
    this.#assertOpenFor(feed, log)
    const offset = this.#write(feed, log, entries, false)
    log.isBusy = true
    try {
      await this.syncs.syncNow(log)
      await commit()
    } catch (error) {
      this.#takeBack(log, offset)
      throw error
    } finally {
      log.isBusy = false
    }
    this.#index(feed, log, offset, entries)
  }

  /** Resolves when all that was appended before is on the disk. @throws {STORE_SYNC_FAILED} also where an earlier sync lost some */
  async flush(): Promise<void> {
    await this.syncs.flush()
    if (this.doubtful.size === 0) return
    const text = `of ${this.doubtful.size} feeds set aside some messages are not known to be on the disk; start the node again and run \`dunbar verify\``
    throw new StoreError('STORE_SYNC_FAILED', text, { feeds: this.doubtful.size })
  }

  #assertOpenFor(feed: number, log: Log): void {
    const tables = this.#host.tables()
    const isSetAside = tables.feeds.has(feed, QUARANTINED)
    if (!isSetAside && !log.isBusy) return
    const data = { feed: tables.feedId(feed) }
    throw isSetAside
      ? new StoreError('STORE_QUARANTINED', 'nothing is appended to a feed set aside', data)
      : new StoreError('STORE_BUSY', 'a durable append of this feed is under way', data)
  }

  /** Returns where the first frame begins. */
  #write(feed: number, log: Log, entries: readonly AppendEntry[], isBulk: boolean): number {
    const head = this.#host.tables().feeds.headSequence[feed] as number
    try {
      const frames = encodeEntries(this.#writer, entries, head)
      const offset = log.append(frames)
      this.syncs.markDirty(log, frames.length, isBulk)
      return offset
    } finally {
      this.#writer.clear()
    }
  }

  #index(feed: number, log: Log, offset: number, entries: readonly AppendEntry[]): void {
    const tables = this.#host.tables()
    const { feeds } = tables
    let at = offset
    for (const { sequence, received, keyBytes, compact, value, timestamp, inChain } of entries) {
      const { length } = compact
      const { content } = value
      const row = tables.add(feed, {
        keyBytes,
        sequence,
        offset: at,
        length,
        received,
        timestamp,
        content,
      })
      at += FRAME_HEADER_BYTES + length
      if (inChain) feeds.setHead(feed, sequence, row, keyBytes)
    }
    feeds.logBytes[feed] = log.sizeBytes
    this.#host.changed()
    if ((feeds.highest[feed] as number) > (feeds.headSequence[feed] as number)) {
      mergeWaiting(tables, this.#host.reader, feed)
    }
  }

  /** Frames that were not to be seen before they were safe, and did not become so. */
  #takeBack(log: Log, offset: number): void {
    try {
      log.cutTo(offset)
      this.syncs.markDirty(log, 1)
    } catch {
      // The log remembers that it has to be cut; appending tries again first.
    }
  }

  /** After a failed sync the file is not trusted; a copy that is known to be on the disk is. */
  async #recoverSync(log: Log): Promise<boolean> {
    const tables = this.#host.tables()
    const { feeds } = tables
    let isRecovered = false
    try {
      if (feeds.has(log.feed, DAMAGED) || isFileWhole(log)) {
        await log.rewrite()
        isRecovered = true
      }
    } catch {
      // Told by the report below; the cause goes to those who wait for the sync.
    }
    if (isRecovered) {
      this.doubtful.delete(log.feed)
    } else {
      feeds.set(log.feed, QUARANTINED, true)
      this.doubtful.add(log.feed)
    }
    this.#host.report({ kind: 'syncFailed', feed: tables.feedId(log.feed), isRecovered })
    return isRecovered
  }
}
