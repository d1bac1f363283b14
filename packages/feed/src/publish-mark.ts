/**
 * The own feed's high-water mark: the highest sequence ever signed here, with its key, in a small
 * synced file outside the feed's folder. It tells a restored or rolled-back log from a whole one.
 *
 * Two slots of 40 bytes, each in a disk sector of its own (offsets 0 and 512):
 *   0  u32 sequence · 32-byte key · u32 crc32c over the 36 bytes before
 * An update writes the slot that does not hold the mark, then syncs: a torn write leaves the other
 * one. The higher of the valid slots is the mark. After a failed sync the file is not trusted any
 * more and is replaced as a whole.
 */
import type { FileHandle, FileSystem } from '@dunbar/actor'
import { MAX_SEQUENCE, type Sequence } from '@dunbar/core'
import { crc32c } from '@node-rs/crc32'
import { parentOf, replaceFile } from './atomic-file.js'
import { bytesEqual } from './frame.js'
import { StoreError, storeFailure, systemCode } from './store-error.js'

export interface Mark {
  /** 0 where nothing was published yet. */
  readonly sequence: Sequence
  /** 32 bytes; at sequence 0 the public key of the identity instead of a message's key. */
  readonly keyBytes: Uint8Array
}

const SLOT_BYTES = 40
const SLOT_OFFSETS = [0, 512] as const
const FILE_BYTES = 1024

export class PublishMark {
  readonly #fs: FileSystem
  readonly #path: string
  #handle: FileHandle | null = null
  #mark: Mark | null = null
  #slot = 0
  #isReplacing = false
  #isDamaged = false
  #writing: Promise<void> = Promise.resolve()

