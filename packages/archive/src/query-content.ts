/**
 * Conditions on the content. The signature of a message tells which fields it has, so most messages
 * are decided without their leaves; an id that is looked for must stand among the keys of the block.
 */
import {
  blobIdToBytes,
  feedIdToBytes,
  isBlobId,
  isFeedId,
  isMessageKey,
  messageKeyToBytes,
} from '@dunbar/core'
import { type Dictionary, rawSignature } from './dictionary.js'
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
  /** An object with fields. */
  | 'object'
  | 'absent'

/** What is asked of the value at a path of the content, which is undefined where there is none. */
export interface PathTest {
  /** Verdicts by what the signature tells; for `leaf` and `unknown` no more than maybe. */
  readonly ofPlace: Readonly<Record<Place, Verdict>>
  /** Where only messages with this id in them can pass: its 32 bytes. */
  readonly neededKey: Uint8Array | null
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
    const isKeyThere = neededKey === null || block.holdsKey(neededKey)
    let places = this.#places.get(dictionary)
    if (places === undefined) {
      places = new Map()
      this.#places.set(dictionary, places)
    }
    const verdicts = new Uint8Array(signatures.length)
    for (let at = 0; at < signatures.length; at++) {
      const signature = signatures[at]!
      if (signature === rawSignature) {
        verdicts[at] = maybe
        continue
      }
      if (!isKeyThere) continue
      let place = places.get(signature)
      if (place === undefined) {
        place = placeOf(this.#path, signature, dictionary)
        places.set(signature, place)
      }
      verdicts[at] = ofPlace[place]
    }
    return verdicts
  }

  ofMessage({ content }: Candidate): boolean {
    let value = content
    for (const name of this.#path.slice(1)) value = fieldOf(value, name)
    return this.#test.passes(value)
  }
}

function placeOf(path: readonly string[], signature: number, dictionary: Dictionary): Place {
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
  readonly #key: Uint8Array | null

  constructor(id: string) {
    this.#id = id
    this.#key = keyOf(id)
  }

  ofSketch(): Verdict {
    return maybe
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const verdicts = new Uint8Array(block.sketch.length).fill(maybe)
    if (this.#key === null || block.holdsKey(this.#key)) return verdicts
    const { signatures } = block
    for (let at = 0; at < verdicts.length; at++) {
      if (signatures[at] !== rawSignature) verdicts[at] = no
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

/** The 32 bytes of an id in canonical form, as blocks keep it; null for every other value. */
export function keyOf(value: unknown): Uint8Array | null {
  if (isFeedId(value)) return feedIdToBytes(value)
  if (isMessageKey(value)) return messageKeyToBytes(value)
  if (isBlobId(value)) return blobIdToBytes(value)
  return null
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
    ofPlace: { leaf: maybe, unknown: maybe, object: no, absent: no },
    neededKey: keyOf(wanted),
    passes: (value) => value === wanted,
  }
}

/** That there is no value. */
export const isAbsent: PathTest = {
  ofPlace: { leaf: no, unknown: maybe, object: no, absent: yes },
  neededKey: null,
  passes: (value) => value === undefined,
}

/** That the value is a text. */
export const isText: PathTest = {
  ofPlace: { leaf: maybe, unknown: maybe, object: no, absent: no },
  neededKey: null,
  passes: (value) => typeof value === 'string',
}

/** That the value is an array with this one in it, or with an object that has it at a path. */
export function doesInclude(wanted: Primitive, pluck: readonly string[]): PathTest {
  return {
    ofPlace: { leaf: maybe, unknown: maybe, object: no, absent: no },
    neededKey: keyOf(wanted),
    passes: (value) =>
      Array.isArray(value) && value.some((item: unknown) => pluck.reduce(fieldOf, item) === wanted),
  }
}

/** Whatever a function says of the value. */
export function passesTest(test: (value: unknown) => boolean): PathTest {
  return {
    ofPlace: { leaf: maybe, unknown: maybe, object: maybe, absent: test(undefined) ? yes : no },
    neededKey: null,
    passes: test,
  }
}
