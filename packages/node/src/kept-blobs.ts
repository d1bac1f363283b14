import type { FileSystem, Logger, Timers } from '@dunbar/actor'
import type { BlobFolder } from '@dunbar/blobs'
import { type BlobId, isCodedError } from '@dunbar/core'

/**
 * Blobs of others that came as this node caught up, on their way to the disk, where others find them.
 * They are written when no more of them come, one after the other: nothing waits for them. What is
 * too much is dropped, since it can be had again.
 */

/** Bytes of blobs that wait. */
const MAX_WAITING_BYTES = 64 * 2 ** 20
/** Bytes of all blobs in the folder, above which none of others is added. */
export const MAX_FOLDER_BYTES = 2 ** 30
/** Writing begins so long after the last blob came, ms, or when half of the room is taken. */
const QUIET_MS = 1_000

export interface KeptBlobsParts {
  readonly blobs: BlobFolder
  readonly files: FileSystem
  /** Of the blobs. */
  readonly path: string
  readonly maxFolderBytes: number
  readonly timers: Timers
  readonly logger: Logger
}

export class KeptBlobs {
  readonly #parts: KeptBlobsParts
  readonly #waiting = new Map<BlobId, Uint8Array>()
  #waitingBytes = 0
  /** Of the folder; null before it was looked at. */
  #folderBytes: number | null = null
  #cancel: (() => void) | null = null
  #writing: Promise<void> | null = null
  #isClosed = false

  constructor(parts: KeptBlobsParts) {
    this.#parts = parts
  }

  /** Bytes of a blob that waits; null for none. Not to be changed. */
  get(id: BlobId): Uint8Array | null {
    return this.#waiting.get(id) ?? null
  }

  /** @param bytes those of the id; not to be changed */
  keep(id: BlobId, bytes: Uint8Array): void {
    const isFull = this.#waitingBytes + bytes.length > MAX_WAITING_BYTES
    if (this.#isClosed || isFull || this.#waiting.has(id)) return
    this.#waiting.set(id, bytes)
    this.#waitingBytes += bytes.length
    if (this.#writing === null) this.#plan()
  }

  #plan(): void {
    this.#cancel?.()
    const delayMs = this.#waitingBytes > MAX_WAITING_BYTES / 2 ? 0 : QUIET_MS
    this.#cancel = this.#parts.timers.set(delayMs, () => {
      this.#writing = this.#write().finally(() => {
        this.#writing = null
        if (this.#waiting.size > 0 && !this.#isClosed) this.#plan()
      })
    })
  }

  /** Resolves when nothing is being written; what waits is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#writing
    this.#waiting.clear()
  }

  async #write(): Promise<void> {
    const { blobs, logger, maxFolderBytes } = this.#parts
    try {
      this.#folderBytes ??= await this.#measure()
      for (const [id, bytes] of this.#waiting) {
        if (this.#isClosed) return
        if (this.#folderBytes + bytes.length <= maxFolderBytes && !blobs.has(id)) {
          await blobs.add(bytes, id)
          this.#folderBytes += bytes.length
        }
        this.#drop(id, bytes)
      }
    } catch (error) {
      const code = isCodedError(error) ? error.code : 'INTERNAL'
      logger.log('warn', 'node', 'blobs of archives could not be kept', { code })
      for (const [id, bytes] of this.#waiting) this.#drop(id, bytes)
    }
  }

  #drop(id: BlobId, bytes: Uint8Array): void {
    if (this.#waiting.delete(id)) this.#waitingBytes -= bytes.length
  }

  async #measure(): Promise<number> {
    const { files, path, timers } = this.#parts
    const root = `${path}/sha256`
    if (files.stat(root) === null) return 0
    let sum = 0
    for (const name of files.list(root)) {
      const folder = `${root}/${name}`
      if (files.stat(folder)?.isFolder !== true) continue
      for (const each of files.list(folder)) sum += files.stat(`${folder}/${each}`)?.sizeBytes ?? 0
      await new Promise<void>((resolve) => timers.set(0, resolve))
    }
    return sum
  }
}
