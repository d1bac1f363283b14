/**
 * JSON as bytes, written straight from the columns of a block: no text is made on the way. The parts
 * of a message's text that are no leaves lie ready in pieces.
 *
 * There are three forms (see `TextForm`). In the hashed form every UTF-16 unit gives one byte, so the
 * number of bytes is the number of units, by which the length of a message is judged. Where the
 * hashed and the compact form are wanted, both are written in one walk: most of one is in the other.
 */

import { writeBase64 } from './base64-column.js'
import { malformedBlob } from './blob.js'
import type { LeafReader } from './leaf-reader.js'
import { bothForms, compactForm, hashedForm, type Shape, type TextForm } from './shape.js'
import {
  tagArray,
  tagBlobId,
  tagBox,
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

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a

/** A message of 8,192 units has at most three bytes a unit. */
const maxTextBytes = 24 * 1024
/** A leaf of 8,192 units as escapes, or a piece, may be written before the length is looked at. */
const room = maxTextBytes + 2 * 64 * 1024

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const nullText = ascii('null')
const trueText = ascii('true')
const falseText = ascii('false')
const hashSuffix = ascii('=.sha256"')
const feedSuffix = ascii('=.ed25519"')
const boxSuffix = ascii('.box"')
const box2Suffix = ascii('.box2"')
const hexUnits = ascii('0123456789abcdef')
const shortEscapes = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
])

/** Base64 of more bytes than this is made by Node. */
const minNativeBytes = 96

/** A buffer that the text of one message is written into. Not to be used for two at a time. */
export class JsonBytes {
  /** What is written so far lies before `at`. */
  readonly bytes = Buffer.allocUnsafeSlow(room)
  at = 0
  /** The compact form, where both are written: up to three bytes where the hashed one has one. */
  readonly compactBytes = Buffer.allocUnsafeSlow(3 * room)
  compactAt = 0

  begin(): void {
    this.at = 0
    this.compactAt = 0
  }

  /** What is written, once it is whole. A view, valid until the next text is begun. @throws {ARCHIVE_BLOB_MALFORMED} */
  written(): Buffer {
    if (this.at > maxTextBytes) throw malformedBlob('a message is too long')
    return this.bytes.subarray(0, this.at)
  }

  /** As `written`, of the compact form where both are written. Its length was looked at with the other. */
  writtenCompact(): Buffer {
    return this.compactBytes.subarray(0, this.compactAt)
  }

  compactPiece(piece: Uint8Array): void {
    this.compactBytes.set(piece, this.compactAt)
    this.compactAt += piece.length
  }

  /** Adds to the compact form what the other one has from a place on. */
  mirror(from: number): void {
    const { bytes, compactBytes, at } = this
    let compactAt = this.compactAt
    for (let index = from; index < at; index++) compactBytes[compactAt++] = bytes[index]!
    this.compactAt = compactAt
  }

  /** One byte that all forms have. */
  mark(form: TextForm, byte: number): void {
    this.bytes[this.at++] = byte
    if (form === bothForms) this.compactBytes[this.compactAt++] = byte
  }

  piece(piece: Uint8Array): void {
    if (this.at > maxTextBytes) throw malformedBlob('a message is too long')
    this.bytes.set(piece, this.at)
    this.at += piece.length
  }

  /** A number as JSON has it. */
  number(value: number): void {
    if (value >= 0 && value < 1e9 && Number.isInteger(value)) {
      this.#digits(value, 1)
      return
    }
    if (value >= 1e9 && value < 1e15 && Number.isInteger(value)) {
      const high = Math.floor(value / 1e8)
      this.#digits(high, 1)
      this.#digits(value - high * 1e8, 8)
      return
    }
    this.text(String(value))
  }

  /** ASCII as it is. */
  text(text: string): void {
    this.at += this.bytes.write(text, this.at, 'latin1')
  }

  /** A whole text of any length. @throws {ARCHIVE_BLOB_MALFORMED} where no message is so long */
  rawText(text: string, encoding: 'latin1' | 'utf8'): void {
    if (text.length > maxTextBytes) throw malformedBlob('a message is too long')
    this.at += this.bytes.write(text, this.at, encoding)
  }

  /** The id of a message with its quotes. */
  messageId(hashes: Uint8Array, from: number): void {
    this.id(0x25, hashes, from, hashSuffix)
  }

