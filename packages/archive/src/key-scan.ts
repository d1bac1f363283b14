/**
 * Which messages of a block have an id in their content, without its text. Ids stand once in the
 * block, so one that is not there is nowhere; for one that is, tags and counts are walked to see
 * which message each reference belongs to.
 */
import {
  blobIdToBytes,
  feedIdToBytes,
  isBlobId,
  isFeedId,
  isMessageKey,
  messageKeyToBytes,
} from '@dunbar/core'
import { ByteBuffer } from 'flatbuffers'
import { ValueColumns } from './bipf2-generated.js'
import { malformedBlob, ownBytes, read1234 } from './blob.js'
import { type BlockFrame, hashSize } from './block-frame.js'
import { decodeBytes } from './coded-bytes.js'
import { type DictionaryEnds, noEntry, rawSignature } from './dictionary.js'
import { contentPath, maxFlatDepth } from './flattening.js'
import { type Shape, Shapes } from './shape.js'
import { read1248 } from './timestamp-column.js'
import {
  tagArray,
  tagBlobId,
  tagFeedId,
  tagInt,
  tagMessageId,
  tagObject,
  tagTuples,
} from './value-tag.js'

/** An id in canonical form, as blocks keep it. */
export interface LeafKey {
  readonly bytes: Uint8Array
  readonly tag: number
}

/** The key of an id of a feed, message or blob in canonical form; null for every other value. */
export function leafKeyOf(value: unknown): LeafKey | null {
  if (isMessageKey(value)) return { bytes: messageKeyToBytes(value), tag: tagMessageId }
  if (isFeedId(value)) return { bytes: feedIdToBytes(value), tag: tagFeedId }
  if (isBlobId(value)) return { bytes: blobIdToBytes(value), tag: tagBlobId }
  return null
}

/** The references to ids in a block, by message. */
export class KeyScan {
  readonly #frame: BlockFrame
  #places: KeyPlaces | null = null

  constructor(frame: BlockFrame) {
    this.#frame = frame
  }

  /**
   * One byte a message: not 0 where an id is among its leaves, and for every message that is stored
   * as its text. Text is not unfolded, and nothing is where the block does not have the id.
   * @throws {ARCHIVE_BLOB_MALFORMED}
   */
  holders(key: LeafKey): Uint8Array {
    const holders = new Uint8Array(this.#frame.signatures.length)
    for (const [index, signature] of this.#frame.signatures.entries()) {
      if (signature === rawSignature) holders[index] = 1
    }
    const ref = this.#find(key.bytes)
    if (ref === null) return holders
    this.#places ??= new KeyWalk(this.#frame).places()
    const { refs, tags, messages } = this.#places
    for (let at = 0; at < refs.length; at++) {
      if (refs[at] === ref && tags[at] === key.tag) holders[messages[at]!] = 1
    }
    return holders
  }

  /**
   * One byte a message: not 0 where an id is the very value at a path that has this number in the
   * dictionary. Says nothing of messages that are stored as their text.
   * @throws {ARCHIVE_BLOB_MALFORMED}
   */
  holdersAt(pathId: number, key: LeafKey): Uint8Array {
    const holders = new Uint8Array(this.#frame.signatures.length)
    const ref = this.#find(key.bytes)
    if (ref === null) return holders
    this.#places ??= new KeyWalk(this.#frame).places()
    const { refs, tags, messages, paths } = this.#places
    for (let at = 0; at < refs.length; at++) {
      if (refs[at] === ref && tags[at] === key.tag && paths[at] === pathId) {
        holders[messages[at]!] = 1
      }
    }
    return holders
  }

  #find(key: Uint8Array): number | null {
    const keys = this.#frame.data.keysArray()
    if (keys === null) return null
    const bytes = Buffer.from(keys.buffer, keys.byteOffset, keys.length)
    for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) {
      if (at % hashSize === 0) return at / hashSize
    }
    return null
  }
}

/** Each reference to an id: which id, of what kind, in which message, and at which path. */
interface KeyPlaces {
  readonly refs: Uint32Array
  readonly tags: Uint8Array
  readonly messages: Uint16Array
  /** `noEntry` within arrays and tables. */
  readonly paths: Int32Array
}

/** Leaves of a message before those of its content. */
const headLeaves = 5

class KeyWalk {
  readonly #frame: BlockFrame
  readonly #ends: DictionaryEnds
  readonly #shapes: Shapes
  readonly #tags: Uint8Array
  readonly #integers: Float64Array
  readonly #refs: Uint32Array
  readonly #refTags: Uint8Array
  readonly #refMessages: Uint16Array
  readonly #refPaths: Int32Array
  #tag = 0
  #integer = 0
  #ref = 0
  #message = 0

  constructor(frame: BlockFrame) {
    this.#frame = frame
    this.#ends = frame.ends
    this.#shapes = Shapes.of(frame.dictionary)
    const raw = ownBytes(decodeBytes(frame.columns))
    const columns = ValueColumns.getRootAsValueColumns(new ByteBuffer(raw))
    this.#tags = columns.tagsArray() ?? new Uint8Array()
    this.#integers = read1248(columns.integers(), this.#tags.length)
    this.#refs = read1234(columns.keyRefs(), this.#tags.length)
    this.#refTags = new Uint8Array(this.#refs.length)
    this.#refMessages = new Uint16Array(this.#refs.length)
    this.#refPaths = new Int32Array(this.#refs.length)
  }

  places(): KeyPlaces {
    const { signatures, types, dictionary } = this.#frame
    for (this.#message = 0; this.#message < signatures.length; this.#message++) {
      const signature = signatures[this.#message]!
      if (signature === rawSignature) {
        this.#tag++
        continue
      }
      const { content } = this.#shapes.message(signature, this.#ends)
      const paths = dictionary.signature(signature)!
      if (content === null) this.#leaf(1, contentPath)
      else this.#shape(content, 1, types[this.#message]!, paths)
    }
    return {
      refs: this.#refs,
      tags: this.#refTags,
      messages: this.#refMessages,
      paths: this.#refPaths,
    }
  }

  #shape({ steps }: Shape, depth: number, type: number, paths: readonly number[] | null): void {
    for (const [at, { isType }] of steps.entries()) {
      if (!isType || type === 0) this.#leaf(depth, paths?.[headLeaves + at] ?? noEntry)
    }
  }

  #leaf(depth: number, path: number): void {
    const tag = this.#tags[this.#tag++]
    if (tag === undefined || depth > maxFlatDepth) throw malformedBlob('leaves do not fit together')
    if (tag === tagMessageId || tag === tagFeedId || tag === tagBlobId) {
      this.#refTags[this.#ref] = tag
      this.#refPaths[this.#ref] = path
      this.#refMessages[this.#ref++] = this.#message
    } else if (tag === tagInt) this.#integer++
    else if (tag === tagArray) this.#leaves(1, depth + 1)
    else if (tag === tagTuples) this.#leaves(2, depth + 1)
    else if (tag === tagObject) {
      this.#shape(this.#shapes.object(this.#next(), this.#ends), depth + 1, 0, null)
    }
  }

  #leaves(leavesEach: number, depth: number): void {
    const leafCount = this.#next() * leavesEach
    if (leafCount > this.#tags.length - this.#tag) throw malformedBlob('a count is too large')
    for (let at = 0; at < leafCount; at++) this.#leaf(depth, noEntry)
  }

  #next(): number {
    const integer = this.#integers[this.#integer++]
    if (integer === undefined) throw malformedBlob('an integer is not there')
    return integer
  }
}
