/**
 * A block, opened. Opening reads what finds messages: sketch, types, shapes, lengths of all parts.
 * Text and leaves are unfolded when they are first asked for, and walked over once (`leaf-walk.ts`)
 * before anything is read from them. Whatever is wrong with the bytes is a coded error.
 *
 * Ids hash the low byte of each UTF-16 unit only: a chain that ends in the right id proves order and
 * shape, not the text.
 * @source ARCHIVE.md 3.6, 6
 */
import { CodedError, messageKeyFromBytes, sha256 } from '@dunbar/core'
import { maxMessageUnits } from '@dunbar/formats'
import { Base64Column, keyFrame } from './base64-column.js'
import { malformedBlob } from './blob.js'
import { BlockError } from './block-error.js'
import { type BlockFrame, type FindDictionary, hashSize, readFrame } from './block-frame.js'
import type { BlockSketch } from './block-sketch.js'
import { CompactTexts } from './compact-texts.js'
import type { Dictionary, DictionaryRef } from './dictionary.js'
import { KeyScan, type LeafKey } from './key-scan.js'
import { MessageReader, type MessageValue } from './message-reader.js'
import { bothForms, compactForm, hashedForm, signedForm } from './shape.js'
import { checkedTimestamps } from './timestamp-column.js'

/**
 * Opens a block. The bytes are kept and not to be changed; they are copied where they share memory with
 * others. Text and leaves stay folded, so most damage shows only when
 * they are read: `verifyChain` finds all of it.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 * @throws {ARCHIVE_BLOCK_UNSUPPORTED}
 * @throws {ARCHIVE_BLOCK_DICTIONARY} where the dictionary given has less than the block says
 * @throws whatever coded error `dictionaryOf` throws
 */
export function openBlock(bytes: Uint8Array, dictionaryOf: FindDictionary): Block {
  return new Block(readFrame(bytes, dictionaryOf))
}

/**
 * A block, opened. Holds its bytes and, once it is read, what they unfold to. Every method that reads
 * messages throws `ARCHIVE_BLOB_MALFORMED` where the block is damaged; those that need ids of
 * messages compute the chain first where the block does not have them, and throw as `verifyChain`.
 *
 * Texts in values may be slices of the text of the whole block, which they keep in memory.
 */
export class Block {
  readonly sketch: BlockSketch
  readonly dictionaryRef: DictionaryRef | null
  /** What ids of types refer to. */
  readonly dictionary: Dictionary
  /** The id of each message's type; 0 where it has none. Read without unfolding. Not to be changed. */
  readonly types: Uint32Array
  /** The id of each message's signature in the dictionary. Read without unfolding. Not to be changed. */
  readonly signatures: Uint32Array
  /** True where the block holds the ids of its messages, so that one is read without the others. */
  readonly hasHashes: boolean
  readonly #frame: BlockFrame
  #messages: MessageReader | null = null
  #keys: KeyScan | null = null
  #timestamps: Float64Array | null = null
  #texts: CompactTexts | null = null
  #hashes: Uint8Array | null
  #isVerified = false

  constructor(frame: BlockFrame) {
    this.sketch = frame.sketch
    this.dictionaryRef = frame.dictionaryRef
    this.dictionary = frame.dictionary
    this.types = frame.types
    this.signatures = frame.signatures
    this.hasHashes = frame.messageHashes !== null
    this.#frame = frame
    this.#hashes = frame.messageHashes
  }

  /** How many messages. */
  get length(): number {
    return this.sketch.length
  }

  /** How many messages have a type, by its id in the dictionary. Nothing is unfolded. */
  countOfType(typeId: number): number {
    const { types } = this
    let count = 0
    for (let index = 0; index < types.length; index++) if (types[index] === typeId) count++
    return count
  }

