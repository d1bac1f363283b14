/**
 * A file that is to take the place of a log's: written beside it, synced, renamed over it, the name
 * synced. Until it is renamed the log is as before; from then on it is the new one.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import { removeIfThere, removeQuietly } from './atomic-file.js'
import type { Log } from './log.js'
import type { SealedPart } from './sealed-part.js'

const COPY_BYTES = 1024 * 1024
/** A log that grows during more syncs than this while it is copied is not quiet enough to be copied. */
const MAX_COPY_ROUNDS = 16

/** What only the log itself can do. */
export interface ReplacedLog {
  /** The new file is the log's from here on. */
  takePlace(sealed: SealedPart | null, sizeBytes: number): void
  /** Brings its name to the disk. */
  syncName(): Promise<void>
}

export class LogReplacement {
  readonly #log: Log
  readonly #fs: FileSystem
  readonly #path: string
  readonly #replaced: ReplacedLog
  readonly #sealedBefore: SealedPart | null
  #sealed: SealedPart | null = null
  #handle: FileHandle | null = null
  #end = 0

  constructor(log: Log, fs: FileSystem, path: string, replaced: ReplacedLog) {
    this.#log = log
    this.#fs = fs
    this.#path = path
    this.#replaced = replaced
    this.#sealedBefore = log.sealed
  }

  /** Makes the file, with the head for the blocks that stand before its frames. Errors of the file system pass through. */
  begin(sealed: SealedPart | null): void {
    removeIfThere(this.#fs, this.#path)
    this.#handle = this.#fs.open(this.#path, 'createNew')
    this.#sealed = sealed
    if (sealed !== null) this.write(sealed.encode())
  }

  /** Adds frames. Errors of the file system pass through. */
  write(frames: Uint8Array): void {
    this.#handle!.write(frames, this.#end)
    this.#end += frames.length
  }

  /**
   * Adds the frames that the log's own file holds from an offset on, also those that are appended
   * meanwhile, brings all to the disk and takes the log's place. Errors of the file system pass through.
   * @param from null where nothing of the old file is wanted; then nothing may be appended meanwhile
   * @param placed called in the turn in which the file becomes the log's
   */
  async finish(from: number | null, placed: () => void = () => undefined): Promise<void> {
    const log = this.#log
    let copied = from ?? log.sizeBytes
    for (let round = 0; ; round++) {
      if (round === MAX_COPY_ROUNDS) throw new Error('the log grows too fast to be copied')
      copied = this.#copy(copied)
      await this.#handle!.sync()
      if (copied === log.sizeBytes) break
    }
    if (log.sealed !== this.#sealedBefore) throw new Error('the log was replaced meanwhile')
    this.#close()
    const sealed = this.#sealed
    const sizeBytes = (sealed?.end ?? 0) + this.#end - (sealed?.headBytes ?? 0)
    this.#replaced.takePlace(sealed, sizeBytes)
    placed()
    await this.#replaced.syncName()
  }

  /** Takes away what was not finished. */
  abandon(): void {
    this.#close()
    removeQuietly(this.#fs, this.#path)
  }

  #copy(from: number): number {
    const log = this.#log
    const buffer = new Uint8Array(Math.min(COPY_BYTES, log.sizeBytes - from))
    let at = from
    while (at < log.sizeBytes) {
      const wanted = Math.min(buffer.length, log.sizeBytes - at)
      const read = log.read(buffer, 0, wanted, at)
      if (read < wanted) throw new Error('the log is shorter than what was appended')
      this.write(buffer.subarray(0, read))
      at += read
    }
    return at
  }

  #close(): void {
    this.#handle?.close()
    this.#handle = null
  }
}
