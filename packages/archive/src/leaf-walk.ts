/**
 * One walk over all leaves of a block before anybody reads one: every tag, count, reference and
 * length is checked against the columns, nothing may be left over, and no message may grow beyond
 * what a message may have. Readers after it check nothing. It notes where each message begins.
 * @source ARCHIVE.md 3.6
 */
import { maxMessageUnits } from '@dunbar/formats'
import { malformedBlob } from './blob.js'
import type { DictionaryEnds } from './dictionary.js'
import { rawSignature } from './dictionary.js'
import { maxFlatDepth } from './flattening.js'
import {
  idText,
  isTextTag,
  type LeafArrays,
  type LeafPlace,
  type LeafReader,
} from './leaf-reader.js'
import type { Shape, Shapes } from './shape.js'
import {
  tagArray,
  tagBlobId,
  tagBox,
  tagBox2,
  tagDouble,
  tagEmptyObject,
  tagFalse,
  tagFeedId,
  tagHex,
  tagInt,
  tagMessageId,
  tagNull,
  tagObject,
  tagString,
  tagTrue,
  tagTuples,
} from './value-tag.js'

const placeFields = 8
const idUnits = 54
const hashSize = 32

/** Where each message of a block begins in each column; but for `utf8`, which follows from `unit`. */
export class LeafPlaces {
  readonly #places: Uint32Array

  constructor(length: number) {
    this.#places = new Uint32Array(length * placeFields)
  }

  note(index: number, place: LeafPlace): void {
    const at = index * placeFields
    const places = this.#places
    places[at] = place.tag
    places[at + 1] = place.integer
    places[at + 2] = place.string
    places[at + 3] = place.unit
    places[at + 4] = place.keyRef
    places[at + 5] = place.binaryLength
    places[at + 6] = place.binary
    places[at + 7] = place.double
  }

  /** Where the texts of a message begin, in UTF-16 units. */
  unit(index: number): number {
    return this.#places[index * placeFields + 3]!
  }

  seek(index: number, place: LeafPlace): void {
    const at = index * placeFields
    const places = this.#places
    place.tag = places[at]!
    place.integer = places[at + 1]!
    place.string = places[at + 2]!
    place.unit = places[at + 3]!
    place.keyRef = places[at + 4]!
    place.binaryLength = places[at + 5]!
    place.binary = places[at + 6]!
    place.double = places[at + 7]!
  }
}

/**
 * Walks over the leaves of all messages.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 */
export function walkLeaves(
  reader: LeafReader,
  shapes: Shapes,
  ends: DictionaryEnds,
  signatures: Uint32Array,
  types: Uint32Array,
): LeafPlaces {
  const walk = new LeafWalk(reader, shapes, ends)
  const places = new LeafPlaces(signatures.length)
  for (let index = 0; index < signatures.length; index++) {
    places.note(index, walk.place)
    walk.message(signatures[index]!, types[index]!)
  }
  walk.end()
  return places
}

class LeafWalk {
  readonly #arrays: LeafArrays
  readonly #shapes: Shapes
  readonly #ends: DictionaryEnds
  readonly #reader: LeafReader
  readonly place: LeafPlace
  /** Keys that leaves have referred to so far. */
  #keysSeen = 0
  /** UTF-16 units that the message at hand has at the least. */
  #units = 0

  constructor(reader: LeafReader, shapes: Shapes, ends: DictionaryEnds) {
    const { arrays } = reader
    this.#arrays = arrays
    this.#shapes = shapes
    this.#ends = ends
    this.#reader = reader
    this.place = this.#reader.place
  }

  message(signature: number, type: number): void {
    const { place } = this
    this.#units = 0
    if (signature === rawSignature) {
      if (this.#arrays.tags[place.tag++] !== tagString)
        throw malformedBlob('a raw message is a text')
      this.#string()
    } else {
      const { content } = this.#shapes.message(signature, this.#ends)
      if (content === null) this.#leaf(1)
      else this.#shape(content, 1, type)
    }
  }

  /** Nothing is left over in any column. */
  end(): void {
    const { place } = this
    const arrays = this.#arrays
    const isAtEnd =
      place.tag === arrays.tags.length &&
      place.integer === arrays.integers.length &&
      place.string === arrays.stringLengths.length &&
      place.unit === arrays.text.length &&
      place.keyRef === arrays.keyRefs.length &&
      this.#keysSeen === arrays.keys.length / hashSize &&
      place.binaryLength === arrays.binaryLengths.length &&
      place.binary === arrays.binary.length &&
      place.double === arrays.doubles.length
    if (!isAtEnd) throw malformedBlob('its columns hold more than its messages')
  }

  #shape(shape: Shape, depth: number, type: number): void {
    if (depth + shape.depth > maxFlatDepth) throw malformedBlob('a message nests too deep')
    this.#grow(shape.units)
    for (const step of shape.steps) {
      if (step.isType && type !== 0) continue
      this.#leaf(depth + step.depth)
    }
  }

