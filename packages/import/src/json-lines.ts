import { BatchBuilder } from './batch-builder.js'
import { openBytes, openGzipBytes, windows } from './byte-stream.js'
import { isBlank } from './message-text.js'
import { MAX_RECORD_BYTES, type RecordBatch } from './source.js'

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Reads messages as JSON lines, each `{key, value, timestamp}` or a bare value. Blank lines are none. */
export async function* readJsonLines(
  path: string,
  isGzip: boolean,
  fromOffset: number,
): AsyncGenerator<RecordBatch, void, void> {
  const stream = isGzip ? await openGzipBytes(path, fromOffset) : await openBytes(path, fromOffset)
  const builder = new BatchBuilder()
  let line = 0
  let lineOffset = fromOffset
  const where = () => (fromOffset === 0 ? `line ${line}` : `byte ${lineOffset}`)
  /** In a line that is longer than may be; its begin has been dropped and counted. */
  let isInsideTooLong = false

  for await (const window of windows(stream, CHUNK_BYTES, MAX_RECORD_BYTES)) {
    const { bytes, isLast } = window
    let start = window.start
    const toOffset = window.offset - window.start
    if (window.offset === 0 && bytes.indexOf(BYTE_ORDER_MARK, start) === start) {
      start += BYTE_ORDER_MARK.length
    }
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end === -1) break
      if (isInsideTooLong) {
        isInsideTooLong = false
      } else {
        line++
        lineOffset = start + toOffset
        if (!isBlank(bytes, start, Math.min(end, start + 1)) || !isBlank(bytes, start, end)) {
          builder.takeText(bytes, start, end, lineOffset, where)
        }
      }
      start = end + 1
    }

    if (!isLast && (isInsideTooLong || bytes.length - start > MAX_RECORD_BYTES)) {
      if (!isInsideTooLong) {
        line++
        lineOffset = start + toOffset
        builder.reject('LINE_TOO_LONG', where())
        isInsideTooLong = true
      }
      start = bytes.length
    } else if (isLast && !isInsideTooLong) {
      const isUnfinished = start < bytes.length
      if (isUnfinished) line++
      lineOffset = start + toOffset
      if (stream.end !== 'whole') {
        builder.reject(stream.end === 'truncated' ? 'TRUNCATED' : 'DAMAGED', where())
      } else if (
        isUnfinished &&
        builder.takeLast(bytes, start, bytes.length, lineOffset, where) !== 'TRUNCATED'
      ) {
        start = bytes.length
      }
    }
    window.keepFrom = start
    yield builder.finish(start + toOffset, window.progressBytes)
  }
}
