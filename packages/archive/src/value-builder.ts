/** Objects out of the columns of a block. */
import type { LeafPlace, LeafReader } from './leaf-reader.js'
import type { Shape } from './shape.js'
import {
  tagArray,
  tagDouble,
  tagEmptyObject,
  tagFalse,
  tagInt,
  tagNull,
  tagObject,
  tagTrue,
  tagTuples,
} from './value-tag.js'

export type Fields = Record<string, unknown>

/** Reads values from the place of a reader on, in a block that has been walked. */
export class ValueBuilder {
  readonly #reader: LeafReader
  readonly #place: LeafPlace
  readonly #objectShape: (id: number) => Shape

  constructor(reader: LeafReader, objectShape: (id: number) => Shape) {
    this.#reader = reader
    this.#place = reader.place
    this.#objectShape = objectShape
  }

  /** The object of a shape. `type` stands for its type where that is no leaf. */
  shape(shape: Shape, type: string | undefined): Fields {
    const object: Fields = {}
    let open = object
    let around: Fields[] | null = null
    const { steps } = shape
    for (let index = 0; index < steps.length; index++) {
      const { closes, opens, name, isType } = steps[index]!
      if (closes > 0) {
        open = around![around!.length - closes]!
        around!.length -= closes
      }
      for (let at = 0; at < opens.length; at++) {
        const below: Fields = {}
        define(open, opens[at]!, below)
        around ??= []
        around.push(open)
        open = below
      }
      define(open, name, isType && type !== undefined ? type : this.leaf())
    }
    return object
  }

  leaf(): unknown {
    const place = this.#place
    const { arrays } = this.#reader
    const tag = arrays.tags[place.tag++]!
    switch (tag) {
      case tagNull:
        return null
      case tagFalse:
        return false
      case tagTrue:
        return true
      case tagInt:
        return arrays.integers[place.integer++]
      case tagDouble:
        return arrays.doubles[place.double++]
      case tagEmptyObject:
        return {}
      case tagArray: {
        const count = arrays.integers[place.integer++]!
        const values: unknown[] = []
        for (let index = 0; index < count; index++) values.push(this.leaf())
        return values
      }
      case tagTuples: {
        const count = arrays.integers[place.integer++]!
        const object: Fields = {}
        for (let index = 0; index < count; index++) {
          const key = this.#reader.text(arrays.tags[place.tag++]!)
          define(object, key, this.leaf())
        }
        return object
      }
      case tagObject:
        return this.shape(this.#objectShape(arrays.integers[place.integer++]!), undefined)
      default:
        return this.#reader.text(tag)
    }
  }
}

function define(object: Fields, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value
  else {
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
}
