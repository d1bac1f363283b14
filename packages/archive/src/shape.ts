/**
 * A shape is a signature of the dictionary made ready for rebuilding: how to come from each leaf to
 * the next, and the constant pieces of text between them.
 *
 * Nesting follows from the paths alone: the objects that stay open between two leaves are the common
 * prefix of their paths. A dictionary holds only signatures for which this makes one object.
 * @source ARCHIVE.md 3.4
 */
import { maxMessageUnits } from '@dunbar/formats'
import { malformedBlob } from './blob.js'
import type { Dictionary, DictionaryEnds } from './dictionary.js'
import { contentPath, typePath } from './flattening.js'

/** How to come to a leaf from the one before it. */
export interface Step {
  /** Objects to close. */
  readonly closes: number
  /** Objects to open after that, each under its name. */
  readonly opens: readonly string[]
  readonly name: string
  /** Objects around the leaf, from the one of the shape on. */
  readonly depth: number
  /** Whether this is `content.type`, which the types column holds. */
  readonly isType: boolean
}

/** In which form a text is written. */
export type TextForm =
  /** Indented, the low byte of each UTF-16 unit: what ids are made of. */
  | 0
  /** Indented, UTF-8: what signatures are made of. */
  | 1
  /** Compact, UTF-8: what logs hold. */
  | 2
  /** The hashed and the compact one at once, in one walk over the leaves. */
  | 3
export const hashedForm = 0
export const signedForm = 1
export const compactForm = 2
export const bothForms = 3

/** How much of a dictionary is kept as shapes, roughly in bytes. */
const maxShapesSize = 16 * 1024 * 1024
const stepSize = 64

/** Counts what shapes hold. */
interface ShapesSize {
  bytes: number
}

/** An object that is taken apart. */
export class Shape {
  readonly steps: readonly Step[]
  /** How deep it nests, itself included. */
  readonly depth: number
  /** UTF-16 units of its compact text that are not leaves. */
  readonly units: number
  /** Whether one of its leaves is `content.type`. */
  readonly hasType: boolean
  readonly #pieces = new Map<number, readonly Uint8Array[]>()
  readonly #size: ShapesSize

  constructor(paths: readonly (readonly string[])[], typeName: string | null, size: ShapesSize) {
    const steps: Step[] = []
    let open = 0
    let depth = 1
    let units = 2
    let before: readonly string[] = []
    for (const path of paths) {
      let shared = 0
      while (shared < open && before[shared] === path[shared]) shared++
      const opens = path.slice(shared, -1).map(propertyName)
      const name = propertyName(path.at(-1)!)
      const isType = path.length === 1 && name === typeName
      steps.push({ closes: open - shared, opens, name, depth: path.length, isType })
      for (const opened of opens) units += opened.length + 6
      size.bytes += stepSize + 8 * opens.length
      units += name.length + 4
      open = path.length - 1
      depth = Math.max(depth, path.length)
      before = path
    }
    this.steps = steps
    this.#size = size
    this.hasType = steps.some((step) => step.isType)
    this.depth = depth
    this.units = units
  }

  /**
   * The texts before, between and after its leaves, one more than there are leaves, where its lines
   * are `indents` levels deep. Not to be changed.
   * @throws {ARCHIVE_BLOB_MALFORMED} where they alone are longer than a message
   */
  pieces(form: Exclude<TextForm, 3>, indents: number): readonly Uint8Array[] {
    const key = form === compactForm ? compactForm : indents * 3 + form
    const known = this.#pieces.get(key)
    if (known !== undefined) return known
    const leastUnits = form === compactForm ? this.units : this.units + this.#indentation(indents)
    if (leastUnits > maxMessageUnits) throw malformedBlob('a message is too long')
    const encoding = form === hashedForm ? 'latin1' : 'utf8'
    const made = this.#texts(form === compactForm ? null : indents).map((text) =>
      Uint8Array.from(Buffer.from(text, encoding)),
    )
    for (const { length } of made) this.#size.bytes += stepSize + length
    this.#pieces.set(key, made)
    return made
  }

  #indentation(indents: number): number {
    let units = 0
    for (const { depth } of this.steps) units += 2 * (indents + depth)
    return units
  }

  #texts(indents: number | null): string[] {
    const line = (level: number) => (indents === null ? '' : lineBreak(indents + level))
    const colon = indents === null ? ':' : ': '
    const texts: string[] = []
    let open = 1
    let text = '{'
    for (const { closes, opens, name } of this.steps) {
      for (let count = 0; count < closes; count++) text += `${line(--open)}}`
      if (texts.length > 0) text += ','
      for (const opened of opens) text += `${line(open++)}${JSON.stringify(opened)}${colon}{`
      texts.push(`${text}${line(open)}${JSON.stringify(name)}${colon}`)
      text = ''
    }
    while (open > 0) text += `${line(--open)}}`
    texts.push(text)
    return texts
  }
}

