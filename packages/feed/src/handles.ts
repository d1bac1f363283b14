/**
 * Open log files, the least recently used closed first. Kept in a Map in order of use. A pinned
 * file (one being synced or rewritten) stays open; where all are pinned the pool is over its cap
 * until one is unpinned. When the machine refuses another file (EMFILE), the pool gives half of its
 * own back and keeps to that many from then on.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import { StoreError, systemCode } from './store-error.js'

interface OpenFile {
  readonly handle: FileHandle
  pins: number
  /** Gave up its place while pinned: closes with the last pin. */
  isDropped: boolean
}

const readOnlyCodes: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM'])

/** Below this a pool would close and open files with every other message. */
const LEAST_FILES = 4

export class HandlePool {
  readonly #fs: FileSystem
  readonly #files = new Map<string, OpenFile>()
  #cap: number
  #openCount = 0
  #isClosed = false

  constructor(fs: FileSystem, cap = 256) {
    this.#fs = fs
    this.#cap = Math.max(1, cap)
  }

  get openFiles(): number {
    return this.#openCount
  }

  /**
   * The file at a path, opened for reading and writing and made where it is missing (the folder must
   * be there). Valid until the next call of the pool, unless it is pinned.
   * @throws {STORE_CLOSED} also errors of the file system
   */
  use(path: string): FileHandle {
    return this.#use(path).handle
  }

  /** As `use`; the file stays open until the returned function has been called. */
  pin(path: string): { readonly handle: FileHandle; readonly unpin: () => void } {
    const file = this.#use(path)
    file.pins += 1
    let isPinned = true
    const unpin = (): void => {
      if (!isPinned) return
      isPinned = false
      file.pins -= 1
      if (file.pins === 0 && file.isDropped) this.#close(file)
      else this.#shrink(this.#cap)
    }
    return { handle: file.handle, unpin }
  }

  /** Closes the file at a path, at once or with its last pin; the next `use` opens it anew. */
  drop(path: string): void {
    const file = this.#files.get(path)
    if (file === undefined) return
    this.#files.delete(path)
    file.isDropped = true
    if (file.pins === 0) this.#close(file)
  }

  /** Closes all files but pinned ones, which close with their last pin. No more are opened. */
  close(): void {
    this.#isClosed = true
    for (const path of [...this.#files.keys()]) this.drop(path)
  }

  #use(path: string): OpenFile {
    const held = this.#files.get(path)
    if (held !== undefined) {
      this.#files.delete(path)
      this.#files.set(path, held)
      return held
    }
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'the store is closed', {})
    this.#shrink(this.#cap - 1)
    const file: OpenFile = { handle: this.#open(path), pins: 0, isDropped: false }
    this.#openCount += 1
    this.#files.set(path, file)
    return file
  }

  #open(path: string): FileHandle {
    try {
      return this.#fs.open(path, 'readWrite')
    } catch (error) {
      const code = systemCode(error)
      // A disk that can't be written can still be read; writing then fails at the file.
      if (readOnlyCodes.has(code)) return this.#fs.open(path, 'read')
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error
      this.#cap = Math.max(LEAST_FILES, this.#files.size >> 1)
      this.#shrink(this.#cap - 1)
      return this.#fs.open(path, 'readWrite')
    }
  }

  #shrink(count: number): void {
    if (this.#files.size <= count) return
    for (const [path, file] of this.#files) {
      if (file.pins > 0) continue
      this.#files.delete(path)
      this.#close(file)
      if (this.#files.size <= count) return
    }
  }

  #close(file: OpenFile): void {
    this.#openCount -= 1
    file.handle.close()
  }
}
