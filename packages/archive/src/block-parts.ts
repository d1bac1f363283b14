/** What the bytes of a block are spent on. */
import { type FindDictionary, readFrame } from './block-frame.js'

/** Bytes as they are stored, compressed where they are; together the size of the block. */
export interface BlockParts {
  readonly signatures: number
  /** Distinct ids of 32 bytes. */
  readonly ids: number
  /** Ciphertext and other bytes that were text: base64 of boxes, hexadecimal digits. */
  readonly ciphertext: number
  readonly text: number
  /** Kinds, numbers and lengths of all values. */
  readonly values: number
  readonly timestamps: number
  readonly types: number
  readonly shapes: number
  /** Ids of the messages; none in blocks for others. */
  readonly messageHashes: number
  /** Tables, offsets and the sketch. */
  readonly frame: number
}

/**
 * The sizes of a block's parts, in bytes. Nothing is unfolded.
 * @throws as `openBlock`
 */
export function blockParts(bytes: Uint8Array, dictionaryOf: FindDictionary): BlockParts {
  const { columns, strings, messageHashes, cryptoSignatures, table, data } = readFrame(
    bytes,
    dictionaryOf,
  )
  const types = table.types()
  const shapes = data.objectSignatures()
  const parts = {
    signatures: cryptoSignatures.length,
    ids: data.keysLength(),
    ciphertext: data.binaryLength(),
    text: strings?.data.length ?? 0,
    values: columns.data.length,
    timestamps: sizeOf(table.timestampDeltas()) + 16 * table.timestampExceptionsLength(),
    types: sizeOf(types?.values() ?? null) + sizeOf(types?.lengths() ?? null),
    shapes: sizeOf(shapes?.values() ?? null) + sizeOf(shapes?.lengths() ?? null),
    messageHashes: messageHashes?.length ?? 0,
  }
  const named = Object.values(parts).reduce((sum, size) => sum + size, 0)
  return { ...parts, frame: bytes.length - named }
}

interface IntegerTable {
  codesLength(): number
  valuesLength(): number
}

const sizeOf = (integers: IntegerTable | null): number =>
  integers === null ? 0 : integers.codesLength() + integers.valuesLength()
