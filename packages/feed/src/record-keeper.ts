/**
 * What is to be said of feeds beyond their logs: reads and replaces `feed.json`, and collects fork
 * evidence. A record that is being written is told from memory; writes of one feed follow each
 * other, and only the newest state of a feed waits.
 */
import type { FileSystem } from '@dunbar/actor'
import {
  doubtfulRecord,
  type FeedRecord,
  type ForkRecord,
  MAX_FORKS,
  plainRecord,
  readRecord,
  recordPath,
  type UncheckedRange,
  writeRecord,
} from './feed-record.js'
import { bytesEqual, frameKey } from './frame.js'
import type { NameSync } from './name-sync.js'
import { storeFailure } from './store-error.js'

interface Pending {
  readonly feed: number
  record: FeedRecord
  /** Settles when what was there when it began is on the disk. */
  writing: Promise<void> | null
}

export class RecordKeeper {
  readonly #fs: FileSystem
  readonly #names: NameSync
  readonly #reportDamage: (folder: string, reason: string) => void
  readonly #pending = new Map<string, Pending>()
  /** By folder: what the records that were read or written last say. Asked for often, by replication. */
  readonly #unchecked = new Map<string, UncheckedRange>()
  /** Folders whose record can't be read, as was reported. */
  readonly #doubtful = new Set<string>()
  /** Counts up when messages became unchecked, or checked. */
  checkCount = 0

  constructor(
    fs: FileSystem,
    names: NameSync,
    reportDamage: (folder: string, reason: string) => void,
  ) {
    this.#fs = fs
    this.#names = names
    this.#reportDamage = reportDamage
  }

  /** Whether there is a `feed.json` in a folder, or will be. One look at the disk. */
  isThere(folder: string): boolean {
    return this.#pending.has(folder) || this.#fs.stat(recordPath(folder)) !== null
  }

  /** The record of a feed's folder; a damaged one is reported and reads as `doubtfulRecord`. */
  read(folder: string): FeedRecord {
    const pending = this.#pending.get(folder)
    if (pending !== undefined) return pending.record
    const read = readRecord(this.#fs, folder)
    if (read.ok) {
      this.#note(folder, read.record ?? plainRecord)
      return read.record ?? plainRecord
    }
    this.#note(folder, doubtfulRecord)
    if (!this.#doubtful.has(folder)) {
      this.#doubtful.add(folder)
      this.#reportDamage(folder, read.reason)
    }
    return doubtfulRecord
  }

  /** Replaces the record; resolves when it is on the disk. @throws {STORE_FULL} @throws {STORE_FAILED} */
  async write(feed: number, folder: string, record: FeedRecord): Promise<void> {
    let pending = this.#pending.get(folder)
    if (pending === undefined) {
      pending = { feed, record, writing: null }
      this.#pending.set(folder, pending)
    }
    pending.record = record
    this.#note(folder, record)
    // The write under way may have begun with what was there before.
    await pending.writing?.catch(() => undefined)
    await this.#write(folder, pending)
  }

  /** Folders of feeds with messages whose signatures were not checked yet. */
  get uncheckedFolders(): readonly string[] {
    return [...this.#unchecked.keys()]
  }

  /** Those messages; null for none. Of a record that was read or written before; costs nothing. */
  unchecked(folder: () => string): UncheckedRange | null {
    return this.#unchecked.size === 0 ? null : (this.#unchecked.get(folder()) ?? null)
  }

  /** Adds evidence of a fork; null where it is known or there is enough. */
  withFork(folder: string, fork: ForkRecord): FeedRecord | null {
    const record = this.read(folder)
    const key = frameKey(fork.refused)
    const isKnown = record.forks.some(({ refused }) => bytesEqual(frameKey(refused), key))
    if (isKnown || record.forks.length >= MAX_FORKS) return null
    return { ...record, forks: [...record.forks, fork] }
  }

  /** Resolves when no record waits. @throws the failure of one that can't be written; it goes on waiting */
  async flush(): Promise<void> {
    for (const [folder, pending] of [...this.#pending]) await this.#write(folder, pending)
  }

  #note(folder: string, record: FeedRecord): void {
    const { unchecked } = record
    if (record !== doubtfulRecord) this.#doubtful.delete(folder)
    const before = this.#unchecked.get(folder)
    if (before?.first === unchecked?.first && before?.last === unchecked?.last) return
    this.checkCount += 1
    if (unchecked === undefined) this.#unchecked.delete(folder)
    else this.#unchecked.set(folder, unchecked)
  }

  async #write(folder: string, pending: Pending): Promise<void> {
    while (this.#pending.get(folder) === pending) {
      pending.writing ??= this.#writeOnce(folder, pending).finally(() => {
        pending.writing = null
      })
      await pending.writing
    }
  }

  async #writeOnce(folder: string, pending: Pending): Promise<void> {
    const { record } = pending
    try {
      if (this.#fs.stat(folder) === null) {
        this.#names.forgetFolder(pending.feed, folder)
        this.#fs.makeFolder(folder)
      }
      await writeRecord(this.#fs, folder, record)
      await this.#names.sync(pending.feed, folder)
    } catch (error) {
      throw storeFailure(error, 'writing feed.json')
    }
    if (pending.record === record) this.#pending.delete(folder)
  }
}