  id(sigil: number, keys: Uint8Array, from: number, suffix: Uint8Array): void {
    this.bytes[this.at++] = quote
    this.bytes[this.at++] = sigil
    this.base64(keys, from, from + 32)
    // The suffix has the padding too.
    this.at--
    this.piece(suffix)
  }

  #digits(value: number, least: number): void {
    let count = least
    for (let bound = 10 ** least; value >= bound; bound *= 10) count++
    let rest = value
    for (let at = this.at + count - 1; at >= this.at; at--) {
      const next = Math.floor(rest / 10)
      this.bytes[at] = 0x30 + rest - next * 10
      rest = next
    }
    this.at += count
  }

  /** A line break and the indentation of a line so many levels deep; nothing in compact form. */
  line(form: TextForm, level: number): void {
    if (form === compactForm) return
    if (this.at > maxTextBytes) throw malformedBlob('a message is too long')
    const { bytes } = this
    bytes[this.at++] = 0x0a
    const end = this.at + 2 * level
    for (let at = this.at; at < end; at++) bytes[at] = 0x20
    this.at = end
  }

  /** Base64 with padding. */
  base64(from: Uint8Array, start: number, end: number): void {
    this.at = writeBase64(this.bytes, this.at, from, start, end)
  }

  /** A string with its quotes out of UTF-8, `units` UTF-16 units of it; gives where it ends. */
  string(form: TextForm, utf8: Uint8Array, from: number, units: number): number {
    const { bytes } = this
    let { at } = this
    let index = from
    bytes[at++] = quote
    for (let left = units; left > 0; left--) {
      const byte = utf8[index++]!
      if (byte < 0x80) {
        if (byte >= 0x20 && byte !== quote && byte !== backslash) bytes[at++] = byte
        else at = escaped(bytes, byte, at)
        continue
      }
      if (byte >= 0xf0) left--
      if (form !== hashedForm && form !== bothForms) {
        const end = index + (byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1)
        bytes[at++] = byte
        while (index < end) bytes[at++] = utf8[index++]!
        continue
      }
      if (byte < 0xe0) bytes[at++] = (byte << 6) | (utf8[index++]! & 63)
      else if (byte < 0xf0) {
        bytes[at++] = (utf8[index]! << 6) | (utf8[index + 1]! & 63)
        index += 2
      } else {
        const point =
          ((byte & 7) << 18) |
          ((utf8[index]! & 63) << 12) |
          ((utf8[index + 1]! & 63) << 6) |
          (utf8[index + 2]! & 63)
        index += 3
        bytes[at++] = (point - 0x10000) >> 10
        bytes[at++] = point
      }
    }
    bytes[at++] = quote
    const start = this.at
    this.at = at
    if (form === bothForms) {
      if (index - from === units) this.mirror(start)
      else this.#compactString(utf8, from, index)
    }
    return index
  }

  #compactString(utf8: Uint8Array, from: number, end: number): void {
    const { compactBytes } = this
    let at = this.compactAt
    compactBytes[at++] = quote
    for (let index = from; index < end; index++) {
      const byte = utf8[index]!
      if (byte >= 0x20 && byte !== quote && byte !== backslash) compactBytes[at++] = byte
      else at = escaped(compactBytes, byte, at)
    }
    compactBytes[at++] = quote
    this.compactAt = at
  }
}

/** Writes a character that can't stand in a string as it is; gives where it ends. */
function escaped(bytes: Uint8Array, unit: number, from: number): number {
  let at = from
  bytes[at++] = backslash
  if (unit >= 0x20) {
    bytes[at++] = unit
    return at
  }
  const short = shortEscapes.get(unit)
  if (short !== undefined) {
    bytes[at++] = short
    return at
  }
  bytes[at++] = 0x75
  bytes[at++] = 0x30
  bytes[at++] = 0x30
  bytes[at++] = hexUnits[unit >> 4]!
  bytes[at++] = hexUnits[unit & 15]!
  return at
}

/** Writes values from the place of a reader on, in a block that has been walked. */
export class LeafWriter {
  readonly #reader: LeafReader
  readonly #out: JsonBytes
  readonly #objectShape: (id: number) => Shape

  constructor(reader: LeafReader, out: JsonBytes, objectShape: (id: number) => Shape) {
    this.#reader = reader
    this.#out = out
    this.#objectShape = objectShape
  }

