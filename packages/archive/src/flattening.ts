/**
 * Flattening takes messages apart: what all messages of a feed have in common is dropped, what many
 * have in common becomes a number of the dictionary (type, shape), and the leaves go to columns.
 *
 * A message that does not fit exactly is stored as its JSON text (raw), after everything that it has
 * added is taken back. Nothing is ever stored that would come back as another text.
 * @source ARCHIVE.md 3
 */
import {
  type FeedId,
  isMessageKey,
  MAX_SEQUENCE,
  messageKeyFromBytes,
  messageKeyToBytes,
  signatureToBytes,
} from '@dunbar/core'
import { Base64Column, keyFrame } from './base64-column.js'
import { BlockError } from './block-error.js'
import {
  type Dictionary,
  type DictionaryEnds,
  isFieldName,
  noEntry,
  type PathNode,
  rawSignature,
  type SignatureNode,
} from './dictionary.js'
import { LeafColumns } from './leaf-columns.js'
import {
  tagArray,
  tagDouble,
  tagEmptyObject,
  tagFalse,
  tagNull,
  tagObject,
  tagTrue,
  tagTuples,
} from './value-tag.js'

/** Messages of a block. More make it hardly smaller, and single reads slower. */
export const maxBlockMessages = 1024
/** Compact JSON of a block; see `blockEnd`. */
export const maxBlockTextBytes = 1024 * 1024
/** Objects and arrays within each other, the message itself included. */
export const maxFlatDepth = 60
/** An object with more keys is a table, not a shape. */
const maxShapeKeys = 64
/** Path of `content.type` in the well-known root. */
export const typePath = 7
/** Path of `content` in the well-known root. */
export const contentPath = 5

const signatureSize = 64
const keySize = 32

export interface BlockMessage {
  /** The message's id: 32 bytes. */
  readonly key: Uint8Array
  /** The message as `JSON.parse` gives it. Not changed. */
  readonly value: unknown
  /** `JSON.stringify(value)` in UTF-8, where it is at hand: spares making it to compare. */
  readonly json?: Uint8Array
}

/**
 * Index behind the last message of the block that begins at `from`, by the sizes of the messages'
 * compact JSON in bytes: as many as a block holds, at least one.
 */
export function blockEnd(sizesBytes: ArrayLike<number>, from: number): number {
  const most = Math.min(sizesBytes.length, from + maxBlockMessages)
  let end = from + 1
  let size = sizesBytes[from] ?? 0
  while (end < most) {
    size += sizesBytes[end]!
    if (size > maxBlockTextBytes) break
    end++
  }
  return end
}

/**
 * Messages of one feed, taken apart. Made by `flattenBlock`; written by `packBlock`, over a
 * dictionary that ends at `dictionary.ends` as they are after flattening, or later.
 */
export class FlatBlock {
  readonly author: FeedId
  readonly messages: readonly BlockMessage[]
  readonly dictionary: Dictionary
  readonly firstSequence: number
  /** Id of the message before the first; null where that one has none. */
  readonly previousHash: Uint8Array | null
  /** Id of the last message. */
  readonly lastHash: Uint8Array
  readonly types: Uint32Array
  readonly signatures: Uint32Array
  readonly timestamps: Float64Array
  readonly cryptoSignatures: Uint8Array
  readonly columns = new LeafColumns()
  /** What of the dictionary its messages may refer to. */
  readonly ends: DictionaryEnds
  /** Which messages are stored as JSON text. */
  readonly rawIndexes: ReadonlySet<number>

  constructor(
    author: FeedId,
    messages: readonly BlockMessage[],
    dictionary: Dictionary,
    mustBeRaw: ReadonlySet<number>,
  ) {
    const length = messages.length
    if (length < 1 || length > maxBlockMessages) {
      throw new RangeError(`a block has 1 to ${maxBlockMessages} messages, not ${length}`)
    }
    for (const { key } of messages) {
      if (key.length !== keySize) throw new RangeError('the id of a message has 32 bytes')
    }
    this.author = author
    this.messages = messages
    this.dictionary = dictionary
    this.types = new Uint32Array(length)
    this.signatures = new Uint32Array(length)
    this.timestamps = new Float64Array(length)
    this.cryptoSignatures = new Uint8Array(length * signatureSize)
    const first = fieldsOf(messages[0]!.value)
    this.firstSequence = firstSequence(first)
    this.previousHash = firstPrevious(first)
    this.lastHash = messages[length - 1]!.key
    this.rawIndexes = new Flattening(this).run(mustBeRaw)
    this.ends = dictionary.ends
  }

  get length(): number {
    return this.messages.length
  }

  /** The same messages, these and those that are already stored as JSON text. */
  withRaw(indexes: ReadonlySet<number>): FlatBlock {
    const mustBeRaw = new Set([...this.rawIndexes, ...indexes])
    return new FlatBlock(this.author, this.messages, this.dictionary, mustBeRaw)
  }
}

