import {
  type FeedRecord,
  type ForkRecord,
  isPlain,
  MAX_FORKS,
  plainRecord,
  type UncheckedRange,
} from './feed-record.js'
import { FORKED, QUARANTINED, RECORDED } from './feed-table.js'
import { makeFrame } from './frame.js'
import type { RecordKeeper } from './record-keeper.js'
import type { AppendEntry, StoreTrouble } from './shard-store.js'
import type { ShardTables } from './shard-tables.js'
import { StoreError, systemCode } from './store-error.js'

/** What the records need of their store. */
export interface RecordHost {
  tables(): ShardTables
  folder(feed: number): string
  /** The frame of a row. @throws {STORE_ROW_DAMAGED} */
  frame(row: number): Uint8Array
  report(trouble: StoreTrouble): void
  /** The tables changed. */
  changed(): void
}

/** The records of a store's feeds, and the flags in its table that tell of them. */
export class FeedRecords {
  readonly #keeper: RecordKeeper
  readonly #host: RecordHost
  /** Evidence in the order it was kept: feed · MAX_FORKS + place in its record. No longer than what the records hold. */
  readonly #kept: number[] = []

  constructor(keeper: RecordKeeper, host: RecordHost) {
    this.#keeper = keeper
    this.#host = host
  }

  read(feed: number): FeedRecord {
    const { feeds } = this.#host.tables()
    return feeds.has(feed, RECORDED) ? this.#keeper.read(this.#host.folder(feed)) : plainRecord
  }

  /** Resolves when it is on the disk. The flags follow at once. @throws {STORE_FULL} @throws {STORE_FAILED} */
  async write(feed: number, record: FeedRecord): Promise<void> {
    const { feeds } = this.#host.tables()
    const { forks, quarantine } = record
    feeds.set(feed, RECORDED, !isPlain(record))
    feeds.set(feed, FORKED, forks.length > 0)
    feeds.set(feed, QUARANTINED, quarantine !== null)
    this.#host.changed()
    await this.#keeper.write(feed, this.#host.folder(feed), record)
  }

  /** As `ShardStore.noteFork`. A failure to write it is reported, and tried again by `flush`. */
  noteFork(feed: number, refused: AppendEntry): void {
    const tables = this.#host.tables()
    const kept = this.#contradicted(feed, refused.sequence)
    if (kept === null) return
    const fork: ForkRecord = {
      sequence: refused.sequence,
      kept,
      refused: makeFrame(refused.sequence, refused.received, refused.keyBytes, refused.compact),
    }
    const record = this.#keeper.withFork(this.#host.folder(feed), fork)
    if (record === null) return
    this.#kept.push(feed * MAX_FORKS + record.forks.length - 1)
    this.write(feed, record).catch((error) => {
      const reason = systemCode((error as Error).cause ?? error)
      this.#host.report({ kind: 'recordFailed', feed: tables.feedId(feed), reason })
    })
  }

  /** As `ShardStore.unchecked`. */
  unchecked(feed: number): UncheckedRange | null {
    return this.#keeper.unchecked(() => this.#host.folder(feed))
  }

  /** As `ShardStore.checkCount`. */
  get checkCount(): number {
    return this.#keeper.checkCount
  }

  /** As `ShardStore.keptForkCount`. */
  get keptForkCount(): number {
    return this.#kept.length
  }

  /** As `ShardStore.keptFork`. */
  keptFork(number: number): { readonly feed: number; readonly index: number } {
    const kept = this.#kept[number]!
    return { feed: Math.floor(kept / MAX_FORKS), index: kept % MAX_FORKS }
  }

  /** A copy of what is held at a place, or else right before it; null where that is nothing, or damaged. */
  #contradicted(feed: number, sequence: number): Uint8Array | null {
    const tables = this.#host.tables()
    const held = tables.rowAt(feed, sequence)
    const row = held === -1 ? tables.rowAt(feed, sequence - 1) : held
    if (row === -1) return null
    try {
      return new Uint8Array(this.#host.frame(row))
    } catch (error) {
      // One side alone proves nothing.
      if (error instanceof StoreError && error.code === 'STORE_ROW_DAMAGED') return null
      throw error
    }
  }

  flush(): Promise<void> {
    return this.#keeper.flush()
  }
}
