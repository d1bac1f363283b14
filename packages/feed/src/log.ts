/**
 * The append-only file of one feed.
 *
 * Invariant: bytes 0 to `sizeBytes` are what was appended; bytes behind are left-overs of a write
 * that failed and are cut off before the next one, or the append is refused. An append is one
 * positional write at `sizeBytes`; where it fails the file is cut back, so that nothing or all of
 * it counts. A file whose sync failed is never synced again: `rewrite` copies it to a new one.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import { removeIfThere, removeQuietly } from './atomic-file.js'
import type { HandlePool } from './handles.js'
import { LogWalk, type ReadLog } from './log-walk.js'
import type { NameSync } from './name-sync.js'
import { StoreError, storeFailure, systemCode } from './store-error.js'

/** Offsets are kept in 32 bits: 4 GiB are some five million messages of one author. */
const MAX_LOG_BYTES = 0xffffffff
const COPY_BYTES = 1024 * 1024
/** A log that grows during more syncs than this while it is copied is not quiet enough to be copied. */
const MAX_COPY_ROUNDS = 16

export class Log {
  readonly feed: number
  readonly folder: string
  readonly path: string
  readonly #fs: FileSystem
  readonly #pool: HandlePool
  readonly #names: NameSync
  #sizeBytes: number
  #mustCut = false
  #hasFolder = false
  #isDistrusted = false
  /** A durable append or a rewrite is under way. */
  isBusy = false

  constructor(
    fs: FileSystem,
    pool: HandlePool,
    names: NameSync,
    feed: number,
    folder: string,
    sizeBytes: number,
  ) {
    this.#fs = fs
    this.#pool = pool
    this.#names = names
    this.feed = feed
    this.folder = folder
    this.path = `${folder}/log`
    this.#sizeBytes = sizeBytes
  }

  /** Bytes that count. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Left-overs of a failed write are behind the end. */
  get mustCut(): boolean {
    return this.#mustCut
  }

  /**
   * Appends whole frames with one write and returns where they begin.
   * @throws {STORE_FULL} the disk took only a part; the log is as before
   * @throws {STORE_FAILED} the log is as before
   * @throws {STORE_LOG_TOO_LARGE}
   */
  append(frames: Uint8Array): number {
    const offset = this.#sizeBytes
    if (offset + frames.length > MAX_LOG_BYTES) {
      throw new StoreError('STORE_LOG_TOO_LARGE', 'a log has at most 4 GiB', {})
    }
    if (this.#mustCut) this.cutTo(offset)
    try {
      this.#open().write(frames, offset)
    } catch (error) {
      this.#cutQuietly()
      throw storeFailure(error, 'appending to a log')
    }
    this.#sizeBytes = offset + frames.length
    return offset
  }

  /** Reads as `FileHandle.read` does. @throws {STORE_FAILED} */
  readonly read: ReadLog = (target, offset, length, position) => {
    try {
      return this.#pool.use(this.path).read(target, offset, length, position)
    } catch (error) {
      throw storeFailure(error, 'reading a log')
    }
  }

  /** Takes away everything from an offset on. @throws {STORE_FAILED} and then the next append tries again first */
  cutTo(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes
    this.#mustCut = true
    try {
      this.#open().truncate(sizeBytes)
    } catch (error) {
      throw storeFailure(error, 'cutting a log back')
    }
    this.#mustCut = false
  }

  /**
   * Resolves when all that was appended before is on the disk, names included. Errors of the file
   * system pass through; once it failed it fails until a `rewrite` succeeds.
   */
  async sync(): Promise<void> {
    if (this.#isDistrusted) throw new Error('an earlier sync of this file failed')
    try {
      const { handle, unpin } = this.#pool.pin(this.path)
      try {
        await handle.sync()
      } finally {
        unpin()
      }
      await this.#names.sync(this.feed, this.folder)
    } catch (error) {
      this.#isDistrusted = true
      throw error
    }
  }

  /**
   * Replaces the file by a copy that is on the disk; offsets stay. Appends may go on meanwhile.
   * @throws {STORE_FULL}
   * @throws {STORE_FAILED} the old file stays
   */
  async rewrite(): Promise<void> {
    const made = `${this.path}.new`
    let handle: FileHandle | null = null
    try {
      removeIfThere(this.#fs, made)
      handle = this.#fs.open(made, 'createNew')
      let copied = 0
      for (let round = 0; copied < this.#sizeBytes; round++) {
        if (round === MAX_COPY_ROUNDS) throw new Error('the log grows too fast to be copied')
        copied = this.#copy(handle, copied)
        await handle.sync()
      }
      handle.close()
      handle = null
      this.#fs.rename(made, this.path)
      this.#pool.drop(this.path)
      this.#mustCut = false
      this.#names.forget(this.feed)
      await this.#names.sync(this.feed, this.folder)
      this.#isDistrusted = false
    } catch (error) {
      this.#isDistrusted = true
      handle?.close()
      removeQuietly(this.#fs, made)
      throw storeFailure(error, 'writing a log anew')
    }
  }

  #copy(target: FileHandle, from: number): number {
    const buffer = new Uint8Array(COPY_BYTES)
    let at = from
    while (at < this.#sizeBytes) {
      const wanted = Math.min(COPY_BYTES, this.#sizeBytes - at)
      const read = this.read(buffer, 0, wanted, at)
      if (read < wanted) throw new Error('the log is shorter than what was appended')
      target.write(buffer.subarray(0, read), at)
      at += read
    }
    return at
  }

  #cutQuietly(): void {
    try {
      this.cutTo(this.#sizeBytes)
    } catch {
      // The left-overs are remembered; the next append cuts them off first or is refused.
    }
  }

  #open(): FileHandle {
    // A new feed has no folder: making it first saves an attempt in vain for each.
    if (this.#sizeBytes === 0 && !this.#hasFolder) this.#makeFolder()
    try {
      return this.#pool.use(this.path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      this.#makeFolder()
      return this.#pool.use(this.path)
    }
  }

  #makeFolder(): void {
    this.#names.forgetFolder(this.feed, this.folder)
    this.#fs.makeFolder(this.folder)
    this.#hasFolder = true
  }
}

/** Whether the frames of a log from an offset on are all whole. Reads them. */
export function isLogWhole(log: Log, fromOffset: number): boolean {
  const walk = new LogWalk(log.read, fromOffset, log.sizeBytes)
  for (;;) {
    const step = walk.next()
    if (step === 'end') return walk.offset === log.sizeBytes
    if (step !== 'frame') return false
  }
}