/**
 * Takes 1 to 1,024 consecutive messages of a feed apart. The dictionary grows by what is new in
 * them. Costs about 4 µs a message; parsing it has cost a quarter of that.
 * @throws {RangeError} on another number of messages
 * @throws {ARCHIVE_BLOCK_NOT_CONSECUTIVE} where a message has another author, sequence or predecessor
 */
export function flattenBlock(
  author: FeedId,
  messages: readonly BlockMessage[],
  dictionary: Dictionary,
): FlatBlock {
  return new FlatBlock(author, messages, dictionary, new Set())
}

/** The ids of messages, one after the other. */
export function keysOf(messages: readonly BlockMessage[]): Uint8Array {
  const keys = new Uint8Array(messages.length * keySize)
  for (let index = 0; index < messages.length; index++) {
    keys.set(messages[index]!.key, index * keySize)
  }
  return keys
}

type Fields = Readonly<Record<string, unknown>>

/** Where an object stands, as far as the version's list of data-like paths asks. */
const elsewhere = 0
const atContent = 1
const atMentions = 2
const atData = 3
const dataFields = new Set([
  'reply',
  'refs',
  'tangles',
  'attendee',
  'dependencies',
  'devDependencies',
])

class Flattening {
  readonly #flat: FlatBlock
  readonly #columns: LeafColumns
  readonly #dictionary: Dictionary
  /** 0 while the type of the message at hand is a leaf like any other, or there is none. */
  #typeId = 0

  constructor(flat: FlatBlock) {
    this.#flat = flat
    this.#columns = flat.columns
    this.#dictionary = flat.dictionary
  }

  run(mustBeRaw: ReadonlySet<number>): Set<number> {
    const { author, messages, firstSequence, signatures, types, timestamps } = this.#flat
    const rawIndexes = new Set<number>()
    const keyTexts = new Base64Column(keysOf(messages), keySize, keyFrame)
    const { previousHash } = this.#flat
    let previous: string | null = previousHash === null ? null : messageKeyFromBytes(previousHash)
    for (let index = 0; index < messages.length; index++) {
      const { value } = messages[index]!
      const fields = fieldsOf(value)
      const isNext =
        fields.author === author &&
        fields.sequence === firstSequence + index &&
        fields.previous === previous
      if (!isNext) throw notConsecutive(`message ${index} of a block does not follow`)
      previous = keyTexts.at(index)
      const { timestamp } = fields
      if (typeof timestamp === 'number' && Number.isFinite(timestamp)) timestamps[index] = timestamp

      const columns = this.#columns.mark()
      const { ends } = this.#dictionary
      let signature = rawSignature
      if (!mustBeRaw.has(index)) {
        this.#typeId = types[index] = this.#typeOf(fields.content)
        signature = this.#message(fields, index)
      }
      signatures[index] = signature
      if (signature !== rawSignature) continue
      this.#columns.rollback(columns)
      this.#dictionary.rollback(ends)
      types[index] = this.#typeOf(fields.content)
      this.#flat.cryptoSignatures.fill(0, index * signatureSize, (index + 1) * signatureSize)
      this.#columns.putPlainText(JSON.stringify(value))
      rawIndexes.add(index)
    }
    return rawIndexes
  }

