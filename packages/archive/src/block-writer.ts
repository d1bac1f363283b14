/**
 * Writes blocks. What is written is opened again and compared, id by id and JSON by JSON (ids alone
 * do not commit to the text), before it counts as written. A message that would come back as another
 * is stored as its text.
 */
import { isCodedError, sha256 } from '@dunbar/core'
import { maxMessageUnits } from '@dunbar/formats'
import * as flatbuffers from 'flatbuffers'
import {
  Bip2BlobData,
  ClassicMessageBlock,
  FormatSpecificBlockData,
  MessageBlock,
  ValueColumns,
} from './bipf2-generated.js'
import { finishBlob, write1234 } from './blob.js'
import { BlockError } from './block-error.js'
import { maxInflation, readFrame } from './block-frame.js'
import { type BlockSketch, writeBlockSketch } from './block-sketch.js'
import { type BlockCodec, type Coded, encodeBytes, maxRawBytes, writeCoded } from './coded-bytes.js'
import { type DictionaryRef, rootEnds } from './dictionary.js'
import { isWithin, writeDictionaryRef } from './dictionary-block.js'
import { type BlockMessage, type FlatBlock, keysOf } from './flattening.js'
import type { LeafColumns } from './leaf-columns.js'
import { MessageReader } from './message-reader.js'
import { writeRunLengthColumn } from './run-length-column.js'
import { compactForm, hashedForm } from './shape.js'
import { checkedTimestamps, write1248, writeTimestamps } from './timestamp-column.js'

export interface PackOptions {
  /** How text and leaves are stored: compressed by default. */
  readonly codec?: BlockCodec
  /** Whether the block holds the ids of its messages, 32 bytes each, so that one is read without the others. */
  readonly messageHashes: boolean
}

/**
 * The bytes of a block, in memory of their own, checked by reading them back. `dictionary` names the
 * blob up to which the dictionary was written, all that was flattened included; null where nothing
 * was added to the well-known root. The same messages over the same dictionary give the same bytes.
 * @throws {RangeError} where the dictionary was written before the messages were flattened
 * @throws {ARCHIVE_BLOCK_UNFIT} for a message that is too long, or has not the key that is given for it
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function packBlock(
  flat: FlatBlock,
  dictionary: DictionaryRef | null,
  options: PackOptions,
): Uint8Array {
  let written = flat
  for (;;) {
    const bytes = encodeBlock(written, dictionary, options)
    const changed = changedMessages(written, bytes)
    if (changed.size === 0) return bytes
    written = written.withRaw(changed)
  }
}

/**
 * The bytes of a block, not checked: only `packBlock` knows that they come back as they were.
 * @throws {RangeError}
 * @throws {ARCHIVE_BLOCK_UNFIT}
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function encodeBlock(
  flat: FlatBlock,
  dictionary: DictionaryRef | null,
  options: PackOptions,
): Uint8Array {
  if (!isWithin(flat.ends, dictionary?.ends ?? rootEnds)) {
    throw new RangeError(
      'a block is packed over the dictionary that it was flattened into, or later',
    )
  }
  const columns = columnBytes(flat.columns)
  const strings = Buffer.from(flat.columns.strings.join(''))
  const rawLength = columns.length + strings.length
  if (rawLength > maxRawBytes) throw unfit('a block has less text', { sizeBytes: rawLength })
  const codec = options.codec ?? 'brotli'
  const parts: BlockParts = {
    dictionary,
    columns: encodeBytes(columns, codec),
    strings: strings.length === 0 ? null : encodeBytes(strings, codec),
    hasHashes: options.messageHashes,
  }
  const bytes = writeBlock(flat, parts)
  if (rawLength <= maxInflation * bytes.length) return bytes
  // Readers unfold so much and no more, whatever it is.
  return writeBlock(flat, {
    ...parts,
    columns: encodeBytes(columns, 'none'),
    strings: encodeBytes(strings, 'none'),
  })
}

interface BlockParts {
  readonly dictionary: DictionaryRef | null
  readonly columns: Coded
  readonly strings: Coded | null
  readonly hasHashes: boolean
}

function writeBlock(flat: FlatBlock, parts: BlockParts): Uint8Array {
  const builder = new flatbuffers.Builder(64 * 1024)
  const sketch = writeBlockSketch(builder, sketchOf(flat))
  const dictionary = parts.dictionary === null ? 0 : writeDictionaryRef(builder, parts.dictionary)
  const timestamps = writeTimestamps(builder, flat.timestamps)
  const types = writeRunLengthColumn(builder, flat.types)
  const data = writeMessages(builder, flat, parts)
  MessageBlock.startMessageBlock(builder)
  MessageBlock.addSketch(builder, sketch)
  MessageBlock.addDictionary(builder, dictionary)
  MessageBlock.addTimestampDeltas(builder, timestamps.deltas)
  MessageBlock.addTimestampExceptions(builder, timestamps.exceptions)
  MessageBlock.addTypes(builder, types)
  MessageBlock.addDataType(builder, FormatSpecificBlockData.ClassicMessageBlock)
  MessageBlock.addData(builder, data)
  return finishBlob(builder, Bip2BlobData.MessageBlock, MessageBlock.endMessageBlock(builder))
}

function writeMessages(
  builder: flatbuffers.Builder,
  flat: FlatBlock,
  parts: BlockParts,
): flatbuffers.Offset {
  const { keys, binary } = flat.columns
  const signatures = writeRunLengthColumn(builder, flat.signatures)
  const cryptoSignatures = builder.createByteVector(flat.cryptoSignatures)
  const columns = writeCoded(builder, parts.columns)
  const strings = parts.strings === null ? 0 : writeCoded(builder, parts.strings)
  const keysAt = optionalBytes(builder, keys)
  const binaryAt = optionalBytes(builder, binary)
  const hashes = parts.hasHashes ? builder.createByteVector(keysOf(flat.messages)) : 0
  ClassicMessageBlock.startClassicMessageBlock(builder)
  ClassicMessageBlock.addObjectSignatures(builder, signatures)
  ClassicMessageBlock.addCryptoSignatures(builder, cryptoSignatures)
  ClassicMessageBlock.addColumns(builder, columns)
  ClassicMessageBlock.addStrings(builder, strings)
  ClassicMessageBlock.addKeys(builder, keysAt)
  ClassicMessageBlock.addBinary(builder, binaryAt)
  ClassicMessageBlock.addMessageHashes(builder, hashes)
  return ClassicMessageBlock.endClassicMessageBlock(builder)
}

/** A finished table of value columns, as it is compressed. */
function columnBytes(columns: LeafColumns): Uint8Array {
  const builder = new flatbuffers.Builder(16 * 1024)
  const { tags, integers, strings, keyRefs, binaryLengths, doubles } = columns
  const tagsAt = optionalBytes(builder, Uint8Array.from(tags))
  const integersAt = integers.length === 0 ? 0 : write1248(builder, Float64Array.from(integers))
  const stringLengths = Uint32Array.from(strings, (text) => text.length)
  const stringLengthsAt = optional1234(builder, stringLengths)
  const keyRefsAt = optional1234(builder, Uint32Array.from(keyRefs))
  const binaryLengthsAt = optional1234(builder, Uint32Array.from(binaryLengths))
  const doublesAt = optionalBytes(builder, new Uint8Array(Float64Array.from(doubles).buffer))
  ValueColumns.startValueColumns(builder)
  ValueColumns.addTags(builder, tagsAt)
  ValueColumns.addIntegers(builder, integersAt)
  ValueColumns.addStringLengths(builder, stringLengthsAt)
  ValueColumns.addKeyRefs(builder, keyRefsAt)
  ValueColumns.addBinaryLengths(builder, binaryLengthsAt)
  ValueColumns.addDoubles(builder, doublesAt)
  builder.finish(ValueColumns.endValueColumns(builder))
  return builder.asUint8Array()
}

