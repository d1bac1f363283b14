/**
 * The derived state of a shard in one file.
 *
 *   0  8 bytes  'DUNBARIX'
 *   8  u32      format version
 *  12  u32      crc32c of the manifest
 *  16  f64      where the manifest begins
 *  24  u32      bytes of the manifest
 *  28  u32      crc32c of bytes 0 to 28
 *  32  sections: columns as raw little-endian memory, or JSON
 *      manifest: JSON { builders: { name: version }, sections: [{ name, offset, sizeBytes, crc }] }
 *
 * Written to another name, some MiB a turn, then synced and renamed. A column that is only ever
 * appended to is written from the memory in use, up to the count that it had when the snapshot
 * began; one that changes in place is copied at that moment, so that all sections tell of the same
 * moment. Whatever is not as it should be when the file is read makes it void: the logs are the
 * truth.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import { crc32c } from '@node-rs/crc32'
import { parentOf, removeIfThere, removeQuietly } from './atomic-file.js'
import type { Column } from './columns.js'
import { storeFailure } from './store-error.js'

const MAGIC = 'DUNBARIX'
const FORMAT_VERSION = 1
const HEADER_BYTES = 32
/** Some hundred sections of a hundred bytes each are far below. */
const MAX_MANIFEST_BYTES = 1024 * 1024
/** Written between two turns of others: about a millisecond. */
const SLICE_BYTES = 1024 * 1024

/** Sections below this are written together. */
const GATHERED_BYTES = 64 * 1024

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

interface Section {
  readonly name: string
  readonly offset: number
  readonly sizeBytes: number
  readonly crc: number
}

/** Raised by a `SnapshotReader` and by those who read with it: the file, or a part of it, is void. */
export class SnapshotVoid extends Error {
  override readonly name = 'SnapshotVoid'
}

/** Takes the state down at one moment; `writeSnapshot` brings it to the disk. */
export class SnapshotWriter {
  readonly sections: { readonly name: string; readonly bytes: Uint8Array }[] = []
  readonly builders: Record<string, number> = {}

  /** The first `count` entries of a column whose entries never change. */
  column(name: string, column: Column, count: number): void {
    const sizeBytes = count * column.BYTES_PER_ELEMENT
    this.sections.push({ name, bytes: new Uint8Array(column.buffer, column.byteOffset, sizeBytes) })
  }

  /** The first `count` entries of a column whose entries change: copied. */
  changingColumn(name: string, column: Column, count: number): void {
    this.column(name, column.slice(0, count), count)
  }

  json(name: string, value: unknown): void {
    this.sections.push({ name, bytes: Buffer.from(JSON.stringify(value), 'utf8') })
  }

  builder(name: string, version: number): void {
    this.builders[name] = version
  }
}

/**
 * Writes a snapshot in the place of the one before. `pause` lets others work between slices. On a
 * machine with another order of bytes nothing is written.
 * @throws {STORE_FULL} @throws {STORE_FAILED} the snapshot before stays
 */
export async function writeSnapshot(
  fs: FileSystem,
  path: string,
  writer: SnapshotWriter,
  pause: () => Promise<void>,
): Promise<void> {
  if (!isLittleEndian) return
  const made = `${path}.new`
  let handle: FileHandle | null = null
  try {
    fs.makeFolder(parentOf(path))
    removeIfThere(fs, made)
    handle = fs.open(made, 'createNew')
    const output = new SlicedOutput(handle, HEADER_BYTES, pause)
    const sections: Section[] = []
    for (const { name, bytes } of writer.sections) {
      sections.push({ name, offset: output.position, sizeBytes: bytes.length, crc: crc32c(bytes) })
      await output.write(bytes)
    }
    const manifest = Buffer.from(JSON.stringify({ builders: writer.builders, sections }), 'utf8')
    const position = output.position
    await output.write(manifest)
    output.flush()
    handle.write(encodeHeader(position, manifest), 0)
    await handle.sync()
    handle.close()
    handle = null
    fs.rename(made, path)
    await fs.syncFolder(parentOf(path))
  } catch (error) {
    handle?.close()
    removeQuietly(fs, made)
    throw storeFailure(error, 'writing the derived state')
  }
}

/** Gathers small pieces and writes large ones in slices, with a pause for others after each slice. */
class SlicedOutput {
  readonly #handle: FileHandle
  readonly #pause: () => Promise<void>
  readonly #gathered = new Uint8Array(GATHERED_BYTES)
  #gatheredCount = 0
  /** Where the next piece begins. */
  position: number

