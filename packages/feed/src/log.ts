/**
 * The append-only log of one feed: a row of frames, of which the oldest may lie in block files (see
 * `sealed-part.ts`). Offsets are places in that row, wherever the bytes are.
 *
 * Invariant: bytes 0 to `sizeBytes` are what was appended; bytes behind are left-overs of a write
 * that failed and are cut off before the next one, or the append is refused. An append is one
 * positional write at `sizeBytes`; where it fails the file is cut back, so that nothing or all of
 * it counts. A file whose sync failed is never synced again: `rewrite` copies it to a new one.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import type { HandlePool } from './handles.js'
import { LogReplacement } from './log-replacement.js'
import { LogWalk, type ReadLog } from './log-walk.js'
import type { NameSync } from './name-sync.js'
import { openSealedBlock, type SealedBlock } from './sealed-block.js'
import type { SealedPart } from './sealed-part.js'
import { StoreError, storeFailure, systemCode } from './store-error.js'

/** Offsets are kept in 32 bits: 4 GiB are some five million messages of one author. */
const MAX_LOG_BYTES = 0xffffffff

export class Log {
  readonly feed: number
  readonly folder: string
  readonly path: string
  readonly #fs: FileSystem
  readonly #pool: HandlePool
  readonly #names: NameSync
  #sizeBytes: number
  #sealed: SealedPart | null
  #mustCut = false
  #hasFolder = false
  #isDistrusted = false
  /** A durable append is under way, or blocks take the place of frames. */
  isBusy = false
  /** Blocks are being made of it, or it of blocks: it is not let go. */
  isRelaid = false

  constructor(
    fs: FileSystem,
    pool: HandlePool,
    names: NameSync,
    feed: number,
    folder: string,
    sizeBytes: number,
    sealed: SealedPart | null,
  ) {
    this.#fs = fs
    this.#pool = pool
    this.#names = names
    this.feed = feed
    this.folder = folder
    this.path = `${folder}/log`
    this.#sizeBytes = sizeBytes
    this.#sealed = sealed
  }

  /** What of it lies in block files; null for nothing. */
  get sealed(): SealedPart | null {
    return this.#sealed
  }

  /** Offset of the first frame in the file; those before lie in blocks. */
  get fileStart(): number {
    return this.#sealed?.end ?? 0
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
      if (this.#sealed?.isSalvaged && offset === this.fileStart) this.#appendFirst(frames)
      else this.#open().write(frames, this.#placeOf(offset))
    } catch (error) {
      this.#cutQuietly()
      throw storeFailure(error, 'appending to a log')
    }
    this.#sizeBytes = offset + frames.length
    return offset
  }

  /** An empty file gets its head again: frames that stand alone would count as the whole log. */
  #appendFirst(frames: Uint8Array): void {
    const sealed = this.#sealed!.withHead
    this.#open().write(Buffer.concat([sealed.encode(), frames]), 0)
    this.#sealed = sealed
  }

  /** Reads from the file as `FileHandle.read` does, at an offset from `fileStart` on. @throws {STORE_FAILED} */
  readonly read: ReadLog = (target, offset, length, position) => {
    try {
      return this.#pool.use(this.path).read(target, offset, length, this.#placeOf(position))
    } catch (error) {
      throw storeFailure(error, 'reading a log')
    }
  }

  /**
   * A block of the sealed part, by its place there.
   * @throws {STORE_BLOCK_DAMAGED} the file is missing, or is not the block that belongs there
   * @throws {STORE_FAILED} it can't be read
   */
  openBlock(index: number): SealedBlock {
    return openSealedBlock(this.#fs, this.folder, this.#sealed!.entries[index]!)
  }

  /** Takes away everything from an offset on. @throws {STORE_FAILED} and then the next append tries again first */
  cutTo(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes
    this.#mustCut = true
    try {
      this.#open().truncate(this.#placeOf(sizeBytes))
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
    const copy = this.replacement(`${this.path}.new`)
    try {
      copy.begin(this.#sealed)
      await copy.finish(this.fileStart)
    } catch (error) {
      this.#isDistrusted = true
      copy.abandon()
      throw storeFailure(error, 'writing a log anew')
    }
  }

  /**
   * A file that is to take the place of this one.
   * @param made its path meanwhile, for each use its own
   */
  replacement(made: string): LogReplacement {
    return new LogReplacement(this, this.#fs, made, {
      takePlace: (sealed, sizeBytes) => {
        this.#fs.rename(made, this.path)
        this.#pool.drop(this.path)
        this.#sealed = sealed
        this.#sizeBytes = sizeBytes
        this.#mustCut = false
        this.#names.forget(this.feed)
      },
      syncName: async () => {
        try {
          await this.#names.sync(this.feed, this.folder)
        } catch (error) {
          this.#isDistrusted = true
          throw error
        }
        this.#isDistrusted = false
      },
    })
  }

  /** Where an offset is in the file. */
  #placeOf(offset: number): number {
    if (this.#sealed === null) return offset
    if (offset < this.#sealed.end)
      throw new Error('an offset in a block was taken for one in the file')
    return offset - this.#sealed.end + this.#sealed.headBytes
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

/** Whether the frames in a log's file are all whole. Reads them. */
export function isFileWhole(log: Log): boolean {
  const walk = new LogWalk(log.read, log.fileStart, log.sizeBytes)
  for (;;) {
    const step = walk.next()
    if (step === 'end') return walk.offset === log.sizeBytes
    if (step !== 'frame') return false
  }
}