  /** A leaf within `depth` objects and arrays. */
  #leaf(depth: number): void {
    const arrays = this.#arrays
    const { place } = this
    const tag = arrays.tags[place.tag++]
    switch (tag) {
      case tagNull:
      case tagFalse:
      case tagTrue:
        this.#grow(4)
        return
      case tagInt:
        this.#integer()
        this.#grow(1)
        return
      case tagDouble: {
        const value = arrays.doubles[place.double++]
        if (value === undefined || !Number.isFinite(value)) throw malformedBlob('a double is none')
        this.#grow(1)
        return
      }
      case tagString:
        this.#string()
        return
      case tagMessageId:
      case tagFeedId:
      case tagBlobId: {
        const ref = arrays.keyRefs[place.keyRef++]
        // Keys lie in the order of their first use.
        if (ref === undefined || ref > this.#keysSeen) throw malformedBlob('a key is not there')
        if (ref === this.#keysSeen) this.#keysSeen++
        this.#reader.noteKind(ref, tag)
        this.#grow(idUnits)
        return
      }
      case tagHex:
      case tagBox:
      case tagBox2: {
        const size = arrays.binaryLengths[place.binaryLength++]
        if (size === undefined || size > arrays.binary.length - place.binary) {
          throw malformedBlob('binary values are longer than there are bytes')
        }
        place.binary += size
        this.#grow(size)
        return
      }
      case tagEmptyObject:
        this.#grow(2)
        return
      case tagArray: {
        const count = this.#count(depth + 1, 1)
        for (let index = 0; index < count; index++) this.#leaf(depth + 1)
        return
      }
      case tagTuples:
        this.#tuples(depth + 1)
        return
      case tagObject:
        this.#shape(this.#shapes.object(this.#integer(), this.#ends), depth, 0)
        return
      default:
        throw malformedBlob('a leaf has no known tag')
    }
  }

  #tuples(depth: number): void {
    const count = this.#count(depth, 2)
    if (count === 0) throw malformedBlob('an object without fields has a tag of its own')
    const keys = count === 1 ? null : new Set<string>()
    let lastIndex = -1
    for (let at = 0; at < count; at++) {
      const key = this.#key()
      const index = arrayIndex(key)
      // JavaScript puts such keys first, in their order: others can't come out again as they are.
      if (index !== null && index <= lastIndex)
        throw malformedBlob('an object has keys in no order')
      if (keys?.has(key)) throw malformedBlob('an object has a key twice')
      keys?.add(key)
      lastIndex = index ?? Number.POSITIVE_INFINITY
      this.#leaf(depth)
    }
  }

  #key(): string {
    const { place } = this
    const tag = this.#arrays.tags[place.tag]
    if (tag === undefined || !isTextTag(tag)) throw malformedBlob('a key is no text')
    const { string, unit, keyRef, binaryLength, binary } = place
    this.#leaf(0)
    if (tag >= tagMessageId && tag <= tagBlobId) {
      const { keyRefs, keys } = this.#arrays
      return idText(tag, keys, keyRefs[keyRef]!)
    }
    // Read once more what has been checked.
    place.string = string
    place.unit = unit
    place.binaryLength = binaryLength
    place.binary = binary
    return this.#reader.text(tag)
  }

  #string(): void {
    const arrays = this.#arrays
    const { place } = this
    const units = arrays.stringLengths[place.string++]
    if (units === undefined || units > arrays.text.length - place.unit) {
      throw malformedBlob('texts are longer than there are units')
    }
    place.unit += units
    if (!arrays.isAscii && (arrays.text.charCodeAt(place.unit) & 0xfc00) === 0xdc00) {
      throw malformedBlob('a text ends within a character')
    }
    this.#grow(units + 2)
  }

  #integer(): number {
    const value = this.#arrays.integers[this.place.integer++]
    if (value === undefined) throw malformedBlob('an integer is not there')
    return value
  }

  /** The count of an array or object, each part of which has `leaves` leaves. */
  #count(depth: number, leaves: number): number {
    if (depth > maxFlatDepth) throw malformedBlob('a message nests too deep')
    const count = this.#integer()
    const left = this.#arrays.tags.length - this.place.tag
    if (count < 0 || count * leaves > left)
      throw malformedBlob('a count is larger than what is left')
    this.#grow(2 + count)
    return count
  }

  #grow(units: number): void {
    this.#units += units
    if (this.#units > maxMessageUnits) throw malformedBlob('a message is too long')
  }
}

const indexPattern = /^(?:0|[1-9][0-9]{0,9})$/
const maxArrayIndex = 2 ** 32 - 2

/** The number that a key stands for where JavaScript takes it for an index; else null. */
function arrayIndex(key: string): number | null {
  const first = key.charCodeAt(0)
  if (!(first >= 0x30 && first <= 0x39) || !indexPattern.test(key)) return null
  const index = Number(key)
  return index <= maxArrayIndex ? index : null
}
