/**
 * A file system in memory that fails on command and shows what a crash may leave.
 *
 * Every mutating call has a number, from 0; a fault may be put at any number. What is done goes to
 * an `EffectLog`, which knows what a crash can take away. A sync covers what was done when it was
 * asked for, and counts when it is done.
 */
import { posix } from 'node:path'
import type { FileHandle, FileSystem, OpenMode } from '@dunbar/actor'
import { DiskFaults } from './disk-faults.js'
import { type CrashImageOptions, type Effect, EffectLog } from './effect-log.js'
import { type FileFault, fileError, shortWrite } from './file-fault.js'
import {
  DiskImage,
  type DiskNode,
  type FileNode,
  type FolderNode,
  namesOf,
  ROOT_ID,
} from './file-image.js'

export interface MemoryFileSystemOptions {
  /** More files open at once get `EMFILE`. Default: no limit. */
  readonly maxOpenFiles?: number
  /** Bytes that all files may hold together; a write beyond is cut short, the next gets `ENOSPC`. Default: no limit. */
  readonly capacityBytes?: number
  /** When a sync is done: what it was for is durable only once `run` was called. Default: a microtask. */
  readonly completeSync?: (run: () => void) => void
}

/**
 * Paths are POSIX; a relative one begins at the root, which always exists. Calls that fail for
 * themselves (`ENOENT`, `EEXIST`, …) have no number; numbers go to those that change something or
 * sync: an open that creates, write, truncate, rename, remove, makeFolder that makes, sync, syncFolder.
 */
export class MemoryFileSystem implements FileSystem {
  /** Which state this is: `'new'`, `'fork'`, or which crash state. For test messages. */
  readonly origin: string
  #log = new EffectLog(new DiskImage())
  #nextId = ROOT_ID + 1
  #openFileCount = 0
  #usedBytes = 0
  #capacityBytes: number
  readonly #options: MemoryFileSystemOptions
  readonly #faults = new DiskFaults()
  readonly #permissions = new Map<number, number>()
  readonly #openHandles = new Map<number, number>()

  constructor(options: MemoryFileSystemOptions = {}, origin = 'new') {
    this.origin = origin
    this.#options = options
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
  }

  /** Mutating calls so far; the next one has this number. */
  get callCount(): number {
    return this.#faults.callCount
  }

  /** Reads so far, by handle or whole file; the next one has this number. */
  get readCount(): number {
    return this.#faults.readCount
  }

  /** How often a fault took effect. A loop over fault points ends with the first run in which this stays 0. */
  get faultHitCount(): number {
    return this.#faults.hitCount
  }

  get openFileCount(): number {
    return this.#openFileCount
  }

  get isKilled(): boolean {
    return this.#faults.isKilled
  }

  /** Bytes in all files. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Effects that a crash may take away. */
  get unsyncedCount(): number {
    return this.#log.unsyncedCount
  }

  /** Puts a fault at a mutating call; numbers count from 0 over the whole life of this file system. */
  failAt(callIndex: number, fault: FileFault): void {
    this.#faults.failAt(callIndex, fault)
  }

  /** The read with this number fails with `EIO`. */
  failRead(readIndex: number): void {
    this.#faults.failRead(readIndex)
  }

  /**
   * Every read of this file fails with `EIO` until `heal()`, under whatever name.
   * @throws {ENOENT} there is no such file
   */
  failReadsOf(path: string): void {
    this.#faults.failReadsOf(this.#needFile(path, 'open').id)
  }

  /** Space for all files from now on. */
  setCapacity(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes
  }

  /** Takes back faults that have not hit, makes files readable, and gives a full disk space again. A kill is final. */
  heal(): void {
    this.#faults.heal()
  }

  /**
   * Flips bits of a stored file behind everybody's back, durably.
   * @throws {ENOENT} there is no such file
   */
  corrupt(path: string, position: number, mask = 0x01): void {
    this.#log.corrupt(this.#needFile(path, 'open').id, position, mask)
  }

  /** What a file was made with; without that 0600, and 0700 for folders. Null where there is nothing. */
  permissionsOf(path: string): number | null {
    const node = this.#log.live.find(namesOf(path))
    if (node === null) return null
    return this.#permissions.get(node.id) ?? (node.kind === 'folder' ? 0o700 : 0o600)
  }

