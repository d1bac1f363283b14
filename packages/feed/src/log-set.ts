import type { FileSystem } from '@dunbar/actor'
import { feedFolder } from './feed-folder.js'
import { HandlePool } from './handles.js'
import { Log } from './log.js'
import { NameSync } from './name-sync.js'
import type { ShardTables } from './shard-tables.js'
import { storeFailure } from './store-error.js'

/** The logs in use. One that is not in use costs nothing here: its size stands in the table of feeds. */
export class LogSet {
  readonly pool: HandlePool
  readonly #fs: FileSystem
  readonly #root: string
  readonly #names: NameSync
  readonly #logs = new Map<number, Log>()

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

  /** The log of a feed that was found on the disk with a size; one in use knows its own. */
  found(tables: ShardTables, feed: number, sizeBytes: number): Log {
    return this.#logs.get(feed) ?? this.#add(tables, feed, sizeBytes)
  }

  /**
   * As `get`, once the file was looked at: the tables may have been made when it could not be.
   * @throws {STORE_FAILED}
   */
  looked(tables: ShardTables, feed: number): Log {
    try {
      this.sizeOnDisk(this.folder(tables, feed))
    } catch (error) {
      throw storeFailure(error, 'looking at a log')
    }
    return this.get(tables, feed)
  }

  /** Bytes of the log in a feed's folder, 0 for none. Errors of the file system pass through; a folder in its place is one. */
  sizeOnDisk(folder: string): number {
    const found = this.#fs.stat(`${folder}/log`)
    if (found === null) return 0
    if (!found.isFolder) return found.sizeBytes
    throw Object.assign(new Error('a folder stands where a log belongs'), { code: 'EISDIR' })
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
    if (isDirty || log.isBusy || log.mustCut) this.pool.drop(log.path)
    else this.release(log.feed)
  }

  /** Lets a log go; its file is closed. */
  release(feed: number): void {
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
    const log = new Log(this.#fs, this.pool, this.#names, feed, folder, sizeBytes)
    this.#logs.set(feed, log)
    return log
  }
}
