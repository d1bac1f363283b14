/**
 * The part of a log that lies in block files.
 *
 * A log is a row of frames, and offsets are places in that row. Blocks hold the oldest frames of it,
 * byte for byte once they are decoded; the file `log` then begins with a head that says which blocks
 * stand before its own first frame. So sealing and unsealing move bytes and no offsets, and replacing
 * the one file decides which blocks count.
 *
 *   0  8 bytes 'DUNBARSL'
 *   8  u32     format version
 *  12  u32     crc32c over everything behind this field
 *  16  u32     bytes of the head
 *  20  u32     number of blocks
 *  24  u32     layout: 0 where the frames lie as they were appended; anew each time they were put in order
 *  28  u32     0
 *  32  a block each: u32 file number · u32 last sequence · u32 offset behind its last frame · u32 bytes of the file
 *
 * All numbers are little-endian. No frame begins like this: its length is below 65,537. Blocks hold
 * the messages 1, 2, 3 … without a gap.
 */
import type { Random } from '@dunbar/actor'
import { MAX_SEQUENCE } from '@dunbar/core'
import { crc32c } from '@node-rs/crc32'
import { viewOf } from './frame.js'

const MAGIC = Buffer.from('DUNBARSL', 'latin1')
const VERSION = 1
const CRC_OFFSET = 12
const SUMMED_OFFSET = 16
const FIXED_BYTES = 32
const ENTRY_BYTES = 16
/** Far beyond the blocks of a log of 4 GiB. */
const MAX_BLOCKS = 65_536
/** No head is longer. */
export const MAX_HEAD_BYTES = FIXED_BYTES + MAX_BLOCKS * ENTRY_BYTES

/** Layout of a log that lost its head. No head has it. */
const SALVAGED_LAYOUT = 0xffffffff

/** A layout that no other log state of a feed has: neither that of appended frames nor that of a lost head. */
export const newLayout = (random: Random): number =>
  Math.max(1, viewOf(random.bytes(4)).getUint32(0) >>> 1)

/** One block file of a feed. */
export interface SealedEntry {
  /** In the name of the file; never used twice while the feed's folder stays. */
  readonly number: number
  readonly firstSequence: number
  readonly lastSequence: number
  /** Offset of its first frame in the log. */
  readonly start: number
  /** Offset behind its last frame. */
  readonly end: number
  /** Size of the file. */
  readonly fileBytes: number
}

/** What a block adds to those before it. */
export type NextEntry = Pick<SealedEntry, 'number' | 'lastSequence' | 'fileBytes'> & {
  /** Bytes of its frames. */
  readonly frameBytes: number
}

/** A head, or why bytes are none. */
export type ReadHead =
  | { readonly ok: true; readonly part: SealedPart }
  /** They do not begin like one. */
  | { readonly ok: false; readonly reason: 'none' }
  | { readonly ok: false; readonly reason: 'damaged' }

export class SealedPart {
  readonly entries: readonly SealedEntry[]
  readonly layout: number
  /** Of all block files together. */
  readonly fileBytes: number
  /** Bytes of the head: where the frames begin in the file. */
  readonly headBytes: number

  private constructor(entries: readonly SealedEntry[], layout: number) {
    this.entries = entries
    this.layout = layout
    const isSalvaged = layout === SALVAGED_LAYOUT
    this.headBytes = isSalvaged ? 0 : FIXED_BYTES + entries.length * ENTRY_BYTES
    this.fileBytes = entries.reduce((sum, entry) => sum + entry.fileBytes, 0)
  }

  static empty(layout: number): SealedPart {
    return new SealedPart([], layout)
  }

  /** Of a log that lost its head: its file is read from its first byte on. */
  static salvaged(next: readonly NextEntry[]): SealedPart {
    return SealedPart.empty(SALVAGED_LAYOUT).replaced(0, next)
  }

  get isSalvaged(): boolean {
    return this.layout === SALVAGED_LAYOUT
  }