  /** Every file's path and live content, in memory of its own, sorted by path. */
  snapshot(): Map<string, Uint8Array> {
    const files: [string, Uint8Array][] = []
    const walk = (folder: FolderNode, path: string): void => {
      for (const [name, id] of folder.entries) {
        const node = this.#log.live.nodes.get(id)
        if (node?.kind === 'folder') walk(node, `${path}/${name}`)
        else if (node?.kind === 'file') files.push([`${path}/${name}`, node.content.toBytes()])
      }
    }
    walk(this.#log.live.folder(ROOT_ID), '')
    return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** An independent copy with the same unsynced effects; without faults, open files and counts. */
  fork(): MemoryFileSystem {
    const copy = new MemoryFileSystem(this.#options, 'fork')
    copy.#capacityBytes = this.#capacityBytes
    copy.#log = this.#log.copy()
    copy.#nextId = this.#nextId
    copy.#usedBytes = this.#usedBytes
    for (const [id, permissions] of this.#permissions) copy.#permissions.set(id, permissions)
    return copy
  }

  /**
   * The states that a crash at this moment may leave, each as a file system of its own in which all
   * is durable; `origin` says which state it is. Nothing kept and everything kept come first. Cost:
   * memory is shared until written; each image walks the unsynced effects.
   */
  *crashImages(seed: number | string, options: CrashImageOptions = {}): Iterable<MemoryFileSystem> {
    for (const { image, description } of this.#log.crashStates(seed, options)) {
      yield this.#fromImage(image, `crash (seed ${seed}): ${description}`)
    }
  }

  open(path: string, mode: OpenMode, permissions?: number): FileHandle {
    this.#faults.refuseWhenKilled()
    if (this.#openFileCount >= (this.#options.maxOpenFiles ?? Number.POSITIVE_INFINITY)) {
      throw fileError('EMFILE', 'open', path)
    }
    const held = this.#find(path, 'open')
    if (held !== null && mode === 'createNew') throw fileError('EEXIST', 'open', path)
    if (held?.kind === 'folder') throw fileError('EISDIR', 'open', path)
    if (held === null && mode === 'read') throw fileError('ENOENT', 'open', path)
    const file = held ?? this.#create(path, permissions)
    return this.#handle(file, path, mode !== 'read')
  }

  readFile(path: string): Uint8Array {
    this.#faults.refuseWhenKilled()
    const file = this.#needFile(path, 'open')
    this.#faults.countRead(file.id, path)
    return file.content.toBytes()
  }

  list(path: string): string[] {
    this.#faults.refuseWhenKilled()
    const node = this.#find(path, 'scandir')
    if (node === null) throw fileError('ENOENT', 'scandir', path)
    if (node.kind === 'file') throw fileError('ENOTDIR', 'scandir', path)
    return [...node.entries.keys()]
  }

  stat(path: string): { readonly sizeBytes: number; readonly isFolder: boolean } | null {
    this.#faults.refuseWhenKilled()
    const node = this.#find(path, 'stat')
    if (node === null) return null
    if (node.kind === 'folder') return { sizeBytes: 0, isFolder: true }
    return { sizeBytes: node.content.sizeBytes, isFolder: false }
  }

  makeFolder(path: string): void {
    this.#faults.refuseWhenKilled()
    const names = namesOf(path)
    let folder = this.#log.live.folder(ROOT_ID)
    for (const [depth, name] of names.entries()) {
      const id = folder.entries.get(name)
      const node = id === undefined ? null : (this.#log.live.nodes.get(id) ?? null)
      if (node?.kind === 'file') {
        throw fileError(depth === names.length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      }
      if (node === null) {
        this.#faults.beginChange('mkdir', path)
        this.#faults.refuseWhenFull('mkdir', path)
        const nodeId = this.#nextId++
        this.#log.record({
          kind: 'names',
          changes: [{ folderId: folder.id, name, nodeId, nodeKind: 'folder' }],
        })
        folder = this.#log.live.folder(nodeId)
      } else {
        folder = node
      }
    }
  }

  /** Replaces a file of that name, and an empty folder by a folder. */
  rename(from: string, to: string): void {
    this.#faults.refuseWhenKilled()
    const source = this.#parent(from, 'rename')
    const target = this.#parent(to, 'rename')
    const node = this.#find(from, 'rename')
    if (node === null) throw fileError('ENOENT', 'rename', from)
    const [fromPath, toPath] = [posix.resolve('/', from), posix.resolve('/', to)]
    if (fromPath === toPath) return
    if (toPath.startsWith(`${fromPath}/`)) throw fileError('EINVAL', 'rename', from)
    if (fromPath.startsWith(`${toPath}/`)) throw fileError('ENOTEMPTY', 'rename', to)
    const replaced = this.#find(to, 'rename')
    if (replaced !== null) {
      if (replaced.kind === 'folder' && node.kind === 'file')
        throw fileError('EISDIR', 'rename', to)
      if (replaced.kind === 'file' && node.kind === 'folder')
        throw fileError('ENOTDIR', 'rename', to)
      if (replaced.kind === 'folder' && replaced.entries.size > 0) {
        throw fileError('ENOTEMPTY', 'rename', to)
      }
    }
    this.#faults.beginChange('rename', from)
    const effect = this.#log.record({
      kind: 'names',
      changes: [
        { folderId: source.folder.id, name: source.name, nodeId: null, nodeKind: node.kind },
        { folderId: target.folder.id, name: target.name, nodeId: node.id, nodeKind: node.kind },
      ],
    })
    if (replaced !== null) this.#unlink(replaced, effect)
  }

  /** @throws {ENOTEMPTY} a folder that holds something */
  remove(path: string): void {
    this.#faults.refuseWhenKilled()
    const node = this.#find(path, 'unlink')
    if (node === null) throw fileError('ENOENT', 'unlink', path)
    if (node.kind === 'folder' && node.entries.size > 0) throw fileError('ENOTEMPTY', 'rmdir', path)
    const { folder, name } = this.#parent(path, 'unlink')
    this.#faults.beginChange('unlink', path)
    const effect = this.#log.record({
      kind: 'names',
      changes: [{ folderId: folder.id, name, nodeId: null, nodeKind: node.kind }],
    })
    this.#unlink(node, effect)
  }

