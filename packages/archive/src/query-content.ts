/**
 * Conditions on the content. The signature of a message tells which fields it has, so most messages
 * are decided without their leaves; an id that is looked for is found without the text of the block.
 */
import { type Dictionary, noEntry, rawSignature } from './dictionary.js'
import { type LeafKey, leafKeyOf } from './key-scan.js'
import {
  type Candidate,
  type Condition,
  maybe,
  no,
  type ScannedBlock,
  type Verdict,
  yes,
} from './query-condition.js'

/** What stands at a path. */
type Place =
  /** A value that is not taken apart: primitive, array, empty object or table. */
  | 'leaf'
  /** Something within a leaf, or nothing. */
  | 'unknown'
  /** Whatever the text of the whole message says. */
  | 'text'
  /** An object with fields. */
  | 'object'
  | 'absent'

/** What is asked of the value at a path of the content, which is undefined where there is none. */
export interface PathTest {
  /** Verdicts by what the signature tells. */
  readonly ofPlace: Readonly<Record<Place, Verdict>>
  /** Where only messages with this id in them can pass. */
  readonly neededKey: LeafKey | null
  /** True where that id, as the value, is all that is asked. */
  readonly isForKey: boolean
  passes(value: unknown): boolean
}

/** Messages with a value at a path, the first name of which is `content`. */
export class PathCondition implements Condition {
  readonly #path: readonly string[]
  readonly #test: PathTest
  readonly #places = new WeakMap<Dictionary, Map<number, Place>>()

  constructor(path: readonly string[], test: PathTest) {
    this.#path = path
    this.#test = test
  }

  ofSketch(): Verdict {
    return maybe
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const { signatures, dictionary } = block
    const { ofPlace, neededKey } = this.#test
    let places = this.#places.get(dictionary)
    if (places === undefined) {
      places = new Map()
      this.#places.set(dictionary, places)
    }
    const verdicts = new Uint8Array(signatures.length)
    for (let at = 0; at < signatures.length; at++) {
      const signature = signatures[at]!
      let place = places.get(signature)
      if (place === undefined) {
        place = placeOf(this.#path, signature, dictionary)
        places.set(signature, place)
      }
      verdicts[at] = ofPlace[place]
    }
    if (neededKey !== null && verdicts.includes(maybe)) {
      this.#narrow(verdicts, block, neededKey, places)
    }
    return verdicts
  }

  /** Leaves out what has not the id in it and, where it must be the value itself, decides on the rest. */
  #narrow(
    verdicts: Uint8Array,
    block: ScannedBlock,
    key: LeafKey,
    places: ReadonlyMap<number, Place>,
  ): void {
    const holders = block.holders(key)
    const pathId = block.dictionary.findPath(this.#path)?.pathId ?? noEntry
    const exact = this.#test.isForKey ? block.holdersAt(pathId, key) : null
    for (let at = 0; at < verdicts.length; at++) {
      if (verdicts[at] === no) continue
      if (holders[at] === 0) verdicts[at] = no
      else if (exact !== null && places.get(block.signatures[at]!) === 'leaf') {
        verdicts[at] = exact[at] === 0 ? no : yes
      }
    }
  }

  ofMessage({ content }: Candidate): boolean {
    let value = content
    for (const name of this.#path.slice(1)) value = fieldOf(value, name)
    return this.#test.passes(value)
  }
}

function placeOf(path: readonly string[], signature: number, dictionary: Dictionary): Place {
  if (signature === rawSignature) return 'text'
  for (const pathId of dictionary.signature(signature) ?? []) {
    const leaf = dictionary.path(pathId)!
    const shared = Math.min(leaf.length, path.length)
    let at = 0
    while (at < shared && dictionary.key(leaf[at]!) === path[at]) at++
    if (at < shared) continue
    if (leaf.length === path.length) return 'leaf'
    return leaf.length < path.length ? 'unknown' : 'object'
  }
  return 'absent'
}

/** Messages with an id as a value, or as a name, anywhere in their content. */
export class ReferenceCondition implements Condition {
  readonly #id: string
  readonly #key: LeafKey | null

  constructor(id: string) {
    this.#id = id
    this.#key = leafKeyOf(id)
  }

  ofSketch(): Verdict {
    return maybe
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const { signatures } = block
    if (this.#key === null) return new Uint8Array(signatures.length).fill(maybe)
    const verdicts = block.holders(this.#key)
    for (let at = 0; at < verdicts.length; at++) {
      if (verdicts[at] !== 0) verdicts[at] = signatures[at] === rawSignature ? maybe : yes
    }
    return verdicts
  }

  ofMessage({ content }: Candidate): boolean {
    return refersTo(content, this.#id)
  }
}

function refersTo(value: unknown, id: string): boolean {
  if (value === id) return true
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([name, inner]) => (name === id && !Array.isArray(value)) || refersTo(inner, id),
  )
}

/** The value of a field of a plain object; undefined where there is none. Arrays have no fields. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

type Primitive = string | number | boolean | null

/** That the value is this one. */
export function isEqualTo(wanted: Primitive): PathTest {
  return {
    ofPlace: { leaf: maybe, unknown: maybe, text: maybe, object: no, absent: no },
    neededKey: leafKeyOf(wanted),
    isForKey: true,
    passes: (value) => value === wanted,
  }
}

/** That there is no value. */
export const isAbsent: PathTest = {
  ofPlace: { leaf: no, unknown: maybe, text: maybe, object: no, absent: yes },
  neededKey: null,
  isForKey: false,
  passes: (value) => value === undefined,
}

/** That the value is a text. */
export const isText: PathTest = {
  ofPlace: { leaf: maybe, unknown: maybe, text: maybe, object: no, absent: no },
  neededKey: null,
  isForKey: false,
  passes: (value) => typeof value === 'string',
}

/** That the value is an array with this one in it, or with an object that has it at a path. */
export function doesInclude(wanted: Primitive, pluck: readonly string[]): PathTest {
  return {
    ofPlace: { leaf: maybe, unknown: maybe, text: maybe, object: no, absent: no },
    neededKey: leafKeyOf(wanted),
    isForKey: false,
    passes: (value) =>
      Array.isArray(value) && value.some((item: unknown) => pluck.reduce(fieldOf, item) === wanted),
  }
}

/** Whatever a function says of the value. */
export function passesTest(test: (value: unknown) => boolean): PathTest {
  return {
    ofPlace: {
      leaf: maybe,
      unknown: maybe,
      text: maybe,
      object: maybe,
      absent: test(undefined) ? yes : no,
    },
    neededKey: null,
    isForKey: false,
    passes: test,
  }
}
