/**
 * Reads the log of ssb-db, `flume/log.offset`. One frame behind the other:
 *
 *   u32be length · JSON {key,value,timestamp} · u32be length · u32be offset of the next frame
 *
 * The last word makes every frame's end recognisable. A frame whose words contradict each other is
 * damaged: reading goes on behind the next four bytes that state their own offset. Deleted records
 * are overwritten with zero bytes.
 *
 * @source ssbc/flumelog-aligned-offset
 */
import { BatchBuilder } from './batch-builder.js'
import { openBytes, windows } from './byte-stream.js'
import { MAX_RECORD_BYTES, type RecordBatch } from './source.js'

const CHUNK_BYTES = 1024 * 1024
const WORD_BYTES = 4
const FRAME_BYTES = 3 * WORD_BYTES
/** A log of this codec ends where its offsets do. */
const MAX_OFFSET = 0xffffffff

/** Behind the end of the first whole frame that begins at or behind `from`, by the word that ends it; -1 for none. */
function nextFrameEnd(bytes: Buffer, from: number, toOffset: number): number {
  for (let at = from; at + WORD_BYTES <= bytes.length; at++) {
    if (bytes.readUInt32BE(at) === at + WORD_BYTES + toOffset) return at + WORD_BYTES
  }
  return -1
}

/** Reads an ssb-db log from the begin of a frame on. */
export async function* readFlumeLog(
  path: string,
  fromOffset: number,
): AsyncGenerator<RecordBatch, void, void> {
  const stream = await openBytes(path, fromOffset)
  const builder = new BatchBuilder()
  let offset = fromOffset
  const where = () => `byte ${offset}`
  let isSeeking = false

  for await (const window of windows(stream, CHUNK_BYTES, MAX_RECORD_BYTES + FRAME_BYTES)) {
    const { bytes, isLast } = window
    const toOffset = window.offset - window.start
    let start = window.start
    while (start < bytes.length) {
      offset = start + toOffset
      if (isSeeking) {
        const end = nextFrameEnd(bytes, start, toOffset)
        if (end === -1) {
          start = isLast ? bytes.length : Math.max(start, bytes.length - WORD_BYTES + 1)
          break
        }
        isSeeking = false
        start = end
        continue
      }
      if (bytes.length - start < WORD_BYTES) {
        if (isLast) builder.reject('TRUNCATED', where())
        break
      }
      const length = bytes.readUInt32BE(start)
      const data = start + WORD_BYTES
      const end = data + length + 2 * WORD_BYTES
      if (length <= MAX_RECORD_BYTES && end > bytes.length) {
        if (!isLast) break
        // Cut off, or a damaged length behind which whole frames follow.
        if (nextFrameEnd(bytes, data, toOffset) === -1) {
          builder.reject('TRUNCATED', where())
          break
        }
      }
      if (
        length > MAX_RECORD_BYTES ||
        end > bytes.length ||
        bytes.readUInt32BE(data + length) !== length ||
        bytes.readUInt32BE(end - WORD_BYTES) !== end + toOffset ||
        end + toOffset > MAX_OFFSET
      ) {
        builder.reject('DAMAGED', where())
        isSeeking = true
        start = data
        continue
      }
      if (bytes[data] === 0) builder.countDeleted()
      else if (length > 0) builder.takeText(bytes, data, data + length, offset, where)
      start = end
    }
    window.keepFrom = start
    yield builder.finish(start + toOffset, window.progressBytes)
  }
}

/** Whether a file begins with a whole frame; `head` holds its first bytes, at most all of it. */
export function looksLikeFlumeLog(head: Buffer): boolean {
  if (head.length < FRAME_BYTES) return false
  const length = head.readUInt32BE(0)
  const end = length + FRAME_BYTES
  if (length > MAX_RECORD_BYTES || end > head.length) return false
  return (
    head.readUInt32BE(end - 2 * WORD_BYTES) === length &&
    head.readUInt32BE(end - WORD_BYTES) === end
  )
}
