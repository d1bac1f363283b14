import { type FileHandle, type FileSystem, parentOf, removeQuietly } from '@dunbar/actor'
import { type BlobId, blobIdFromBytes, createSha256 } from '@dunbar/core'
import { BlobError, blobFailure } from './blob-error.js'

/** Where the finished blob goes. */
export interface BlobTarget {
  readonly files: FileSystem
  /** The unfinished file. */
  readonly temporaryPath: string
  readonly maxBytes: number
  /** Path of the blob with this id; its folder and those above it that were missing are made and on the disk. */
  place(id: BlobId): Promise<string>
}

/**
 * A blob on its way into the folder, in pieces. Nobody sees it before `finish`; after a failure, and
 * after `abort`, nothing of it is left.
 */
export class BlobWriter {
  readonly #target: BlobTarget
  readonly #hash = createSha256()
  readonly #file: FileHandle
  #isOver = false
  #sizeBytes = 0

  /** @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED} */
  constructor(target: BlobTarget) {
    this.#target = target
    try {
      this.#file = target.files.open(target.temporaryPath, 'createNew')
    } catch (error) {
      throw blobFailure(error, 'beginning a blob')
    }
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /**
   * Adds a piece; the bytes stay the caller's.
   * @throws {BLOB_TOO_LARGE} @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED}
   */
  write(piece: Uint8Array): void {
    const { maxBytes } = this.#target
    try {
      if (this.#sizeBytes + piece.length > maxBytes) {
        throw new BlobError('BLOB_TOO_LARGE', `a blob has ${maxBytes} bytes at most`, { maxBytes })
      }
      this.#pending().write(piece, this.#sizeBytes)
    } catch (error) {
      this.abort()
      throw blobFailure(error, 'writing a blob')
    }
    this.#hash.update(piece)
    this.#sizeBytes += piece.length
  }

  /**
   * Resolves when the blob is on the disk under its id.
   * @param expected the id that it must have
   * @throws {BLOB_MISMATCH} @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED}
   */
  async finish(expected: BlobId | null = null): Promise<BlobId> {
    const { files, temporaryPath } = this.#target
    const id = blobIdFromBytes(this.#hash.digest())
    try {
      if (expected !== null && id !== expected) {
        throw new BlobError('BLOB_MISMATCH', `the bytes are not those of ${expected}`, { expected })
      }
      await this.#pending().sync()
      const path = await this.#target.place(id)
      this.#file.close()
      files.rename(temporaryPath, path)
      this.#isOver = true
      await files.syncFolder(parentOf(path))
      return id
    } catch (error) {
      this.abort()
      throw blobFailure(error, 'finishing a blob')
    }
  }

  /** Gives up; does nothing to a blob that is finished. */
  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#file.close()
    removeQuietly(this.#target.files, this.#target.temporaryPath)
  }

  #pending(): FileHandle {
    if (!this.#isOver) return this.#file
    throw new BlobError('BLOB_STORE_FAILED', 'the blob is finished or given up', {})
  }
}
