/** A column of dictionary ids, one a message, which may be stored as runs of the same id. */
import type * as flatbuffers from 'flatbuffers'
import { RunLengthCodedDictionaryColumn } from './bipf2-generated.js'
import { malformedBlob, read1234, write1234 } from './blob.js'

/** Writes a column, as runs where these are less than half as many as the ids. */
export function writeRunLengthColumn(
  builder: flatbuffers.Builder,
  ids: Uint32Array,
): flatbuffers.Offset {
  const values: number[] = []
  const lengths: number[] = []
  for (const id of ids) {
    if (values.length > 0 && values.at(-1) === id) lengths[lengths.length - 1]!++
    else {
      values.push(id)
      lengths.push(1)
    }
  }
  const hasRuns = values.length * 2 < ids.length
  const valuesAt = write1234(builder, hasRuns ? Uint32Array.from(values) : ids)
  const lengthsAt = hasRuns ? write1234(builder, Uint32Array.from(lengths)) : 0
  RunLengthCodedDictionaryColumn.startRunLengthCodedDictionaryColumn(builder)
  RunLengthCodedDictionaryColumn.addLength(builder, ids.length)
  RunLengthCodedDictionaryColumn.addValues(builder, valuesAt)
  RunLengthCodedDictionaryColumn.addLengths(builder, lengthsAt)
  return RunLengthCodedDictionaryColumn.endRunLengthCodedDictionaryColumn(builder)
}

/**
 * The ids of a column of exactly `length` messages, each below `end`.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function readRunLengthColumn(
  column: RunLengthCodedDictionaryColumn | null,
  length: number,
  end: number,
): Uint32Array {
  if (column === null || column.length() !== length) {
    throw malformedBlob('a column has another length than the block')
  }
  const values = read1234(column.values(), length)
  for (const id of values) {
    if (id >= end) throw malformedBlob('a column has an id past the end of its dictionary')
  }
  const lengthsTable = column.lengths()
  if (lengthsTable === null) {
    if (values.length !== length) throw malformedBlob('a column has not one id a message')
    return values
  }
  const lengths = read1234(lengthsTable, length)
  if (lengths.length !== values.length) throw malformedBlob('a column has not one length a run')
  const ids = new Uint32Array(length)
  let at = 0
  for (let run = 0; run < lengths.length; run++) {
    const runEnd = at + lengths[run]!
    if (runEnd === at || runEnd > length) throw malformedBlob('a column has false runs')
    ids.fill(values[run]!, at, runEnd)
    at = runEnd
  }
  if (at !== length) throw malformedBlob('a column has runs for fewer messages')
  return ids
}