  #typeOf(content: unknown): number {
    if (!isObject(content) || !Object.hasOwn(content, 'type')) return 0
    const { type } = content
    return typeof type === 'string' ? this.#dictionary.typeId(type) : 0
  }

  /** The id of the message's signature, `rawSignature` where it does not fit. */
  #message(fields: Fields, index: number): number {
    const names = Object.keys(fields)
    if (!areClassicFields(names)) return rawSignature
    const { timestamp, hash, content } = fields
    if (hash !== 'sha256') return rawSignature
    if (typeof timestamp !== 'number' || !Number.isFinite(timestamp)) return rawSignature
    const signature = signatureToBytes(fields.signature)
    if (signature === null) return rawSignature
    this.#flat.cryptoSignatures.set(signature, index * signatureSize)

    const dictionary = this.#dictionary
    const { top, noLeaves } = dictionary
    let leaves: SignatureNode | undefined = noLeaves
    for (const key of names) {
      const node = dictionary.below(top, key)
      if (node === undefined || leaves === undefined) return rawSignature
      if (key === 'content' && isObject(content)) {
        const keys = Object.keys(content)
        if (isShape(keys, node, atContent)) {
          leaves = this.#shape(content, keys, node, leaves, atContent, 2)
          continue
        }
      }
      leaves = dictionary.afterLeaf(leaves, dictionary.pathAt(node))
      if (key === 'content' && !this.#leaf(content, atContent, 1)) return rawSignature
    }
    return leaves === undefined ? rawSignature : dictionary.signatureAt(leaves)
  }

  /** The leaves of an object that is no leaf itself; undefined where they do not fit. */
  #shape(
    object: Fields,
    keys: readonly string[],
    node: PathNode,
    before: SignatureNode,
    place: number,
    depth: number,
  ): SignatureNode | undefined {
    if (depth > maxFlatDepth) return undefined
    const dictionary = this.#dictionary
    let leaves: SignatureNode | undefined = before
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!
      const below = dictionary.below(node, key)
      if (below === undefined) return undefined
      const value = object[key]
      const placeBelow = place === elsewhere ? elsewhere : step(place, key)
      if (isObject(value)) {
        const keysBelow = Object.keys(value)
        if (isShape(keysBelow, below, placeBelow)) {
          leaves = this.#shape(value, keysBelow, below, leaves, placeBelow, depth + 1)
          if (leaves === undefined) return undefined
          continue
        }
      }
      const path = below.pathId === noEntry ? dictionary.pathAt(below) : below.pathId
      leaves = dictionary.afterLeaf(leaves, path)
      if (leaves === undefined) return undefined
      if (path === typePath && this.#typeId !== 0) continue
      if (!this.#leaf(value, placeBelow, depth)) return undefined
    }
    return leaves
  }

  /** Puts a leaf, which lies in `depth` objects and arrays; false where it does not fit. */
  #leaf(value: unknown, place: number, depth: number): boolean {
    const columns = this.#columns
    switch (typeof value) {
      case 'string':
        return columns.putText(value)
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
          columns.putInteger(value)
          return true
        }
        if (!Number.isFinite(value)) return false
        columns.tags.push(tagDouble)
        columns.doubles.push(value)
        return true
      case 'boolean':
        columns.tags.push(value ? tagTrue : tagFalse)
        return true
      default:
        if (value === null) {
          columns.tags.push(tagNull)
          return true
        }
        if (Array.isArray(value)) return this.#array(value, place, depth + 1)
        return this.#object(value as Fields, place, depth + 1)
    }
  }

  #array(array: readonly unknown[], place: number, depth: number): boolean {
    if (depth > maxFlatDepth) return false
    this.#columns.tags.push(tagArray)
    this.#columns.integers.push(array.length)
    for (const value of array) if (!this.#leaf(value, place, depth)) return false
    return true
  }

  #object(object: Fields, place: number, depth: number): boolean {
    if (depth > maxFlatDepth) return false
    const columns = this.#columns
    const keys = Object.keys(object)
    if (keys.length === 0) {
      columns.tags.push(tagEmptyObject)
      return true
    }
    const { top, noLeaves } = this.#dictionary
    if (!isShape(keys, top, place)) {
      columns.tags.push(tagTuples)
      columns.integers.push(keys.length)
      for (const key of keys) {
        if (!columns.putText(key)) return false
        if (!this.#leaf(object[key], step(place, key), depth)) return false
      }
      return true
    }
    columns.tags.push(tagObject)
    const signatureAt = columns.integers.push(0) - 1
    // The type of the message stands in its own signature only.
    const typeId = this.#typeId
    this.#typeId = 0
    const leaves = this.#shape(object, keys, top, noLeaves, place, depth)
    this.#typeId = typeId
    if (leaves === undefined) return false
    const signature = this.#dictionary.signatureAt(leaves)
    columns.integers[signatureAt] = signature
    return signature !== rawSignature
  }
}

/** True for an object that is taken apart; else it is a leaf: empty, or data in the form of an object. */
function isShape(keys: readonly string[], node: PathNode, place: number): boolean {
  if (keys.length === 0 || keys.length > maxShapeKeys || place === atData) return false
  // A name below the node is a field name already.
  for (const key of keys) if (node.below?.has(key) !== true && !isFieldName(key)) return false
  return true
}

function step(place: number, key: string): number {
  if (place === atContent) {
    if (key === 'mentions') return atMentions
    return dataFields.has(key) ? atData : elsewhere
  }
  return place === atMentions && key === 'dependencies' ? atData : elsewhere
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldsOf(value: unknown): Fields {
  if (isObject(value)) return value
  throw notConsecutive('a message is an object')
}

function areClassicFields(names: readonly string[]): boolean {
  return (
    names.length === 7 &&
    names[0] === 'previous' &&
    ((names[1] === 'author' && names[2] === 'sequence') ||
      (names[1] === 'sequence' && names[2] === 'author')) &&
    names[3] === 'timestamp' &&
    names[4] === 'hash' &&
    names[5] === 'content' &&
    names[6] === 'signature'
  )
}

function firstSequence({ sequence }: Fields): number {
  if (Number.isInteger(sequence)) {
    if ((sequence as number) >= 1 && (sequence as number) <= MAX_SEQUENCE) return sequence as number
  }
  throw notConsecutive('the first message of a block has no sequence')
}

function firstPrevious({ previous }: Fields): Uint8Array | null {
  if (previous === null) return null
  if (isMessageKey(previous)) return messageKeyToBytes(previous)
  throw notConsecutive('the first message of a block has no predecessor and not null')
}

function notConsecutive(text: string): BlockError {
  return new BlockError('ARCHIVE_BLOCK_NOT_CONSECUTIVE', text)
}
