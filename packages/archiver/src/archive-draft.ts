import { type FileSystem, removeIfThere, replaceFile } from '@dunbar/actor'
import { type BlobFolder, blobFailure } from '@dunbar/blobs'
import { type BlobId, isBlobId } from '@dunbar/core'

/**
 * Which blobs are being written for a bundle that no message names yet. The list is on the disk
 * before the first of them, so that what a killed node leaves is found and taken away.
 */
interface Draft {
  readonly bundle: BlobId
  /** Blobs that were not there before. */
  readonly added: readonly BlobId[]
}

const PERMISSIONS = 0o600

export class ArchiveDraft {
  readonly #files: FileSystem
  readonly #path: string

  constructor(files: FileSystem, path: string) {
    this.#files = files
    this.#path = path
  }

  /** Resolves when the list is on the disk. @throws {BLOB_STORE_FULL} @throws {BLOB_STORE_FAILED} */
  async begin(blobs: BlobFolder, bundle: BlobId, ids: readonly BlobId[]): Promise<void> {
    const added = ids.filter((id) => !blobs.has(id))
    const text = JSON.stringify({ bundle, added } satisfies Draft)
    try {
      await replaceFile(this.#files, this.#path, Buffer.from(text), PERMISSIONS)
    } catch (error) {
      throw blobFailure(error, 'beginning an archive')
    }
  }

  /** The bundle is named by a message: its blobs stay. @throws the system's error */
  settle(): void {
    removeIfThere(this.#files, this.#path)
  }

  /**
   * Takes away the blobs of a bundle that came to nothing; gives how many there were.
   * @param isNamed whether a message names a bundle
   * @throws {BLOB_STORE_FAILED} @throws the system's error
   */
  async tidy(blobs: BlobFolder, isNamed: (bundle: BlobId) => Promise<boolean>): Promise<number> {
    const draft = this.#read()
    if (draft === null) return 0
    let removed = 0
    if (!(await isNamed(draft.bundle))) {
      for (const id of draft.added) {
        if (!blobs.has(id)) continue
        blobs.remove(id)
        removed += 1
      }
    }
    this.settle()
    return removed
  }

  /** Null where there is none; one that can't be read names nothing. */
  #read(): Draft | null {
    if (this.#files.stat(this.#path) === null) return null
    try {
      const { bundle, added } = JSON.parse(
        Buffer.from(this.#files.readFile(this.#path)).toString(),
      ) as Partial<Draft>
      if (isBlobId(bundle) && Array.isArray(added)) return { bundle, added: added.filter(isBlobId) }
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    }
    this.settle()
    return null
  }
}