  syncFolder(path: string): Promise<void> {
    try {
      this.#faults.refuseWhenKilled()
      const node = this.#find(path, 'fsync')
      if (node === null) throw fileError('ENOENT', 'fsync', path)
      if (node.kind === 'file') throw fileError('ENOTDIR', 'fsync', path)
      return this.#sync(node, path)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #handle(file: FileNode, path: string, isWritable: boolean): FileHandle {
    let isOpen = true
    this.#openFileCount += 1
    this.#openHandles.set(file.id, (this.#openHandles.get(file.id) ?? 0) + 1)
    const begin = (syscall: string, isChange: boolean): void => {
      this.#faults.refuseWhenKilled()
      if (!isOpen || (isChange && !isWritable)) throw fileError('EBADF', syscall, path)
    }
    return {
      read: (target, offset, length, position) => {
        begin('read', false)
        if (position < 0 || length < 0 || offset < 0 || offset + length > target.length) {
          throw fileError('EINVAL', 'read', path)
        }
        this.#faults.countRead(file.id, path)
        return file.content.read(target, offset, length, position)
      },
      write: (bytes, position) => {
        begin('write', true)
        if (position < 0) throw fileError('EINVAL', 'write', path)
        this.#write(file, path, bytes, position)
      },
      truncate: (sizeBytes) => {
        begin('ftruncate', true)
        if (sizeBytes < 0) throw fileError('EINVAL', 'ftruncate', path)
        this.#faults.beginChange('ftruncate', path)
        this.#countGrowth(file, sizeBytes - file.content.sizeBytes)
        this.#log.record({ kind: 'truncate', fileId: file.id, sizeBytes })
      },
      sizeBytes: () => {
        begin('fstat', false)
        return file.content.sizeBytes
      },
      sync: () => {
        try {
          begin('fsync', false)
          return this.#sync(file, path)
        } catch (error) {
          return Promise.reject(error)
        }
      },
      close: () => {
        if (!isOpen) return
        isOpen = false
        this.#openFileCount -= 1
        const stillOpen = (this.#openHandles.get(file.id) ?? 1) - 1
        if (stillOpen > 0) this.#openHandles.set(file.id, stillOpen)
        else this.#openHandles.delete(file.id)
      },
    }
  }

  #create(path: string, permissions: number | undefined): FileNode {
    const { folder, name } = this.#parent(path, 'open')
    this.#faults.beginChange('open', path)
    this.#faults.refuseWhenFull('open', path)
    const nodeId = this.#nextId++
    this.#log.record({
      kind: 'names',
      changes: [{ folderId: folder.id, name, nodeId, nodeKind: 'file' }],
    })
    if (permissions !== undefined) this.#permissions.set(nodeId, permissions)
    return this.#log.live.file(nodeId)
  }

  #write(file: FileNode, path: string, bytes: Uint8Array, position: number): void {
    const wasFull = this.#faults.isFull
    const put = (length: number): void => {
      const end = position + length
      if (length === 0) return
      this.#countGrowth(file, Math.max(0, end - file.content.sizeBytes))
      this.#log.record({ kind: 'write', fileId: file.id, position, bytes: ownCopy(bytes, length) })
    }
    this.#faults.beginChange('write', path, () => put(bytes.length >> 1))
    const growth = Math.max(0, position + bytes.length - file.content.sizeBytes)
    const space = this.#faults.isFull ? 0 : Math.max(0, this.#capacityBytes - this.#usedBytes)
    if (this.#faults.isFull && !wasFull && bytes.length > 1) {
      put(bytes.length >> 1)
      throw shortWrite(bytes.length, bytes.length >> 1, position)
    }
    if (growth > space) {
      const fitting = Math.max(0, bytes.length - (growth - space))
      if (fitting === 0) throw fileError('ENOSPC', 'write', path)
      put(fitting)
      throw shortWrite(bytes.length, fitting, position)
    }
    put(bytes.length)
  }

  async #sync(node: DiskNode, path: string): Promise<void> {
    const covered = this.#log.covered(node.id)
    try {
      this.#faults.beginChange('fsync', path)
    } catch (error) {
      if (!this.#faults.isKilled) this.#log.giveUp(covered)
      throw error
    }
    const complete = this.#options.completeSync ?? queueMicrotask
    await new Promise<void>((resolve) => complete(resolve))
    this.#faults.refuseWhenKilled()
    const gone = this.#log.makeDurable(covered, (id) => this.#openHandles.has(id))
    for (const id of gone) this.#permissions.delete(id)
  }

  #countGrowth(file: FileNode, growthBytes: number): void {
    if (this.#log.hasName(file.id)) this.#usedBytes += growthBytes
  }

  #unlink(node: DiskNode, effect: Effect): void {
    this.#log.unlinked(node, effect)
    if (node.kind === 'file') this.#usedBytes -= node.content.sizeBytes
  }

  /** @throws {ENOTDIR} a file stands where the path needs a folder */
  #find(path: string, syscall: string): DiskNode | null {
    const names = namesOf(path)
    for (let depth = 1; depth < names.length; depth += 1) {
      const above = this.#log.live.find(names.slice(0, depth))
      if (above === null) return null
      if (above.kind === 'file') throw fileError('ENOTDIR', syscall, path)
    }
    return this.#log.live.find(names)
  }

  #needFile(path: string, syscall: string): FileNode {
    const node = this.#find(path, syscall)
    if (node === null) throw fileError('ENOENT', syscall, path)
    if (node.kind === 'folder') throw fileError('EISDIR', syscall, path)
    return node
  }

  #parent(path: string, syscall: string): { readonly folder: FolderNode; readonly name: string } {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw fileError('EINVAL', syscall, path)
    const folder = this.#find(`/${names.join('/')}`, syscall)
    if (folder === null) throw fileError('ENOENT', syscall, path)
    if (folder.kind === 'file') throw fileError('ENOTDIR', syscall, path)
    return { folder, name }
  }

  #fromImage(image: DiskImage, origin: string): MemoryFileSystem {
    const made = new MemoryFileSystem(this.#options, origin)
    made.#capacityBytes = this.#capacityBytes
    made.#log = new EffectLog(image)
    made.#nextId = this.#nextId
    for (const node of image.nodes.values()) {
      if (node.kind === 'file') made.#usedBytes += node.content.sizeBytes
      const permissions = this.#permissions.get(node.id)
      if (permissions !== undefined) made.#permissions.set(node.id, permissions)
    }
    return made
  }
}

/** `slice` of a Buffer would be a view. */
function ownCopy(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, length))
}
