/**
 * The messages of a block out of its columns, as objects and as text. What all messages have in
 * common, and what follows from their place, is put back here.
 * @source ARCHIVE.md 3.4, 3.5
 */
import { isDeeperThan, maxNestingDepth } from '@dunbar/formats'
import { Base64Column } from './base64-column.js'
import { malformedBlob } from './blob.js'
import { type BlockFrame, hashSize, signatureSize } from './block-frame.js'
import { maxDictionaryEnds, maxTypeUnits, rawSignature } from './dictionary.js'
import { JsonBytes, LeafWriter } from './json-bytes.js'
import { isWellFormed } from './leaf-columns.js'
import { LeafReader, readLeafArrays } from './leaf-reader.js'
import { type LeafPlaces, walkLeaves } from './leaf-walk.js'
import { bothForms, compactForm, hashedForm, type Shape, Shapes, type TextForm } from './shape.js'
import { type Fields, ValueBuilder } from './value-builder.js'
import { tagTuples } from './value-tag.js'

const signatureFrame = [{ prefix: '', suffix: '.sig.ed25519' }]

/** One text at a time is written here, and copied before the next. */
const out = new JsonBytes()

/** A message as an object, its fields in the order that was signed. */
export interface MessageValue {
  readonly previous: string | null
  readonly author: string
  readonly sequence: number
  readonly timestamp: number
  readonly hash: string
  readonly content: unknown
  readonly signature: string
}

export class MessageReader {
  readonly #frame: BlockFrame
  readonly #timestamps: Float64Array
  readonly #shapes: Shapes
  readonly #reader: LeafReader
  readonly #places: LeafPlaces
  readonly #builder: ValueBuilder
  readonly #writer: LeafWriter
  readonly #heads: MessagePieces
  readonly #typeTexts: (Uint8Array | undefined)[] = []
  /** Where the bytes of each message's texts begin; only of texts that are not all ASCII. */
  #utf8Starts: Uint32Array | null = null
  #signatureTexts: Base64Column | null = null

  /**
   * Unfolds all columns and walks over all leaves once.
   * @throws {ARCHIVE_BLOB_MALFORMED}
   * @throws {ARCHIVE_BLOCK_UNSUPPORTED}
   */
  constructor(frame: BlockFrame, timestamps: Float64Array) {
    const { dictionary, ends, signatures, types } = frame
    const arrays = readLeafArrays(frame.data, frame)
    this.#frame = frame
    this.#timestamps = timestamps
    this.#shapes = Shapes.of(dictionary)
    this.#reader = new LeafReader(arrays)
    this.#places = walkLeaves(this.#reader, this.#shapes, ends, signatures, types)
    const objectShape = (id: number): Shape => this.#shapes.object(id, ends)
    this.#builder = new ValueBuilder(this.#reader, objectShape)
    this.#writer = new LeafWriter(this.#reader, out, objectShape)
    this.#heads = new MessagePieces(frame.sketch.author)
  }

  /** True where a message is stored as its text. */
  isRaw(index: number): boolean {
    return this.#frame.signatures[index] === rawSignature
  }

  /** A message that is stored as its text. @throws {ARCHIVE_BLOB_MALFORMED} where that is none */
  raw(index: number): Fields {
    this.#places.seek(index, this.#reader.place)
    const text = this.#builder.leaf() as string
    if (!isDeeperThan(text, maxNestingDepth)) {
      const value = parse(text)
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      if (isObject && JSON.stringify(value) === text) return value as Fields
    }
    throw malformedBlob('a raw message is not its own JSON')
  }

  /** True where the types column says of a message what its content says. */
  hasItsType(index: number): boolean {
    const { signatures, types, ends, dictionary } = this.#frame
    const id = types[index]!
    if (!this.isRaw(index)) {
      const shape = this.#shapes.message(signatures[index]!, ends).content
      if (shape === null) {
        this.#places.seek(index, this.#reader.place)
        const { arrays, place } = this.#reader
        if (arrays.tags[place.tag] !== tagTuples) return id === 0
      } else if (id !== 0 || !shape.hasType) return id === 0 || shape.hasType
    }
    const content = this.content(index)
    const hasType =
      typeof content === 'object' && content !== null && Object.hasOwn(content, 'type')
    const type = hasType ? (content as Fields).type : undefined
    if (id !== 0) return type === dictionary.type(id)
    // A type without an id is one that no dictionary takes.
    const isFull = ends.types >= maxDictionaryEnds.types
    return typeof type !== 'string' || isFull || type.length > maxTypeUnits || !isWellFormed(type)
  }

  content(index: number): unknown {
    const { signatures, types, ends, dictionary } = this.#frame
    const signature = signatures[index]!
    if (signature === rawSignature) return this.raw(index).content
    this.#places.seek(index, this.#reader.place)
    const shape = this.#shapes.message(signature, ends).content
    if (shape === null) return this.#builder.leaf()
    return this.#builder.shape(shape, dictionary.type(types[index]!))
  }

  /** A message as an object. `previous` is the id of the one before it. */
  value(index: number, previous: string | null): MessageValue {
    const { sketch, signatures, ends, cryptoSignatures } = this.#frame
    const shapeId = signatures[index]!
    if (shapeId === rawSignature) return this.raw(index) as unknown as MessageValue
    const { author } = sketch
    const sequence = sketch.firstSequence + index
    const timestamp = this.#timestamps[index]!
    const content = this.content(index)
    this.#signatureTexts ??= new Base64Column(cryptoSignatures, signatureSize, signatureFrame)
    const signature = this.#signatureTexts.at(index)
    return this.#shapes.message(shapeId, ends).isLegacyOrder
      ? { previous, sequence, author, timestamp, hash: 'sha256', content, signature }
      : { previous, author, sequence, timestamp, hash: 'sha256', content, signature }
  }

