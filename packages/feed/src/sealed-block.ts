/**
 * Frames into the bytes of a block file, and back. The whole block is opened for one message as for
 * all; from then on one message costs as much as any other.
 */
import type { FileSystem } from '@dunbar/actor'
import {
  type Block,
  type BlockMessage,
  Dictionary,
  decodeDictionaryBlock,
  encodeDictionaryBlock,
  endsEqual,
  flattenBlock,
  maxBlockMessages,
  maxBlockTextBytes,
  openBlock,
  packBlock,
  rootEnds,
} from '@dunbar/archive'
import { feedIdFromBytes, isCodedError } from '@dunbar/core'
import {
  type BlockFileParts,
  blockDamaged,
  decodeBlockFile,
  encodeBlockFile,
} from './block-file.js'
import { feedIdOfFolder } from './feed-folder.js'
import { bytesEqual, encodeFrame, FRAME_HEADER_BYTES, FrameReader, viewOf } from './frame.js'
import { blockPath } from './sealed-folder.js'
import type { SealedEntry } from './sealed-part.js'
import { storeFailure } from './store-error.js'

/** Messages of a block at most. */
export const MAX_BLOCK_MESSAGES = maxBlockMessages
/** Bytes of the frames of a block, which end with the message that goes beyond. */
export const MAX_BLOCK_FRAME_BYTES = maxBlockTextBytes
/** What an opened block takes in memory, of what its file takes on the disk. */
const OPENED_SHARE = 3

/**
 * The bytes of a block file. About 10 µs a message.
 * @param author 32 bytes
 * @param frames whole frames of consecutive messages; not changed
 * @throws {ARCHIVE_BLOCK_UNFIT} @throws {ARCHIVE_BLOCK_NOT_CONSECUTIVE} they are not that
 */
export function packFrames(author: Uint8Array, frames: Uint8Array): Uint8Array {
  const messages: BlockMessage[] = []
  const received: number[] = []
  const reader = new FrameReader(frames)
  let firstSequence = 0
  while (reader.next()) {
    if (messages.length === 0) firstSequence = reader.sequence
    const { keyBytes, message } = reader
    messages.push({ key: keyBytes, value: JSON.parse(textOf(message)), json: message })
    received.push(reader.received)
  }
  const dictionary = Dictionary.root()
  const flat = flattenBlock(feedIdFromBytes(author), messages, dictionary)
  const isRoot = endsEqual(dictionary.ends, rootEnds)
  const written = isRoot ? null : encodeDictionaryBlock(dictionary, rootEnds, null)
  return encodeBlockFile({
    author,
    firstSequence,
    messageCount: messages.length,
    frameBytes: frames.length,
    dictionary: written?.bytes ?? new Uint8Array(),
    block: packBlock(flat, written?.ref ?? null, { messageHashes: true }),
    received: Float64Array.from(received),
  })
}

/** A block file, opened. */
export class SealedBlock {
  readonly #block: Block
  readonly #received: Float64Array
  readonly firstSequence: number
  readonly messageCount: number
  /** Of all frames together. */
  readonly frameBytes: number
  /** Of memory, as far as it can be told. */
  readonly sizeBytes: number

  /**
   * @param bytes not to be changed afterwards
   * @param author 32 bytes
   * @throws {STORE_BLOCK_DAMAGED}
   */
  constructor(bytes: Uint8Array, author: Uint8Array) {
    const parts = decodeBlockFile(bytes)
    if (!bytesEqual(parts.author, author)) throw blockDamaged('it is of another feed')
    this.#block = guarded(() => openParts(parts))
    const { sketch } = this.#block
    const isOne = sketch.author === feedIdFromBytes(author) && this.#block.hasHashes
    if (!isOne || sketch.firstSequence !== parts.firstSequence) {
      throw blockDamaged('it is not the block that it says')
    }
    if (this.#block.length !== parts.messageCount) throw blockDamaged('it has other messages')
    this.#received = parts.received
    this.firstSequence = parts.firstSequence
    this.messageCount = parts.messageCount
    this.frameBytes = parts.frameBytes
    this.sizeBytes = bytes.length * OPENED_SHARE
  }

  /** All its frames, in memory of their own. @throws {STORE_BLOCK_DAMAGED} */
  frames(): Uint8Array {
    return this.framesFrom(0, this.frameBytes)
  }

  /**
   * Frames from a message on, in memory of their own.
   * @param length bytes of these frames, which end with one
   * @throws {STORE_BLOCK_DAMAGED} they do not have that length
   */
  framesFrom(index: number, length: number): Uint8Array {
    const frames = new Uint8Array(length)
    const view = viewOf(frames)
    let end = 0
    for (let at = index; end < length; at++) {
      if (at < 0 || at >= this.messageCount) throw blockDamaged('it does not hold the message')
      const message = guarded(() => this.#block.json(at))
      if (end + FRAME_HEADER_BYTES + message.length > length) {
        throw blockDamaged('its messages have another length')
      }
      const key = this.#block.key(at)
      const received = this.#received[at] as number
      end = encodeFrame(frames, view, end, this.firstSequence + at, received, key, message)
    }
    return frames
  }
}

/**
 * Opens a block file of a feed.
 * @throws {STORE_BLOCK_DAMAGED} it is missing, or is not the block that belongs there
 * @throws {STORE_FAILED} it can't be read
 */
export function openSealedBlock(
  fs: FileSystem,
  folder: string,
  entry: SealedEntry,
  path: string = blockPath(folder, entry.number),
): SealedBlock {
  let bytes: Uint8Array
  try {
    if (fs.stat(path) === null) throw blockDamaged('it is missing')
    bytes = fs.readFile(path)
  } catch (error) {
    throw storeFailure(error, 'reading a block file')
  }
  const [prefix = '', rest = ''] = folder.split('/').slice(-2)
  const block = new SealedBlock(bytes, feedIdOfFolder(prefix, rest) as Uint8Array)
  const isEntry =
    block.firstSequence === entry.firstSequence &&
    block.messageCount === entry.lastSequence - entry.firstSequence + 1 &&
    block.frameBytes === entry.end - entry.start
  if (!isEntry) throw blockDamaged('it holds other messages')
  return block
}

function openParts({ dictionary, block }: BlockFileParts): Block {
  const root = Dictionary.root()
  const known = dictionary.length === 0 ? root : decodeDictionaryBlock(dictionary, root)
  return openBlock(block, () => known)
}

/** Whatever is wrong with the parts is damage to the file. */
function guarded<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (isCodedError(error)) throw blockDamaged('its block can not be read', error)
    throw error
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
