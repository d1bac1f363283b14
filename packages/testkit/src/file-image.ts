/**
 * A disk in memory as a tree of numbered files and folders, and the effects that change it.
 *
 * A `MemoryFileSystem` keeps two images with the same numbers: the live one, which calls read, and
 * the durable one, which a crash can't take away. An effect is applied to the live image at once and
 * to the durable one when it is synced. Names belong to their folder, not to the file: a synced file
 * without a synced name is lost. Effects name files by number, so they apply in any subset: a write
 * whose file was never created lands in a file without a name, which nobody can reach.
 */
import { posix } from 'node:path'

/** Bytes that grow; a copy shares memory with its origin until one of them changes. */
export class FileBytes {
  #bytes: Uint8Array
  #sizeBytes: number
  #isShared: boolean

  constructor(bytes: Uint8Array = new Uint8Array(0), sizeBytes = bytes.length, isShared = false) {
    this.#bytes = bytes
    this.#sizeBytes = sizeBytes
    this.#isShared = isShared
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  copy(): FileBytes {
    this.#isShared = true
    return new FileBytes(this.#bytes, this.#sizeBytes, true)
  }

  /** The content in memory of its own. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#sizeBytes)
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#sizeBytes)
    if (end <= position) return 0
    target.set(this.#bytes.subarray(position, end), offset)
    return end - position
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    const end = position + bytes.length
    this.#own(Math.max(end, this.#sizeBytes))
    if (position > this.#sizeBytes) this.#bytes.fill(0, this.#sizeBytes, position)
    this.#bytes.set(bytes, position)
    this.#sizeBytes = Math.max(end, this.#sizeBytes)
  }

  resize(sizeBytes: number): void {
    if (sizeBytes > this.#sizeBytes) {
      this.#own(sizeBytes)
      this.#bytes.fill(0, this.#sizeBytes, sizeBytes)
    }
    this.#sizeBytes = sizeBytes
  }

  #own(neededBytes: number): void {
    if (!this.#isShared && this.#bytes.length >= neededBytes) return
    const isGrowing = this.#bytes.length < neededBytes
    const grown = new Uint8Array(isGrowing ? Math.max(neededBytes * 2, 64) : this.#bytes.length)
    grown.set(this.#bytes.subarray(0, this.#sizeBytes))
    this.#bytes = grown
    this.#isShared = false
  }
}

export interface FileNode {
  readonly kind: 'file'
  readonly id: number
  readonly content: FileBytes
}

export interface FolderNode {
  readonly kind: 'folder'
  readonly id: number
  readonly entries: Map<string, number>
}

export type DiskNode = FileNode | FolderNode

/** `nodeId` null takes the name away. */
export interface NameChange {
  readonly folderId: number
  readonly name: string
  readonly nodeId: number | null
  readonly nodeKind: DiskNode['kind']
}

export type Change =
  | {
      readonly kind: 'write'
      readonly fileId: number
      readonly position: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly fileId: number; readonly sizeBytes: number }
  /** All of it or nothing: a rename is atomic. */
  | { readonly kind: 'names'; readonly changes: readonly NameChange[] }

/** Numbers of the files or folders that a change is in. */
export function placesOf(change: Change): readonly number[] {
  return change.kind === 'names' ? change.changes.map((one) => one.folderId) : [change.fileId]
}

export const ROOT_ID = 0

/** The names in a POSIX path, from the root on; none for the root. */
export function namesOf(path: string): string[] {
  return posix
    .resolve('/', path)
    .split('/')
    .filter((name) => name !== '')
}

export class DiskImage {
  readonly nodes = new Map<number, DiskNode>()

  constructor() {
    this.folder(ROOT_ID)
  }

  /** The file with this number, made empty where missing. */
  file(id: number): FileNode {
    const held = this.nodes.get(id)
    if (held?.kind === 'file') return held
    const made: FileNode = { kind: 'file', id, content: new FileBytes() }
    this.nodes.set(id, made)
    return made
  }

  /** The folder with this number, made empty where missing. */
  folder(id: number): FolderNode {
    const held = this.nodes.get(id)
    if (held?.kind === 'folder') return held
    const made: FolderNode = { kind: 'folder', id, entries: new Map() }
    this.nodes.set(id, made)
    return made
  }

  /** The file or folder that these names lead to from the root, or null. */
  find(names: readonly string[]): DiskNode | null {
    let node: DiskNode | undefined = this.nodes.get(ROOT_ID)
    for (const name of names) {
      if (node?.kind !== 'folder') return null
      const id = node.entries.get(name)
      node = id === undefined ? undefined : this.nodes.get(id)
    }
    return node ?? null
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'write':
        this.file(change.fileId).content.write(change.bytes, change.position)
        return
      case 'truncate':
        this.file(change.fileId).content.resize(change.sizeBytes)
        return
      case 'names':
        for (const { folderId, name, nodeId, nodeKind } of change.changes) {
          const folder = this.folder(folderId)
          if (nodeId === null) {
            folder.entries.delete(name)
            continue
          }
          if (nodeKind === 'file') this.file(nodeId)
          else this.folder(nodeId)
          folder.entries.set(name, nodeId)
        }
    }
  }

  /** A copy that later changes of either side don't reach. */
  copy(): DiskImage {
    const copy = new DiskImage()
    for (const [id, node] of this.nodes) {
      copy.nodes.set(
        id,
        node.kind === 'file'
          ? { kind: 'file', id, content: node.content.copy() }
          : { kind: 'folder', id, entries: new Map(node.entries) },
      )
    }
    return copy
  }

  /** Forgets what no name leads to. */
  prune(): void {
    const reached = new Set<number>([ROOT_ID])
    const waiting = [ROOT_ID]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const node = this.nodes.get(id)
      if (node?.kind !== 'folder') continue
      for (const child of node.entries.values()) {
        if (reached.has(child)) continue
        reached.add(child)
        waiting.push(child)
      }
    }
    for (const id of this.nodes.keys()) if (!reached.has(id)) this.nodes.delete(id)
  }
}