  /**
   * One byte a message: not 0 where an id is among the values and names of its content, and for every
   * message that is stored as its text. Text is not unfolded for it.
   */
  holders(key: LeafKey): Uint8Array {
    return guarded(() => this.#keyScan().holders(key))
  }

  /**
   * One byte a message: not 0 where an id is the very value at the path of this number. Says nothing
   * of messages that are stored as their text. Text is not unfolded for it.
   */
  holdersAt(pathId: number, key: LeafKey): Uint8Array {
    return guarded(() => this.#keyScan().holdersAt(pathId, key))
  }

  /** What the author claims, ms; one a message. Nothing is unfolded. Not to be changed. */
  timestamps(): Float64Array {
    this.#timestamps ??= guarded(() => checkedTimestamps(this.#frame))
    return this.#timestamps
  }

  /**
   * Computes the id of every message from its text and compares the last, and those that the block
   * holds, with what it promises. Also finds what is damaged otherwise. Costs 3 µs a message, the
   * first time. It does not prove the text: for that check signatures, or where the block is from.
   * @param keepsTexts keeps the compact JSON of all messages for `compact`, which then costs nothing:
   *   less than a MiB in blocks like ours, and nothing where it would be more than four
   * @throws {ARCHIVE_BLOB_MALFORMED}
   * @throws {ARCHIVE_BLOCK_CHAIN}
   */
  verifyChain(keepsTexts = false): void {
    if (this.#isVerified) return
    const texts = keepsTexts ? new CompactTexts(this.length) : null
    const hashes = guarded(() => this.#computeHashes(texts))
    const { messageHashes } = this.#frame
    if (messageHashes !== null && Buffer.compare(messageHashes, hashes) !== 0) {
      throw brokenChain('its messages have other ids than it says')
    }
    if (Buffer.compare(hashes.subarray(-hashSize), this.sketch.lastHash) !== 0) {
      throw brokenChain('its last message has another id than it says')
    }
    this.#hashes = hashes
    this.#isVerified = true
  }

  /** The id of a message: 32 bytes, a copy. */
  key(index: number): Uint8Array {
    this.#check(index)
    return this.#ids().slice(index * hashSize, (index + 1) * hashSize)
  }

  /** The compact JSON of a message, as logs hold it, byte for byte. The caller's own. */
  json(index: number): Uint8Array {
    this.#check(index)
    const hashes = this.#ids()
    return guarded(() => new Uint8Array(this.#reader().text(index, compactForm, hashes)))
  }

  /** As `json`; where the texts were kept it is a view, not to be changed. */
  compact(index: number): Uint8Array {
    this.#check(index)
    return this.#texts === null ? this.json(index) : this.#texts.at(index)
  }

  /** The UTF-8 text of a message with its signature, indented by 2: what is signed but for the last field. The caller's own. */
  signedText(index: number): Uint8Array {
    this.#check(index)
    const hashes = this.#ids()
    return guarded(() => new Uint8Array(this.#reader().text(index, signedForm, hashes)))
  }

  /** A message as an object with all seven fields, in the order that was signed. */
  valueAt(index: number): MessageValue {
    this.#check(index)
    return this.#value(index, this.#previousOf(index))
  }

  #value(index: number, previous: string | null): MessageValue {
    try {
      return this.#reader().value(index, previous)
    } catch (error) {
      throw refusal(error)
    }
  }

  /** The content of a message. Needs no ids. */
  contentAt(index: number): unknown {
    this.#check(index)
    return guarded(() => this.#reader().content(index))
  }

  /** All messages as objects, in order. */
  *values(): Generator<MessageValue, void, undefined> {
    const keyTexts = new Base64Column(this.#ids(), hashSize, keyFrame)
    let previous = this.#previousOf(0)
    for (let index = 0; index < this.length; index++) {
      yield this.#value(index, previous)
      previous = keyTexts.at(index)
    }
  }

  /** The indented texts of all messages, in order. */
  *texts(): Generator<string, void, undefined> {
    const hashes = this.#ids()
    for (let index = 0; index < this.length; index++) {
      yield guarded(() => this.#reader().text(index, signedForm, hashes).toString())
    }
  }

  #check(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return
    throw new RangeError(`a block of ${this.length} messages has none at ${index}`)
  }

  #keyScan(): KeyScan {
    this.#keys ??= new KeyScan(this.#frame)
    return this.#keys
  }

  #reader(): MessageReader {
    this.#messages ??= new MessageReader(this.#frame, this.timestamps())
    return this.#messages
  }

  #ids(): Uint8Array {
    if (this.#hashes === null) this.verifyChain()
    return this.#hashes!
  }

  #previousOf(index: number): string | null {
    if (index === 0) {
      const { previousHash } = this.sketch
      return previousHash === null ? null : messageKeyFromBytes(previousHash)
    }
    return messageKeyFromBytes(this.#ids().subarray((index - 1) * hashSize, index * hashSize))
  }

  #computeHashes(texts: CompactTexts | null): Uint8Array {
    const reader = this.#reader()
    const hashes = new Uint8Array(this.length * hashSize)
    let kept = texts
    for (let index = 0; index < this.length; index++) {
      // One byte is one UTF-16 unit of the text.
      const text = reader.text(index, kept === null ? hashedForm : bothForms, hashes)
      if (text.length > maxMessageUnits) throw malformedBlob('a message is too long')
      if (kept?.add(reader.compact) === false) kept = null
      hashes.set(sha256(text), index * hashSize)
      this.#checkLabels(reader, index, hashes)
    }
    kept?.finish()
    this.#texts = kept
    return hashes
  }

  /** Where author, place and type of a message stand in its text too, they are those of the block. */
  #checkLabels(reader: MessageReader, index: number, hashes: Uint8Array): void {
    if (!reader.hasItsType(index)) {
      throw malformedBlob('a message has another type than its column says')
    }
    if (!reader.isRaw(index)) return
    const { author, sequence, previous, timestamp } = reader.raw(index)
    const claimed = typeof timestamp === 'number' && Number.isFinite(timestamp) ? timestamp : 0
    if (this.timestamps()[index] !== claimed) {
      throw malformedBlob('a raw message has another time than its column says')
    }
    const before =
      index === 0
        ? this.sketch.previousHash
        : hashes.subarray((index - 1) * hashSize, index * hashSize)
    const isInPlace =
      author === this.sketch.author &&
      sequence === this.sketch.firstSequence + index &&
      previous === (before === null ? null : messageKeyFromBytes(before))
    if (!isInPlace) throw brokenChain('a raw message is not of this feed and place')
  }
}

/** What is wrong with the bytes is a coded error, whoever finds it. */
function guarded<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    throw refusal(error)
  }
}

function refusal(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  return malformedBlob('its parts do not fit together', error)
}

function brokenChain(text: string): BlockError {
  return new BlockError('ARCHIVE_BLOCK_CHAIN', text)
}
