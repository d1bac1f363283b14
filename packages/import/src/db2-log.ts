/**
 * Reads the log of ssb-db2, `db2/log.bipf`. Blocks of 65,536 bytes; in a block one record behind
 * the other, none across two blocks:
 *
 *   u16le length · BIPF {key, value, timestamp, …}        length 0 = nothing more in this block
 *
 * A deleted record is zero behind its length. A length that leads out of its block makes the rest
 * of the block unreadable; the next block is not touched by that.
 *
 * @source ssb-ngi-pointer/async-append-only-log
 */
import { BatchBuilder } from './batch-builder.js'
import { bipfToText, isBipfObject, maxTextBytes } from './bipf-text.js'
import { openBytes, windows } from './byte-stream.js'
import type { RecordBatch } from './source.js'

export const BLOCK_BYTES = 65_536
const LENGTH_BYTES = 2
/** Small, so that printing the records of one window keeps the thread for a few ms at most. */
const CHUNK_BYTES = 4 * BLOCK_BYTES
/** Room for the texts of a window; texts are about as long as their BIPF. */
const ARENA_BYTES = 2 * CHUNK_BYTES

/** Memory that the texts of one batch are written to, one behind the other. */
class Arena {
  #buffer = Buffer.allocUnsafeSlow(ARENA_BYTES)
  #used = 0

  /** A buffer and the place in it where `sizeBytes` are free. */
  reserve(sizeBytes: number): { buffer: Buffer; start: number } {
    if (this.#buffer.length - this.#used < sizeBytes) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(ARENA_BYTES, sizeBytes))
      this.#used = 0
    }
    return { buffer: this.#buffer, start: this.#used }
  }

  use(end: number): void {
    this.#used = end
  }

  /** Everything handed out is free again. */
  reset(): void {
    this.#used = 0
  }
}

/** Reads an ssb-db2 log from the begin of a record on. */
export async function* readDb2Log(
  path: string,
  fromOffset: number,
): AsyncGenerator<RecordBatch, void, void> {
  const firstBlock = fromOffset - (fromOffset % BLOCK_BYTES)
  const stream = await openBytes(path, firstBlock)
  const builder = new BatchBuilder()
  const arena = new Arena()
  let offset = fromOffset
  let position = fromOffset
  const where = () => `byte ${offset}`

  const takeRecord = (bytes: Buffer, start: number, end: number): void => {
    const { buffer, start: textStart } = arena.reserve(maxTextBytes(end - start))
    const textEnd = bipfToText(bytes, start, end, buffer, textStart)
    if (typeof textEnd === 'string') {
      builder.reject(textEnd, where())
      return
    }
    arena.use(textEnd)
    builder.takeText(buffer, textStart, textEnd, offset, where)
  }

  for await (const window of windows(stream, CHUNK_BYTES, 0)) {
    const { bytes, start: windowStart } = window
    const toOffset = window.offset - windowStart
    arena.reset()
    for (let block = windowStart; block < bytes.length; block += BLOCK_BYTES) {
      const blockEnd = Math.min(block + BLOCK_BYTES, bytes.length)
      const isCutOff = blockEnd - block < BLOCK_BYTES
      let at = Math.max(block, fromOffset - toOffset)
      while (at + LENGTH_BYTES <= blockEnd) {
        offset = at + toOffset
        const length = bytes.readUInt16LE(at)
        if (length === 0) break
        const start = at + LENGTH_BYTES
        const end = start + length
        if (end > blockEnd) {
          if (isCutOff) break
          builder.reject('DAMAGED', where())
          at = blockEnd
          break
        }
        if (bytes[start] === 0) builder.countDeleted()
        else takeRecord(bytes, start, end)
        at = end
      }
      position = at + toOffset
      if (isCutOff) builder.reject('TRUNCATED', `byte ${position}`)
    }
    yield builder.finish(position, window.progressBytes)
  }
}

/** Whether a file begins with a block of records; `head` holds its first bytes, at most all of it. */
export function looksLikeDb2Log(head: Buffer): boolean {
  let at = 0
  const end = Math.min(head.length, BLOCK_BYTES)
  let objects = 0
  while (at + LENGTH_BYTES <= end) {
    const length = head.readUInt16LE(at)
    if (length === 0) break
    const start = at + LENGTH_BYTES
    if (start + length > end) return objects > 0 && head.length < BLOCK_BYTES
    if (isBipfObject(head, start, start + length)) objects++
    else if (head[start] !== 0) return false
    at = start + length
  }
  return objects > 0
}