function optionalBytes(builder: flatbuffers.Builder, bytes: Uint8Array): flatbuffers.Offset {
  return bytes.length === 0 ? 0 : builder.createByteVector(bytes)
}

function optional1234(builder: flatbuffers.Builder, values: Uint32Array): flatbuffers.Offset {
  return values.length === 0 ? 0 : write1234(builder, values)
}

function sketchOf(flat: FlatBlock): BlockSketch {
  const { author, firstSequence, previousHash, lastHash, timestamps } = flat
  let minTimestamp = timestamps[0]!
  let maxTimestamp = minTimestamp
  for (const timestamp of timestamps) {
    if (timestamp < minTimestamp) minTimestamp = timestamp
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
  }
  return {
    author,
    length: timestamps.length,
    firstSequence,
    firstTimestamp: timestamps[0]!,
    lastTimestamp: timestamps.at(-1)!,
    minTimestamp,
    maxTimestamp,
    previousHash,
    lastHash,
  }
}

/**
 * Reads a block back and gives the messages that came out as others.
 * @throws {ARCHIVE_BLOCK_UNFIT} where one cannot be stored in any way
 */
function changedMessages(flat: FlatBlock, bytes: Uint8Array): Set<number> {
  const { messages, rawIndexes } = flat
  const keys = keysOf(messages)
  const reader = readerOf(flat, bytes)
  const changed = new Set<number>()
  for (let index = 0; index < messages.length; index++) {
    if (reader !== null && isUnchanged(messages[index]!, index, reader, keys)) continue
    const { length } = JSON.stringify(messages[index]!.value, null, 2)
    if (length > maxMessageUnits) throw unfit('a message is too long', { index, length })
    if (!rawIndexes.has(index)) changed.add(index)
    else if (reader !== null) throw unfit('a message has another key than its text', { index })
  }
  return changed
}

function readerOf(flat: FlatBlock, bytes: Uint8Array): MessageReader | null {
  try {
    const frame = readFrame(bytes, () => flat.dictionary)
    return new MessageReader(frame, checkedTimestamps(frame))
  } catch (error) {
    // Nothing can be read back where one message does not fit: then none is taken as it is.
    if (isCodedError(error) && flat.rawIndexes.size < flat.messages.length) return null
    throw error
  }
}

function isUnchanged(
  { key, value, json }: BlockMessage,
  index: number,
  reader: MessageReader,
  keys: Uint8Array,
): boolean {
  const hashed = reader.text(index, hashedForm, keys)
  if (hashed.length > maxMessageUnits || Buffer.compare(sha256(hashed), key) !== 0) return false
  const compact = reader.text(index, compactForm, keys)
  return Buffer.compare(compact, json ?? Buffer.from(JSON.stringify(value))) === 0
}

function unfit(text: string, data: Readonly<Record<string, unknown>>): BlockError {
  return new BlockError('ARCHIVE_BLOCK_UNFIT', text, data)
}