/** The same text as the engine keeps names of properties, which spares it a look-up at each use. */
function propertyName(name: string): string {
  return Object.keys({ [name]: null })[0]!
}

/** The line break before a line that is so many levels deep, with its indentation. */
function lineBreak(level: number): string {
  return `\n${'  '.repeat(level)}`
}

/** The shape of a message: the order of its fields, and of its content where that is no leaf. */
export interface MessageShape {
  readonly isLegacyOrder: boolean
  readonly content: Shape | null
}

interface Known<Made> {
  readonly paths: readonly number[]
  readonly made: Made
}

/**
 * The shapes of a dictionary, each made when it is first asked for. An entry holds as long as the
 * dictionary holds the very signature that it was made of.
 */
export class Shapes {
  static readonly #of = new WeakMap<Dictionary, Shapes>()
  readonly #dictionary: Dictionary
  readonly #objects = new Map<number, Known<Shape>>()
  readonly #messages = new Map<number, Known<MessageShape>>()
  #size: ShapesSize = { bytes: 0 }

  static of(dictionary: Dictionary): Shapes {
    let shapes = Shapes.#of.get(dictionary)
    if (shapes === undefined) {
      shapes = new Shapes(dictionary)
      Shapes.#of.set(dictionary, shapes)
    }
    return shapes
  }

  private constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary
  }

  /** The shape of an object in an array. @throws {ARCHIVE_BLOB_MALFORMED} */
  object(id: number, ends: DictionaryEnds): Shape {
    const paths = this.#paths(id, ends)
    const known = this.#objects.get(id)
    if (known?.paths === paths) return known.made
    const made = new Shape(this.#names(paths), null, this.#size)
    this.#objects.set(id, { paths, made })
    return made
  }

  /** The shape of a message. @throws {ARCHIVE_BLOB_MALFORMED} where it is none of a message */
  message(id: number, ends: DictionaryEnds): MessageShape {
    const paths = this.#paths(id, ends)
    const known = this.#messages.get(id)
    if (known?.paths === paths) return known.made
    const made = this.#messageShape(paths)
    this.#messages.set(id, { paths, made })
    return made
  }

  /** A dictionary may hold far more than its blocks need: what is too much is made again. */
  #forget(): void {
    this.#size = { bytes: 0 }
    this.#objects.clear()
    this.#messages.clear()
  }

  #messageShape(paths: readonly number[]): MessageShape {
    const isLegacyOrder = paths[1] === 2
    const head = isLegacyOrder ? [0, 2, 1, 3, 4] : [0, 1, 2, 3, 4]
    const isMessage =
      paths.length >= 7 && paths.at(-1) === 6 && head.every((path, at) => paths[at] === path)
    if (!isMessage) throw malformedBlob('a message has not the fields of a message')
    const leaves = paths.slice(head.length, -1)
    if (leaves.length === 1 && leaves[0] === contentPath) return { isLegacyOrder, content: null }
    const names = this.#names(leaves)
    for (const path of names) {
      if (path.length < 2 || path[0] !== 'content') {
        throw malformedBlob('a message has other fields than a message')
      }
    }
    const content = names.map((path) => path.slice(1))
    const typeName = leaves.includes(typePath) ? 'type' : null
    return { isLegacyOrder, content: new Shape(content, typeName, this.#size) }
  }

  #paths(id: number, ends: DictionaryEnds): readonly number[] {
    if (this.#size.bytes > maxShapesSize) this.#forget()
    const paths = id < ends.objectSignatures ? this.#dictionary.signature(id) : undefined
    if (paths === undefined || paths.length === 0) {
      throw malformedBlob('an object has a signature past the end of its dictionary')
    }
    return paths
  }

  #names(paths: readonly number[]): string[][] {
    const dictionary = this.#dictionary
    return paths.map((path) => dictionary.path(path)!.map((key) => dictionary.key(key)!))
  }
}
