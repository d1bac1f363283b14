/** Bytes in a block that may be compressed, with the number of the codec beside them. */
import { brotliCompressSync, brotliDecompressSync, constants, inflateRawSync } from 'node:zlib'
import type * as flatbuffers from 'flatbuffers'
import { Codec, CodedBytes } from './bipf2-generated.js'
import { malformedBlob } from './blob.js'
import { BlockError } from './block-error.js'

/** How the text and the columns of a block are stored. */
export type BlockCodec = 'brotli' | 'none'

/** Bytes after decoding. A block of 1,024 messages and 1 MiB of text has a sixteenth of it. */
export const maxRawBytes = 16 * 1024 * 1024

/** Quality 5 and a window of 1 MiB: the best ratio at a speed that suits the foreground. @source ARCHIVE.md 7 */
const brotliParams = {
  [constants.BROTLI_PARAM_QUALITY]: 5,
  [constants.BROTLI_PARAM_LGWIN]: 20,
}

export interface Coded {
  readonly codec: Codec
  readonly rawLength: number
  readonly data: Uint8Array
}

/** Compresses bytes; leaves them as they are where the codec wants it or makes nothing smaller. */
export function encodeBytes(raw: Uint8Array, codec: BlockCodec): Coded {
  if (codec === 'brotli') {
    const params = { ...brotliParams, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length }
    const data = brotliCompressSync(raw, { params })
    if (data.length < raw.length) return { codec: Codec.BROTLI, rawLength: raw.length, data }
  }
  return { codec: Codec.NONE, rawLength: raw.length, data: raw }
}

export function writeCoded(builder: flatbuffers.Builder, coded: Coded): flatbuffers.Offset {
  const data = builder.createByteVector(coded.data)
  return CodedBytes.createCodedBytes(builder, coded.codec, coded.rawLength, data)
}

/** What a table says, nothing of it decoded. Views over the blob. @throws {ARCHIVE_BLOB_MALFORMED} */
export function readCoded(table: CodedBytes): Coded {
  const rawLength = table.rawLength()
  if (rawLength > maxRawBytes) throw malformedBlob('a part of it unfolds to more than 16 MiB')
  return { codec: table.codec(), rawLength, data: table.dataArray() ?? new Uint8Array() }
}

/**
 * The bytes, exactly `rawLength` of them; never more are made. A view over the blob where they are
 * not compressed.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {ARCHIVE_BLOCK_UNSUPPORTED} for a codec that is not known
 */
export function decodeBytes({ codec, rawLength, data }: Coded): Uint8Array {
  const raw = decode(codec, rawLength, data)
  if (raw.length !== rawLength) throw malformedBlob('a part of it unfolds to another length')
  return raw
}

function decode(codec: Codec, rawLength: number, data: Uint8Array): Uint8Array {
  if (codec === Codec.NONE) return data
  if (codec !== Codec.BROTLI && codec !== Codec.DEFLATE_RAW) {
    throw new BlockError('ARCHIVE_BLOCK_UNSUPPORTED', `codec ${codec} is not known`, { codec })
  }
  const unfold = codec === Codec.BROTLI ? brotliDecompressSync : inflateRawSync
  // One chunk that holds it all; zlib wants at least 64 bytes.
  const options = {
    maxOutputLength: Math.max(1, rawLength),
    chunkSize: Math.max(64, rawLength + 1),
  }
  try {
    return unfold(data, options)
  } catch (error) {
    throw malformedBlob('a part of it does not unfold', error)
  }
}
