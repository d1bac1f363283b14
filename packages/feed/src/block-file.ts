/**
 * The file of one sealed block: consecutive messages of one feed, so that the frames they had in the
 * log come back byte for byte.
 *
 *   0  8 bytes 'DUNBARBK'
 *   8  u32     format version
 *  12  u32     crc32c over everything behind this field
 *  16  u32     first sequence
 *  20  u32     number of messages
 *  24  u32     bytes of their frames
 *  28  u32     bytes of the dictionary
 *  32  u32     bytes of the block
 *  36  32 bytes public key of the author
 *  68  the dictionary, the block, the times of arrival
 *
 * All numbers are little-endian. The dictionary is all that the block is read with, so that damage
 * to one file costs the messages of no other. The block holds the key of each message, so that one
 * can be read without those before it. Times of arrival are doubles, each turned into its difference
 * in bits to the one before, byte planes one after the other, deflated: they come in order, so that
 * the upper planes are zeros.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { MAX_SEQUENCE } from '@dunbar/core'
import { crc32c } from '@node-rs/crc32'
import { viewOf } from './frame.js'
import { StoreError } from './store-error.js'

const MAGIC = Buffer.from('DUNBARBK', 'latin1')
const VERSION = 1
const CRC_OFFSET = 12
const SUMMED_OFFSET = 16
const AUTHOR_OFFSET = 36
/** Bytes before the dictionary. */
export const BLOCK_HEADER_BYTES = 68
/** 1,024 of the longest frames, which no block is made of, would compress to less. */
const MAX_BLOCK_FILE_BYTES = 32 * 1024 * 1024
const MAX_MESSAGES = 1024

/** What a block file says of itself. */
export interface BlockHeader {
  readonly firstSequence: number
  readonly messageCount: number
  readonly frameBytes: number
}

/** The parts of a block file. */
export interface BlockFileParts extends BlockHeader {
  /** 32 bytes. */
  readonly author: Uint8Array
  readonly dictionary: Uint8Array
  readonly block: Uint8Array
  /** When each message arrived, ms. */
  readonly received: Float64Array
}

/** The error for a file that is no block, or not the one it should be. */
export const blockDamaged = (reason: string, cause?: unknown): StoreError =>
  new StoreError('STORE_BLOCK_DAMAGED', `a block file is refused: ${reason}`, { reason }, { cause })

/** The bytes of a block file. */
export function encodeBlockFile(parts: BlockFileParts): Uint8Array {
  const received = encodeTimes(parts.received)
  const { author, dictionary, block } = parts
  const bytes = new Uint8Array(
    BLOCK_HEADER_BYTES + dictionary.length + block.length + received.length,
  )
  const view = viewOf(bytes)
  bytes.set(MAGIC)
  view.setUint32(8, VERSION, true)
  view.setUint32(16, parts.firstSequence, true)
  view.setUint32(20, parts.messageCount, true)
  view.setUint32(24, parts.frameBytes, true)
  view.setUint32(28, dictionary.length, true)
  view.setUint32(32, block.length, true)
  bytes.set(author, AUTHOR_OFFSET)
  bytes.set(dictionary, BLOCK_HEADER_BYTES)
  bytes.set(block, BLOCK_HEADER_BYTES + dictionary.length)
  bytes.set(received, BLOCK_HEADER_BYTES + dictionary.length + block.length)
  view.setUint32(CRC_OFFSET, crc32c(bytes.subarray(SUMMED_OFFSET)), true)
  return bytes
}

/**
 * The parts of a block file, in views over its bytes. What is checked is the file, not the block.
 * @throws {STORE_BLOCK_DAMAGED}
 */
export function decodeBlockFile(bytes: Uint8Array): BlockFileParts {
  const header = readBlockHeader(bytes)
  const view = viewOf(bytes)
  if (bytes.length > MAX_BLOCK_FILE_BYTES) throw blockDamaged('it is too large')
  if (view.getUint32(CRC_OFFSET, true) !== crc32c(bytes.subarray(SUMMED_OFFSET))) {
    throw blockDamaged('its checksum is wrong')
  }
  const blockAt = BLOCK_HEADER_BYTES + view.getUint32(28, true)
  const receivedAt = blockAt + view.getUint32(32, true)
  if (receivedAt > bytes.length) throw blockDamaged('its parts are longer than it is')
  return {
    ...header,
    author: bytes.subarray(AUTHOR_OFFSET, BLOCK_HEADER_BYTES),
    dictionary: bytes.subarray(BLOCK_HEADER_BYTES, blockAt),
    block: bytes.subarray(blockAt, receivedAt),
    received: decodeTimes(bytes.subarray(receivedAt), header.messageCount),
  }
}

/**
 * What the first `BLOCK_HEADER_BYTES` of a block file say, without the checksum of the whole.
 * @throws {STORE_BLOCK_DAMAGED}
 */
export function readBlockHeader(bytes: Uint8Array): BlockHeader {
  if (bytes.length < BLOCK_HEADER_BYTES) throw blockDamaged('it is shorter than its head')
  const view = viewOf(bytes)
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw blockDamaged('it is no block file')
  if (view.getUint32(8, true) !== VERSION) throw blockDamaged('it has another format version')
  const firstSequence = view.getUint32(16, true)
  const messageCount = view.getUint32(20, true)
  if (messageCount < 1 || messageCount > MAX_MESSAGES) throw blockDamaged('it has no messages')
  if (firstSequence < 1 || firstSequence + messageCount - 1 > MAX_SEQUENCE) {
    throw blockDamaged('its sequences are none')
  }
  return { firstSequence, messageCount, frameBytes: view.getUint32(24, true) }
}

function encodeTimes(times: Float64Array): Uint8Array {
  const planes = new Uint8Array(times.length * 8)
  const view = new DataView(new ArrayBuffer(16))
  for (let index = 0; index < times.length; index++) {
    view.setFloat64(0, times[index] as number)
    for (let plane = 0; plane < 8; plane++) {
      planes[plane * times.length + index] = view.getUint8(plane) ^ view.getUint8(8 + plane)
    }
    view.setFloat64(8, times[index] as number)
  }
  return deflateRawSync(planes)
}

function decodeTimes(bytes: Uint8Array, count: number): Float64Array {
  let planes: Uint8Array
  try {
    planes = inflateRawSync(bytes, { maxOutputLength: count * 8 })
  } catch (error) {
    throw blockDamaged('its times of arrival can not be read', error)
  }
  if (planes.length !== count * 8) throw blockDamaged('it has other messages than times of arrival')
  const times = new Float64Array(count)
  const view = new DataView(new ArrayBuffer(8))
  for (let index = 0; index < count; index++) {
    for (let plane = 0; plane < 8; plane++) {
      view.setUint8(plane, view.getUint8(plane) ^ (planes[plane * count + index] as number))
    }
    times[index] = view.getFloat64(0)
  }
  return times
}
