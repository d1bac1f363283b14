import type { FileSystem } from '@dunbar/actor'
import { feedFolder } from './feed-folder.js'
import { HandlePool } from './handles.js'
import { Log } from './log.js'
import { NameSync } from './name-sync.js'
import { blocksFolder, readSealedPart } from './sealed-folder.js'
import type { SealedPart } from './sealed-part.js'
import type { ShardTables } from './shard-tables.js'
import { storeFailure } from './store-error.js'

/** What is on the disk of a feed's log. */
export interface FoundLog {
  /** Of all its frames, those in blocks included; 0 for no log. */
  readonly sizeBytes: number
  readonly sealed: SealedPart | null
  /** Whether there is a folder for blocks, with or without any that count. Absent for a log in use. */
  readonly hasBlocksFolder?: boolean
}

/**
 * The logs in use. One that is not in use costs nothing here but what is known of its blocks: its
 * size stands in the table of feeds.
 */
export class LogSet {
  readonly pool: HandlePool
  readonly #fs: FileSystem
  readonly #root: string
  readonly #names: NameSync
  readonly #logs = new Map<number, Log>()
  /** Of the feeds that have blocks, also while their logs are not in use. */
  readonly #sealed = new Map<number, SealedPart>()

  constructor(fs: FileSystem, root: string, maxOpenFiles: number) {
    this.#fs = fs
    this.#root = root
    this.#names = new NameSync(fs)
    this.pool = new HandlePool(fs, maxOpenFiles)
  }

  get count(): number {
    return this.#logs.size
  }

  get names(): NameSync {
    return this.#names
  }

  /** The log of a feed, as long as its table says where it is not in use yet. */
  get(tables: ShardTables, feed: number): Log {
    return this.#logs.get(feed) ?? this.#add(tables, feed, tables.feeds.logBytes[feed] as number)
  }

  /** The log of a feed as it was found on the disk; one in use knows its own. */
  found(tables: ShardTables, feed: number, { sizeBytes, sealed }: FoundLog): Log {
    const held = this.#logs.get(feed)
    if (held !== undefined) return held
    this.setSealed(feed, sealed)
    return this.#add(tables, feed, sizeBytes)
  }

  /** What of a feed's log lies in blocks; null for nothing. */
  sealed(feed: number): SealedPart | null {
    return this.#sealed.get(feed) ?? null
  }

  setSealed(feed: number, sealed: SealedPart | null): void {
    if (sealed === null) this.#sealed.delete(feed)
    else this.#sealed.set(feed, sealed)
  }

  /**
   * As `get`, once the file was looked at: the tables may have been made when it could not be.
   * @throws {STORE_FAILED}
   */
  looked(tables: ShardTables, feed: number): Log {
    try {
      this.onDisk(this.folder(tables, feed))
    } catch (error) {
      throw storeFailure(error, 'looking at a log')
    }
    return this.get(tables, feed)
  }

  /** The log in a feed's folder. Errors of the file system pass through; a folder in its place is one. */
  onDisk(folder: string): FoundLog {
    const found = this.#fs.stat(`${folder}/log`)
    if (found?.isFolder) {
      throw Object.assign(new Error('a folder stands where a log belongs'), { code: 'EISDIR' })
    }
    // One look for all that has to do with blocks: a start comes by every feed.
    const hasBlocksFolder = this.#fs.stat(blocksFolder(folder))?.isFolder === true
    const sealed = hasBlocksFolder ? readSealedPart(this.#fs, folder) : null
    const fileBytes = found?.sizeBytes ?? 0
    if (sealed === null) return { sizeBytes: fileBytes, sealed, hasBlocksFolder }
    const sizeBytes = sealed.end + Math.max(0, fileBytes - sealed.headBytes)
    return { sizeBytes, sealed, hasBlocksFolder }
  }

  /** The log of a feed if it is in use. */
  held(feed: number): Log | undefined {
    return this.#logs.get(feed)
  }

  values(): IterableIterator<Log> {
    return this.#logs.values()
  }

  /**
   * Closes a log's file and forgets its size, so that the file counts. A log that is more than its
   * file (a sync, a durable append or a cut is due) is kept.
   */
  letGo(log: Log, isDirty: boolean): void {
    if (isDirty || log.isBusy || log.isRelaid || log.mustCut) this.pool.drop(log.path)
    else this.#close(log.feed)
  }

  /** Forgets the log of a feed that has none any more. */
  release(feed: number): void {
    this.#close(feed)
    this.#sealed.delete(feed)
  }

  #close(feed: number): void {
    const log = this.#logs.get(feed)
    if (log === undefined) return
    this.pool.drop(log.path)
    this.#logs.delete(feed)
  }

  folder(tables: ShardTables, feed: number): string {
    return feedFolder(this.#root, tables.feeds.id(feed))
  }

  #add(tables: ShardTables, feed: number, sizeBytes: number): Log {
    const folder = this.folder(tables, feed)
    const sealed = this.sealed(feed)
    const log = new Log(this.#fs, this.pool, this.#names, feed, folder, sizeBytes, sealed)
    this.#logs.set(feed, log)
    return log
  }
}