  /**
   * The object of a shape on a line that is `level` deep. `type` stands for its type where that is no
   * leaf, `compactType` in the compact form where both are written.
   */
  shape(
    shape: Shape,
    form: TextForm,
    level: number,
    type: Uint8Array | undefined,
    compactType: Uint8Array | undefined,
  ): void {
    const out = this.#out
    const isBoth = form === bothForms
    const pieces = shape.pieces(isBoth ? hashedForm : form, level)
    const compactPieces = isBoth ? shape.pieces(compactForm, level) : pieces
    const { steps } = shape
    for (let index = 0; index < steps.length; index++) {
      out.piece(pieces[index]!)
      if (isBoth) out.compactPiece(compactPieces[index]!)
      const step = steps[index]!
      if (step.isType && type !== undefined) {
        out.piece(type)
        if (isBoth) out.compactPiece(compactType!)
      } else this.leaf(form, level + step.depth)
    }
    out.piece(pieces[steps.length]!)
    if (isBoth) out.compactPiece(compactPieces[steps.length]!)
  }

  leaf(form: TextForm, level: number): void {
    const out = this.#out
    const { arrays, place } = this.#reader
    const tag = arrays.tags[place.tag++]!
    const from = out.at
    switch (tag) {
      case tagNull:
        out.piece(nullText)
        break
      case tagFalse:
        out.piece(falseText)
        break
      case tagTrue:
        out.piece(trueText)
        break
      case tagInt:
        out.number(arrays.integers[place.integer++]!)
        break
      case tagDouble:
        out.text(String(arrays.doubles[place.double++]!))
        break
      case tagEmptyObject:
        out.text('{}')
        break
      case tagArray:
        this.#array(form, level)
        return
      case tagTuples:
        this.#tuples(form, level)
        return
      case tagObject: {
        const shape = this.#objectShape(arrays.integers[place.integer++]!)
        this.shape(shape, form, level, undefined, undefined)
        return
      }
      default:
        this.#text(tag, form)
        return
    }
    if (form === bothForms) out.mirror(from)
  }

  #array(form: TextForm, level: number): void {
    const out = this.#out
    const { arrays, place } = this.#reader
    const count = arrays.integers[place.integer++]!
    out.mark(form, 0x5b)
    for (let index = 0; index < count; index++) {
      if (index > 0) out.mark(form, comma)
      out.line(form, level + 1)
      this.leaf(form, level + 1)
    }
    if (count > 0) out.line(form, level)
    out.mark(form, 0x5d)
  }

  #tuples(form: TextForm, level: number): void {
    const out = this.#out
    const { arrays, place } = this.#reader
    const count = arrays.integers[place.integer++]!
    out.mark(form, 0x7b)
    for (let index = 0; index < count; index++) {
      if (index > 0) out.mark(form, comma)
      out.line(form, level + 1)
      this.#text(arrays.tags[place.tag++]!, form)
      out.mark(form, colon)
      if (form !== compactForm) out.bytes[out.at++] = 0x20
      this.leaf(form, level + 1)
    }
    out.line(form, level)
    out.mark(form, 0x7d)
  }

  #text(tag: number, form: TextForm): void {
    const out = this.#out
    const { arrays, place } = this.#reader
    const start = out.at
    switch (tag) {
      case tagString: {
        const units = arrays.stringLengths[place.string++]!
        place.unit += units
        place.utf8 = out.string(form, arrays.utf8, place.utf8, units)
        return
      }
      case tagMessageId:
        this.#id(0x25, hashSuffix)
        break
      case tagBlobId:
        this.#id(0x26, hashSuffix)
        break
      case tagFeedId:
        this.#id(0x40, feedSuffix)
        break
      default: {
        const from = place.binary
        const end = from + arrays.binaryLengths[place.binaryLength++]!
        place.binary = end
        out.bytes[out.at++] = quote
        if (tag === tagHex) {
          for (let index = from; index < end; index++) {
            const byte = arrays.binary[index]!
            out.bytes[out.at++] = hexUnits[byte >> 4]!
            out.bytes[out.at++] = hexUnits[byte & 15]!
          }
          out.bytes[out.at++] = quote
          break
        }
        if (end - from > minNativeBytes) out.text(arrays.binary.toString('base64', from, end))
        else out.base64(arrays.binary, from, end)
        out.piece(tag === tagBox ? boxSuffix : box2Suffix)
      }
    }
    if (form === bothForms) out.mirror(start)
  }

  #id(sigil: number, suffix: Uint8Array): void {
    const { arrays, place } = this.#reader
    this.#out.id(sigil, arrays.keys, arrays.keyRefs[place.keyRef++]! * 32, suffix)
  }
}