  /**
   * The text of a message; `hashes` holds the ids of the messages of the block, up to the one before
   * it at least. A view, valid until the next text of any block. Of both forms it is the hashed one;
   * `compact` has the other.
   */
  text(index: number, form: TextForm, hashes: Uint8Array): Buffer {
    const { sketch, signatures, types, ends, cryptoSignatures } = this.#frame
    out.begin()
    const shapeId = signatures[index]!
    if (shapeId === rawSignature) {
      this.#rawText(index, form)
      return out.written()
    }
    const isBoth = form === bothForms
    this.#seekBytes(index)
    const { isLegacyOrder, content } = this.#shapes.message(shapeId, ends)
    const pieces = this.#heads.of(isBoth ? hashedForm : form, isLegacyOrder)
    const compactPieces = isBoth ? this.#heads.of(compactForm, isLegacyOrder) : pieces
    for (let at = 0; at < pieces.length; at++) {
      out.piece(pieces[at]!)
      if (isBoth) out.compactPiece(compactPieces[at]!)
      const from = out.at
      if (at === 0) {
        if (index > 0) out.messageId(hashes, (index - 1) * hashSize)
        else if (sketch.previousHash === null) out.text('null')
        else out.messageId(sketch.previousHash, 0)
      } else if (at === 1) out.number(sketch.firstSequence + index)
      else if (at === 2) out.number(this.#timestamps[index]!)
      else if (at === 3) {
        if (content === null) this.#writer.leaf(form, 1)
        else {
          const type = types[index]!
          const compactType = isBoth ? this.#typeText(type, compactForm) : undefined
          this.#writer.shape(content, form, 1, this.#typeText(type, form), compactType)
        }
        continue
      } else if (at === 4) {
        out.base64(cryptoSignatures, index * signatureSize, (index + 1) * signatureSize)
      }
      if (isBoth) out.mirror(from)
    }
    return out.written()
  }

  /** The compact form of the text that was written last in both. A view as that. */
  get compact(): Buffer {
    return out.writtenCompact()
  }

  #rawText(index: number, form: TextForm): void {
    const value = this.raw(index)
    const isHashed = form === hashedForm || form === bothForms
    const text = form === compactForm ? JSON.stringify(value) : JSON.stringify(value, null, 2)
    out.rawText(text, isHashed ? 'latin1' : 'utf8')
    if (form === bothForms) out.compactPiece(Buffer.from(JSON.stringify(value)))
  }

  #seekBytes(index: number): void {
    const { place, arrays } = this.#reader
    this.#places.seek(index, place)
    if (arrays.isAscii) place.utf8 = place.unit
    else {
      this.#utf8Starts ??= utf8Starts(arrays.utf8, this.#places, this.#frame.sketch.length)
      place.utf8 = this.#utf8Starts[index]!
    }
  }

  #typeText(id: number, form: TextForm): Uint8Array | undefined {
    if (id === 0) return undefined
    const isHashed = form === hashedForm || form === bothForms
    const at = id * 2 + (isHashed ? 1 : 0)
    let text = this.#typeTexts[at]
    if (text === undefined) {
      const json = JSON.stringify(this.#frame.dictionary.type(id)!)
      text = Uint8Array.from(Buffer.from(json, isHashed ? 'latin1' : 'utf8'))
      this.#typeTexts[at] = text
    }
    return text
  }
}

/** Counts the UTF-16 units of UTF-8 up to where each message begins. */
function utf8Starts(utf8: Uint8Array, places: LeafPlaces, length: number): Uint32Array {
  const starts = new Uint32Array(length)
  let unit = 0
  let at = 0
  for (let index = 0; index < length; index++) {
    const end = places.unit(index)
    while (unit < end) {
      const byte = utf8[at]!
      at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
      unit += byte < 0xf0 ? 1 : 2
    }
    starts[index] = at
  }
  return starts
}

/** The text of a message around its values: six pieces, by form and order of fields. */
class MessagePieces {
  readonly #author: string
  readonly #known = new Map<number, readonly Uint8Array[]>()

  constructor(author: string) {
    this.#author = author
  }

  of(form: TextForm, isLegacyOrder: boolean): readonly Uint8Array[] {
    const key = (form === compactForm ? 2 : 0) + (isLegacyOrder ? 1 : 0)
    let pieces = this.#known.get(key)
    if (pieces === undefined) {
      const texts =
        form === compactForm ? this.#compact(isLegacyOrder) : this.#indented(isLegacyOrder)
      pieces = texts.map((text) => Uint8Array.from(Buffer.from(text)))
      this.#known.set(key, pieces)
    }
    return pieces
  }

  #compact(isLegacyOrder: boolean): string[] {
    const author = `"author":"${this.#author}",`
    return [
      '{"previous":',
      `,${isLegacyOrder ? '' : author}"sequence":`,
      `,${isLegacyOrder ? author : ''}"timestamp":`,
      ',"hash":"sha256","content":',
      ',"signature":"',
      '.sig.ed25519"}',
    ]
  }

  #indented(isLegacyOrder: boolean): string[] {
    const author = `"author": "${this.#author}",\n  `
    return [
      '{\n  "previous": ',
      `,\n  ${isLegacyOrder ? '' : author}"sequence": `,
      `,\n  ${isLegacyOrder ? author : ''}"timestamp": `,
      ',\n  "hash": "sha256",\n  "content": ',
      ',\n  "signature": "',
      '.sig.ed25519"\n}',
    ]
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
