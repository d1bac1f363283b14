/**
 * The outermost table of every archive blob, and the integer streams in its tables.
 *
 * The FlatBuffers runtime checks nothing: it reads zeros past the end of a blob and makes views over
 * the whole memory that a blob lies in, neighbours included. A reader here therefore works on
 * bytes alone in their memory, where a view past the end throws, and takes every throw for a refusal.
 */
import { CodedError } from '@dunbar/core'
import * as flatbuffers from 'flatbuffers'
import { decode1234, encode1234 } from 'streamvbyte-wasm'
import { Bip2Blob, type Bip2BlobData, StreamVByteArray1234 } from './bipf2-generated.js'

/** Bytes of a blob that any peer takes. @source ssb-blobs, `max` */
export const maxBlobSizeBytes = 5 * 1024 * 1024

export type BlobErrorCode = 'ARCHIVE_BLOB_MALFORMED' | 'ARCHIVE_BLOB_TOO_LARGE'

/** A blob is not what it should be. */
export class BlobError extends CodedError<BlobErrorCode> {}

/** The error for a blob that breaks a rule of its form. */
export function malformedBlob(rule: string, cause?: unknown): BlobError {
  return new BlobError(
    'ARCHIVE_BLOB_MALFORMED',
    `an archive blob is refused: ${rule}`,
    {},
    { cause },
  )
}

/**
 * Runs a reader over the table of a blob and gives what it gives, which may hold views over the
 * bytes: they are not to be changed afterwards. Bytes that share their memory with others are copied.
 * @throws {ARCHIVE_BLOB_MALFORMED} also in place of every error without a code
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function readBlob<Table extends { bb: flatbuffers.ByteBuffer | null }, Value>(
  bytes: Uint8Array,
  type: Bip2BlobData,
  table: Table,
  read: (table: Table) => Value,
): Value {
  checkBlobSize(bytes.length)
  if (bytes.length < 8) throw malformedBlob('it is shorter than its head')
  try {
    const buffer = new flatbuffers.ByteBuffer(ownBytes(bytes))
    if (!Bip2Blob.bufferHasIdentifier(buffer)) throw malformedBlob('it is no BIP2 blob')
    const blob = Bip2Blob.getRootAsBip2Blob(buffer)
    if (blob.dataType() !== type) throw malformedBlob('it holds something else')
    if (blob.data(table) === null) throw malformedBlob('it holds nothing')
    return read(table)
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw malformedBlob('its tables do not lie within it', error)
  }
}

/** The bytes alone in their memory, where a false offset finds nothing else's. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
  return isAlone ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}

/**
 * Ends a blob: the bytes of the outermost table around `offset`, in memory of their own.
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function finishBlob(
  builder: flatbuffers.Builder,
  type: Bip2BlobData,
  offset: flatbuffers.Offset,
): Uint8Array {
  Bip2Blob.finishBip2BlobBuffer(builder, Bip2Blob.createBip2Blob(builder, type, offset))
  const bytes = builder.asUint8Array().slice()
  checkBlobSize(bytes.length)
  return bytes
}

function checkBlobSize(sizeBytes: number): void {
  if (sizeBytes <= maxBlobSizeBytes) return
  const text = `a blob has at most ${maxBlobSizeBytes} bytes, not ${sizeBytes}`
  throw new BlobError('ARCHIVE_BLOB_TOO_LARGE', text, { sizeBytes })
}

/** A copy of the 32 bytes of a hash, key or blob id. @throws {ARCHIVE_BLOB_MALFORMED} */
export function hashOf(bytes: Uint8Array | null): Uint8Array {
  if (bytes?.length !== 32) throw malformedBlob('a hash has 32 bytes')
  return new Uint8Array(bytes)
}

/** Writes a 1234 stream of integers. */
export function write1234(builder: flatbuffers.Builder, integers: Uint32Array): flatbuffers.Offset {
  const { length, codes, values } = encode1234(integers)
  const codesAt = builder.createByteVector(codes)
  const valuesAt = builder.createByteVector(values)
  return StreamVByteArray1234.createStreamVByteArray1234(builder, length, codesAt, valuesAt)
}

/**
 * The integers of a 1234 stream; none where the table is absent.
 * @throws {ARCHIVE_BLOB_MALFORMED} where there are more than `maxCount`
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function read1234(table: StreamVByteArray1234 | null, maxCount: number): Uint32Array {
  if (table === null) return new Uint32Array()
  const length = table.length()
  if (length > maxCount) throw malformedBlob(`it has more than ${maxCount} integers in a stream`)
  const empty = new Uint8Array()
  return decode1234({
    length,
    codes: table.codesArray() ?? empty,
    values: table.valuesArray() ?? empty,
  })
}
