import { type FileSystem, parentOf, type Random, removeQuietly } from '@dunbar/actor'
import { type BlobId, blobIdFromBytes, blobIdToBytes, isBlobId, sha256 } from '@dunbar/core'
import { BlobError, blobFailure } from './blob-error.js'
import { BlobWriter } from './blob-writer.js'

/**
 * Blobs by the SHA-256 of their bytes:
 *
 *   <folder>/sha256/<2 hex>/<62 hex>   a blob
 *   <folder>/tmp/<name>                one on its way in
 *
 * the layout of npm multiblob, so that a folder may come from another node. A path is made of the 32
 * bytes behind an id, never of its text. What lies under an id was synced before it got its name.
 * @source npm multiblob 1.13
 */

/** What a blob may have: other nodes fetch no larger ones. @source npm ssb-blobs 2 */
export const MAX_BLOB_BYTES = 5 * 2 ** 20

/** A blob that is on the disk. */
export interface AddedBlob {
  readonly id: BlobId
  readonly sizeBytes: number
}

/** The blobs in one folder. One process at a time has it. */
export class BlobFolder {
  readonly #files: FileSystem
  readonly #random: Random
  readonly #path: string
  #temporaryCount = 0
  /** Folders that are known to be on the disk. */
  readonly #made = new Set<string>()

  private constructor(files: FileSystem, random: Random, path: string) {
    this.#files = files
    this.#random = random
    this.#path = path
  }

  /**
   * The blobs under a path, which is made with the first of them; takes away what was on its way in
   * when the process before this one ended.
   * @throws {BLOB_STORE_FAILED}
   */
  static open(files: FileSystem, random: Random, path: string): BlobFolder {
    const temporary = `${path}/tmp`
    try {
      if (files.stat(temporary) !== null) {
        for (const name of files.list(temporary)) removeQuietly(files, `${temporary}/${name}`)
      }
    } catch (error) {
      throw blobFailure(error, 'opening the blobs')
    }
    return new BlobFolder(files, random, path)
  }

  /**
   * Keeps a blob; resolves when it is on the disk. One that is here already is written anew.
   * @param bytes at most 5 MiB; they stay the caller's and must not change meanwhile
   * @param expected the id that they must have
   * @throws {BLOB_MISMATCH} @throws {BLOB_TOO_LARGE} @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED}
   */
  async add(bytes: Uint8Array, expected: BlobId | null = null): Promise<AddedBlob> {
    const writer = this.write()
    writer.write(bytes)
    return { id: await writer.finish(expected), sizeBytes: bytes.length }
  }

  /**
   * Begins a blob that comes in pieces.
   * @param maxBytes at most 5 MiB, the default
   * @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED}
   */
  write(maxBytes = MAX_BLOB_BYTES): BlobWriter {
    const temporary = `${this.#path}/tmp`
    try {
      this.#files.makeFolder(temporary)
    } catch (error) {
      throw blobFailure(error, 'beginning a blob')
    }
    this.#temporaryCount += 1
    const salt = Buffer.from(this.#random.bytes(8)).toString('hex')
    return new BlobWriter({
      files: this.#files,
      temporaryPath: `${temporary}/${this.#temporaryCount}-${salt}`,
      maxBytes: Math.min(maxBytes, MAX_BLOB_BYTES),
      place: (id) => this.#place(id),
    })
  }

  /**
   * The bytes of a blob, checked, in memory of their own; null where it is not here.
   * @throws {BLOB_ID_INVALID} @throws {BLOB_TOO_LARGE} @throws {BLOB_DAMAGED} @throws {BLOB_STORE_FAILED}
   */
  get(id: BlobId): Uint8Array | null {
    const sizeBytes = this.size(id)
    if (sizeBytes === null) return null
    if (sizeBytes > MAX_BLOB_BYTES) {
      const text = `the file of ${id} has more than ${MAX_BLOB_BYTES} bytes`
      throw new BlobError('BLOB_TOO_LARGE', text, { id, sizeBytes })
    }
    let bytes: Uint8Array
    try {
      bytes = this.#files.readFile(this.#pathOf(id))
    } catch (error) {
      throw blobFailure(error, 'reading a blob')
    }
    if (blobIdFromBytes(sha256(bytes)) !== id) {
      throw new BlobError('BLOB_DAMAGED', `the file of ${id} holds something else`, { id })
    }
    return bytes
  }

  /** Whether a blob is here; its bytes are looked at when they are read. @throws {BLOB_ID_INVALID} @throws {BLOB_STORE_FAILED} */
  has(id: BlobId): boolean {
    return this.size(id) !== null
  }

  /** Bytes of a blob; null where it is not here. @throws {BLOB_ID_INVALID} @throws {BLOB_STORE_FAILED} */
  size(id: BlobId): number | null {
    const path = this.#pathOf(id)
    try {
      const found = this.#files.stat(path)
      return found === null || found.isFolder ? null : found.sizeBytes
    } catch (error) {
      throw blobFailure(error, 'looking for a blob')
    }
  }

  /** Takes a blob away; one that is not here is fine. @throws {BLOB_ID_INVALID} @throws {BLOB_STORE_FAILED} */
  remove(id: BlobId): void {
    if (!this.has(id)) return
    try {
      this.#files.remove(this.#pathOf(id))
    } catch (error) {
      throw blobFailure(error, 'removing a blob')
    }
  }

  #pathOf(id: BlobId): string {
    if (!isBlobId(id)) throw new BlobError('BLOB_ID_INVALID', 'expected the id of a blob', {})
    const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
    return `${this.#path}/sha256/${hex.slice(0, 2)}/${hex.slice(2)}`
  }

  /** Makes the folders of a blob, each named on the disk before something lies in it. */
  async #place(id: BlobId): Promise<string> {
    const path = this.#pathOf(id)
    const folder = parentOf(path)
    if (this.#made.has(folder)) return path
    this.#files.makeFolder(folder)
    for (let below = folder; below !== parentOf(this.#path); below = parentOf(below)) {
      await this.#files.syncFolder(parentOf(below))
    }
    this.#made.add(folder)
    return path
  }
}