  /**
   * Reads the mark; touches the disk. A missing file is a mark of null.
   * @throws {STORE_FAILED} the file is there and can't be read
   */
  constructor(fs: FileSystem, path: string) {
    this.#fs = fs
    this.#path = path
    const bytes = readWhole(fs, path)
    if (bytes === null) {
      this.#isReplacing = true
      return
    }
    for (const [slot, offset] of SLOT_OFFSETS.entries()) {
      const mark = decodeSlot(bytes.subarray(offset, offset + SLOT_BYTES))
      if (mark === null || mark.sequence <= (this.#mark?.sequence ?? -1)) continue
      this.#mark = mark
      this.#slot = slot
    }
    this.#isDamaged = this.#mark === null
    this.#isReplacing = this.#isDamaged || bytes.length !== FILE_BYTES
  }

  /** The newest mark that is on the disk; null for none. */
  read(): Mark | null {
    return this.#mark
  }

  /** There is a file, and none of its slots can be read. The next `raise` replaces it. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  /**
   * Resolves when the mark is on the disk. Calls are done one after the other.
   * @throws {MARK_BACKWARD} a lower sequence than the mark, or the same one with another key
   * @throws {STORE_FULL} nothing of the new mark is on the disk
   * @throws {STORE_FAILED} either mark may be on the disk; the next `raise` replaces the file
   */
  raise(sequence: Sequence, keyBytes: Uint8Array): Promise<void> {
    const own = { sequence, keyBytes: new Uint8Array(keyBytes) }
    const written = this.#writing.then(() => this.#write(own))
    this.#writing = written.catch(() => undefined)
    return written
  }

  /**
   * Sets the mark to what the user says was published last, also below what it was: an earlier mark
   * that is above it is kept beside it, as `createPublishMark` does. Resolves when it is on the disk.
   * @param keyBytes at sequence 0 the public key of the identity
   * @throws {STORE_FULL} @throws {STORE_FAILED} either mark may be on the disk, or none
   */
  reset(sequence: Sequence, keyBytes: Uint8Array): Promise<void> {
    const own = { sequence, keyBytes: new Uint8Array(keyBytes) }
    const written = this.#writing.then(() => this.#overwrite(own))
    this.#writing = written.catch(() => undefined)
    return written
  }

  close(): void {
    this.#handle?.close()
    this.#handle = null
  }

  async #write(mark: Mark): Promise<void> {
    const held = this.#mark
    if (!Number.isInteger(mark.sequence) || mark.sequence < 1 || mark.sequence > MAX_SEQUENCE) {
      throw new StoreError('STORE_ENTRY_INVALID', 'a mark has a sequence from 1 on', {})
    }
    if (held !== null && mark.sequence <= held.sequence) {
      const isSame = mark.sequence === held.sequence && bytesEqual(mark.keyBytes, held.keyBytes)
      if (isSame) return
      throw new StoreError('MARK_BACKWARD', 'the publish mark only goes up', {
        held: held.sequence,
        given: mark.sequence,
      })
    }
    const slot = held === null ? 0 : 1 - this.#slot
    if (this.#isReplacing) await this.#replace(mark, slot)
    else await this.#writeSlot(mark, slot)
    this.#mark = mark
    this.#slot = slot
    this.#isDamaged = false
  }

  async #overwrite(mark: Mark): Promise<void> {
    this.close()
    this.#isReplacing = true
    const held = this.#mark
    if (held !== null && held.sequence > mark.sequence) {
      await keepBeside(this.#fs, this.#path, held)
    }
    await replaceFile(this.#fs, this.#path, fileOf(mark), 0o600)
    this.#isReplacing = false
    this.#isDamaged = false
    this.#mark = mark
    this.#slot = 0
  }

  async #writeSlot(mark: Mark, slot: number): Promise<void> {
    const doing = 'writing the publish mark'
    let hasBegun = false
    try {
      this.#handle ??= this.#fs.open(this.#path, 'readWrite')
      hasBegun = true
      this.#handle.write(encodeSlot(mark), SLOT_OFFSETS[slot]!)
      await this.#handle.sync()
    } catch (error) {
      this.#isReplacing = true
      this.close()
      // Also without room the slot may have reached the disk: "full" would say that nothing did.
      throw hasBegun ? uncertainFailure(error, doing) : storeFailure(error, doing)
    }
  }

  async #replace(mark: Mark, slot: number): Promise<void> {
    this.close()
    const bytes = new Uint8Array(FILE_BYTES)
    if (this.#mark !== null) bytes.set(encodeSlot(this.#mark), SLOT_OFFSETS[1 - slot]!)
    bytes.set(encodeSlot(mark), SLOT_OFFSETS[slot]!)
    try {
      await replaceFile(this.#fs, this.#path, bytes, 0o600)
    } catch (error) {
      // The new file may already have its name, with only the folder's sync failed.
      if (this.#isUntouchedBy(bytes)) throw error
      throw uncertainFailure(error, 'replacing the publish mark')
    }
    this.#isReplacing = false
  }

  #isUntouchedBy(bytes: Uint8Array): boolean {
    try {
      const found = readWhole(this.#fs, this.#path)
      return found === null || !bytesEqual(found, bytes)
    } catch {
      return false
    }
  }
}

/** A failure of a write that may be on the disk all the same. */
function uncertainFailure(error: unknown, doing: string): StoreError {
  const code = systemCode(error instanceof StoreError ? error.cause : error)
  const data = { doing, systemCode: code }
  return new StoreError('STORE_FAILED', `the disk failed: ${doing}`, data, { cause: error })
}

function readWhole(fs: FileSystem, path: string): Uint8Array | null {
  try {
    const found = fs.stat(path)
    if (found === null) return null
    // A file of another size is not ours; reading it bounded keeps a huge one out of memory.
    if (found.sizeBytes > FILE_BYTES) return new Uint8Array(0)
    return fs.readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw storeFailure(error, 'reading the publish mark')
  }
}

function encodeSlot(mark: Mark): Uint8Array {
  const slot = new Uint8Array(SLOT_BYTES)
  const view = new DataView(slot.buffer)
  view.setUint32(0, mark.sequence, true)
  slot.set(mark.keyBytes.subarray(0, 32), 4)
  view.setUint32(36, crc32c(slot.subarray(0, 36)), true)
  return slot
}

function decodeSlot(slot: Uint8Array): Mark | null {
  if (slot.length < SLOT_BYTES) return null
  const view = new DataView(slot.buffer, slot.byteOffset, SLOT_BYTES)
  if (view.getUint32(36, true) !== crc32c(slot.subarray(0, 36))) return null
  const sequence = view.getUint32(0, true)
  if (sequence > MAX_SEQUENCE) return null
  return { sequence, keyBytes: new Uint8Array(slot.subarray(4, 36)) }
}

/**
 * Writes the mark of a new identity: nothing was published yet. It names the identity, so that it
 * says nothing about another secret that is put in the place of the new one. The mark of an identity
 * that has published is kept beside it, as `<path>.<sequence>-<first 8 hex digits of its key>`: its
 * secret may come back. Write the mark before the secret: a secret without a mark counts as one that
 * came from elsewhere.
 * @param publicKey 32 bytes
 * @throws {STORE_FULL} @throws {STORE_FAILED}
 */
export async function createPublishMark(
  fs: FileSystem,
  path: string,
  publicKey: Uint8Array,
): Promise<void> {
  const earlier = new PublishMark(fs, path).read()
  if (earlier !== null && earlier.sequence > 0) await keepBeside(fs, path, earlier)
  await replaceFile(fs, path, fileOf({ sequence: 0, keyBytes: publicKey }), 0o600)
}

/** A file with one mark, in the first slot. */
function fileOf(mark: Mark): Uint8Array {
  const bytes = new Uint8Array(FILE_BYTES)
  bytes.set(encodeSlot(mark), SLOT_OFFSETS[0])
  return bytes
}

async function keepBeside(fs: FileSystem, path: string, mark: Mark): Promise<void> {
  const digits = Buffer.from(mark.keyBytes.subarray(0, 4)).toString('hex')
  try {
    fs.rename(path, `${path}.${mark.sequence}-${digits}`)
    // On the disk before the new mark takes the name.
    await fs.syncFolder(parentOf(path))
  } catch (error) {
    throw storeFailure(error, 'keeping an earlier publish mark')
  }
}
