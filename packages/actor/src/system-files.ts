import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { CodedError } from '@dunbar/core'
import type { FileHandle, FileSystem, OpenMode } from './ports.js'

/**
 * The disk of this machine. Reads and writes are synchronous: they end in the page cache, where a
 * promise for each would cost more than the call. Syncs wait for the disk and are not.
 */
const syncData = promisify(fdatasync)
const syncAll = promisify(fsync)

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  readWrite: constants.O_RDWR | constants.O_CREAT,
  createNew: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

class SystemFile implements FileHandle {
  readonly #descriptor: number
  #isOpen = true

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    return readSync(this.#descriptor, target, offset, length, position)
  }

  write(bytes: Uint8Array, position: number): void {
    const writtenBytes = writeSync(this.#descriptor, bytes, 0, bytes.length, position)
    if (writtenBytes === bytes.length) return
    throw new CodedError(
      'FS_SHORT_WRITE',
      `a write of ${bytes.length} bytes ended after ${writtenBytes}`,
      { expectedBytes: bytes.length, writtenBytes, position },
    )
  }

  truncate(sizeBytes: number): void {
    ftruncateSync(this.#descriptor, sizeBytes)
  }

  sizeBytes(): number {
    return fstatSync(this.#descriptor).size
  }

  sync(): Promise<void> {
    return syncData(this.#descriptor)
  }

  /** A second close does nothing: the number may belong to another file by then. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.#descriptor)
  }
}

export const systemFiles: FileSystem = {
  open: (path, mode, permissions = 0o600) =>
    new SystemFile(openSync(path, OPEN_FLAGS[mode], permissions)),
  readFile: (path) => readFileSync(path),
  list: (path) => readdirSync(path),
  stat(path) {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? null : { sizeBytes: stats.size, isFolder: stats.isDirectory() }
  },
  makeFolder: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  },
  rename: (from, to) => renameSync(from, to),
  remove: (path) => (statSync(path).isDirectory() ? rmdirSync(path) : unlinkSync(path)),
  async syncFolder(path) {
    const descriptor = openSync(path, constants.O_RDONLY)
    try {
      await syncAll(descriptor)
    } finally {
      closeSync(descriptor)
    }
  },
}
