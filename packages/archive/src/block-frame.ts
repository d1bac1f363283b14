/** What of a block is read when it is opened: everything but its text and leaves. */
import {
  Bip2BlobData,
  ClassicMessageBlock,
  FormatSpecificBlockData,
  MessageBlock,
} from './bipf2-generated.js'
import { malformedBlob, readBlob } from './blob.js'
import { BlockError } from './block-error.js'
import { type BlockSketch, readBlockSketch } from './block-sketch.js'
import { type Coded, maxRawBytes, readCoded } from './coded-bytes.js'
import { type Dictionary, type DictionaryEnds, type DictionaryRef, rootEnds } from './dictionary.js'
import { isWithin, readDictionaryRef } from './dictionary-block.js'
import { readRunLengthColumn } from './run-length-column.js'

/** Bytes that may be unfolded for each byte of a block. */
export const maxInflation = 64

export const hashSize = 32
export const signatureSize = 64

/** Gives the dictionary that a reference names; for null the well-known root. */
export type FindDictionary = (ref: DictionaryRef | null) => Dictionary

/** All lengths agree with each other and with the size of the block. */
export interface BlockFrame {
  readonly sketch: BlockSketch
  readonly dictionaryRef: DictionaryRef | null
  readonly dictionary: Dictionary
  /** The block refers to nothing past these. */
  readonly ends: DictionaryEnds
  /** Ids in the dictionary, one a message. */
  readonly types: Uint32Array
  readonly signatures: Uint32Array
  readonly cryptoSignatures: Buffer
  readonly messageHashes: Uint8Array | null
  readonly columns: Coded
  readonly strings: Coded | null
  readonly table: MessageBlock
  readonly data: ClassicMessageBlock
}

/**
 * Reads the frame of a block, over a copy of its bytes.
 * @throws as `openBlock`
 */
export function readFrame(bytes: Uint8Array, dictionaryOf: FindDictionary): BlockFrame {
  return readBlob(bytes, Bip2BlobData.MessageBlock, new MessageBlock(), (table) =>
    frameOf(table, bytes.length, dictionaryOf),
  )
}

function frameOf(table: MessageBlock, sizeBytes: number, dictionaryOf: FindDictionary): BlockFrame {
  const version = table.version()
  if (version !== 1) throw unsupported(`a block has version 1, not ${version}`)
  const sketch = readBlockSketch(table.sketch())
  const { length } = sketch
  if (length * signatureSize > sizeBytes) {
    throw malformedBlob('it cannot hold so many messages')
  }
  if (table.dataType() !== FormatSpecificBlockData.ClassicMessageBlock) {
    throw unsupported('only blocks of classic feeds can be read')
  }
  const data = table.data(new ClassicMessageBlock()) as ClassicMessageBlock | null
  if (data === null) throw malformedBlob('it holds no messages')
  if (table.sequenceNumbers() !== null || data.previousHashesLength() !== 0) {
    throw unsupported('blocks with gaps cannot be read')
  }

  const refTable = table.dictionary()
  const dictionaryRef = refTable === null ? null : readDictionaryRef(refTable)
  const ends = dictionaryRef?.ends ?? rootEnds
  const dictionary = dictionaryOf(dictionaryRef)
  if (!isWithin(ends, dictionary.ends)) {
    throw new BlockError('ARCHIVE_BLOCK_DICTIONARY', 'a block is over a larger dictionary')
  }
  const cryptoSignatures = data.cryptoSignaturesArray()
  if (cryptoSignatures?.length !== length * signatureSize) {
    throw malformedBlob('it has not one signature a message')
  }
  const messageHashes = data.messageHashesArray()
  if (messageHashes !== null && messageHashes.length !== length * hashSize) {
    throw malformedBlob('it has not one id a message')
  }
  const columnsTable = data.columns()
  if (columnsTable === null) throw malformedBlob('it has no columns')
  const columns = readCoded(columnsTable)
  const stringsTable = data.strings()
  const strings = stringsTable === null ? null : readCoded(stringsTable)
  const rawLength = columns.rawLength + (strings?.rawLength ?? 0)
  if (rawLength > Math.min(maxRawBytes, maxInflation * sizeBytes)) {
    throw malformedBlob('it unfolds to too much')
  }
  return {
    sketch,
    dictionaryRef,
    dictionary,
    ends,
    types: readRunLengthColumn(table.types(), length, ends.types),
    signatures: readRunLengthColumn(data.objectSignatures(), length, ends.objectSignatures),
    cryptoSignatures: Buffer.from(
      cryptoSignatures.buffer,
      cryptoSignatures.byteOffset,
      cryptoSignatures.length,
    ),
    messageHashes,
    columns,
    strings,
    table,
    data,
  }
}

function unsupported(text: string): BlockError {
  return new BlockError('ARCHIVE_BLOCK_UNSUPPORTED', text)
}