  constructor(handle: FileHandle, position: number, pause: () => Promise<void>) {
    this.#handle = handle
    this.position = position
    this.#pause = pause
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length > GATHERED_BYTES - this.#gatheredCount) this.flush()
    if (bytes.length <= GATHERED_BYTES) {
      this.#gathered.set(bytes, this.#gatheredCount)
      this.#gatheredCount += bytes.length
      this.position += bytes.length
      return
    }
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES)
      this.#handle.write(slice, this.position)
      this.position += slice.length
      await this.#pause()
    }
  }

  flush(): void {
    if (this.#gatheredCount === 0) return
    const gathered = this.#gathered.subarray(0, this.#gatheredCount)
    this.#handle.write(gathered, this.position - this.#gatheredCount)
    this.#gatheredCount = 0
  }
}

/** Reads sections of a snapshot, each checked as it is read. Close it afterwards. */
export class SnapshotReader {
  readonly #handle: FileHandle
  readonly #sections: ReadonlyMap<string, Section>
  readonly builders: Readonly<Record<string, number>>

  /** Opens a snapshot; null where there is none. @throws {SnapshotVoid} @throws errors of the file system */
  static open(fs: FileSystem, path: string): SnapshotReader | null {
    if (fs.stat(path) === null) return null
    if (!isLittleEndian) throw new SnapshotVoid('this machine has another order of bytes')
    const handle = fs.open(path, 'read')
    try {
      return new SnapshotReader(handle)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  private constructor(handle: FileHandle) {
    this.#handle = handle
    const { sections, builders } = readManifest(handle)
    this.#sections = new Map(sections.map((section) => [section.name, section]))
    this.builders = builders
  }

  /** How many entries of `bytesPerEntry` bytes a section has. */
  count(name: string, bytesPerEntry: number): number {
    return this.#section(name).sizeBytes / bytesPerEntry
  }

  /** Reads a column into the memory given, which has room for it; it must have `count` entries. */
  column(name: string, target: Column, count: number): void {
    const section = this.#section(name)
    if (section.sizeBytes !== count * target.BYTES_PER_ELEMENT || count > target.length) {
      throw new SnapshotVoid(`${name} has another length than the table`)
    }
    this.#read(section, new Uint8Array(target.buffer, target.byteOffset, section.sizeBytes))
  }

  json(name: string): unknown {
    const section = this.#section(name)
    const bytes = new Uint8Array(section.sizeBytes)
    this.#read(section, bytes)
    return parseJson(bytes)
  }

  close(): void {
    this.#handle.close()
  }

  #section(name: string): Section {
    const section = this.#sections.get(name)
    if (section === undefined) throw new SnapshotVoid(`${name} is missing`)
    return section
  }

  #read(section: Section, target: Uint8Array): void {
    const read = this.#handle.read(target, 0, target.length, section.offset)
    if (read !== target.length) throw new SnapshotVoid(`${section.name} is cut short`)
    if (crc32c(target) !== section.crc) throw new SnapshotVoid(`${section.name} is damaged`)
  }
}

function encodeHeader(manifestOffset: number, manifest: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  header.set(Buffer.from(MAGIC, 'latin1'))
  view.setUint32(8, FORMAT_VERSION, true)
  view.setUint32(12, crc32c(manifest), true)
  view.setFloat64(16, manifestOffset, true)
  view.setUint32(24, manifest.length, true)
  view.setUint32(28, crc32c(header.subarray(0, 28)), true)
  return header
}

function readManifest(handle: FileHandle): {
  sections: readonly Section[]
  builders: Readonly<Record<string, number>>
} {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  if (handle.read(header, 0, HEADER_BYTES, 0) !== HEADER_BYTES) {
    throw new SnapshotVoid('the header is cut short')
  }
  if (view.getUint32(28, true) !== crc32c(header.subarray(0, 28))) {
    throw new SnapshotVoid('the header is damaged')
  }
  if (Buffer.from(header.subarray(0, 8)).toString('latin1') !== MAGIC) {
    throw new SnapshotVoid('the file is no snapshot')
  }
  if (view.getUint32(8, true) !== FORMAT_VERSION) throw new SnapshotVoid('another format version')
  const sizeBytes = handle.sizeBytes()
  const offset = view.getFloat64(16, true)
  const length = view.getUint32(24, true)
  if (length > MAX_MANIFEST_BYTES || !(offset >= HEADER_BYTES && offset + length <= sizeBytes)) {
    throw new SnapshotVoid('the manifest is cut short')
  }
  const bytes = new Uint8Array(length)
  if (
    handle.read(bytes, 0, length, offset) !== length ||
    crc32c(bytes) !== view.getUint32(12, true)
  ) {
    throw new SnapshotVoid('the manifest is damaged')
  }
  const { sections, builders } = parseJson(bytes) as {
    sections: Section[]
    builders: Record<string, number>
  }
  for (const section of sections) {
    if (!(section.offset >= HEADER_BYTES && section.offset + section.sizeBytes <= offset)) {
      throw new SnapshotVoid(`${section.name} is out of bounds`)
    }
  }
  return { sections, builders }
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
}