  /** The same blocks with a head to write before an empty file. */
  get withHead(): SealedPart {
    const sum = crc32c(SealedPart.empty(0).replaced(0, this.#next()).encode())
    return SealedPart.empty(Math.max(1, sum >>> 1)).replaced(0, this.#next())
  }

  /** The first `count` blocks, and further ones behind them. */
  replaced(count: number, next: readonly NextEntry[], layout = this.layout): SealedPart {
    const entries = this.entries.slice(0, count)
    for (const { number, lastSequence, frameBytes, fileBytes } of next) {
      const before = entries.at(-1)
      const start = before?.end ?? 0
      const firstSequence = (before?.lastSequence ?? 0) + 1
      entries.push({
        number,
        firstSequence,
        lastSequence,
        start,
        end: start + frameBytes,
        fileBytes,
      })
    }
    return new SealedPart(entries, layout)
  }

  /** Offset behind the last sealed frame: where the frames of the file begin. */
  get end(): number {
    return this.entries.at(-1)?.end ?? 0
  }

  get lastSequence(): number {
    return this.entries.at(-1)?.lastSequence ?? 0
  }

  #next(): NextEntry[] {
    return this.entries.map(({ number, lastSequence, start, end, fileBytes }) => {
      return { number, lastSequence, frameBytes: end - start, fileBytes }
    })
  }

  /** The place among `entries` of the block that holds an offset; -1 for none. */
  indexAt(offset: number): number {
    if (offset >= this.end) return -1
    let from = 0
    let to = this.entries.length - 1
    while (from < to) {
      const middle = (from + to) >>> 1
      if (offset < this.entries[middle]!.end) to = middle
      else from = middle + 1
    }
    return from
  }

  /** The head that stands for this. */
  encode(): Uint8Array {
    const head = new Uint8Array(this.headBytes)
    const view = viewOf(head)
    head.set(MAGIC)
    view.setUint32(8, VERSION, true)
    view.setUint32(16, head.length, true)
    view.setUint32(20, this.entries.length, true)
    view.setUint32(24, this.layout, true)
    let at = FIXED_BYTES
    for (const { number, lastSequence, end, fileBytes } of this.entries) {
      view.setUint32(at, number, true)
      view.setUint32(at + 4, lastSequence, true)
      view.setUint32(at + 8, end, true)
      view.setUint32(at + 12, fileBytes, true)
      at += ENTRY_BYTES
    }
    view.setUint32(CRC_OFFSET, crc32c(head.subarray(SUMMED_OFFSET)), true)
    return head
  }

  /**
   * Reads the head of a log.
   * @param read gives the first bytes of the file, fewer where it is shorter
   */
  static decode(read: (sizeBytes: number) => Uint8Array): ReadHead {
    const fixed = read(FIXED_BYTES)
    if (!MAGIC.equals(fixed.subarray(0, MAGIC.length))) return { ok: false, reason: 'none' }
    const damaged = { ok: false, reason: 'damaged' } as const
    if (fixed.length < FIXED_BYTES) return damaged
    const headBytes = viewOf(fixed).getUint32(16, true)
    if (headBytes < FIXED_BYTES || headBytes > MAX_HEAD_BYTES) return damaged
    const head = read(headBytes)
    if (head.length < headBytes) return damaged
    const view = viewOf(head)
    if (view.getUint32(CRC_OFFSET, true) !== crc32c(head.subarray(SUMMED_OFFSET))) return damaged
    if (view.getUint32(8, true) !== VERSION) return damaged
    const count = view.getUint32(20, true)
    if (headBytes !== FIXED_BYTES + count * ENTRY_BYTES) return damaged
    const next: NextEntry[] = []
    let end = 0
    let last = 0
    for (let at = FIXED_BYTES; at < headBytes; at += ENTRY_BYTES) {
      const lastSequence = view.getUint32(at + 4, true)
      const frameBytes = view.getUint32(at + 8, true) - end
      if (lastSequence <= last || lastSequence > MAX_SEQUENCE || frameBytes <= 0) return damaged
      end += frameBytes
      last = lastSequence
      const number = view.getUint32(at, true)
      next.push({ number, lastSequence, frameBytes, fileBytes: view.getUint32(at + 12, true) })
    }
    return { ok: true, part: SealedPart.empty(view.getUint32(24, true)).replaced(0, next) }
  }
}
