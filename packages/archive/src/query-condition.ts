/**
 * A condition decides in three steps, each dearer than the one before, and goes on only with what is
 * left open: by the sketch for a whole block, by the columns that an opened block has anyway for each
 * of its messages, and by the content of the single message.
 */
import type { FeedId, Sequence } from '@dunbar/core'
import type { BlockSketch } from './block-sketch.js'
import type { Dictionary } from './dictionary.js'
import type { LeafKey } from './key-scan.js'

/** What is known so far. The order counts: `and` is the least of its parts, `or` the greatest. */
export type Verdict = 0 | 1 | 2
export const no = 0
export const maybe = 1
export const yes = 2

/** What a condition looks at in an opened block: nothing here unfolds text. */
export interface ScannedBlock {
  readonly sketch: BlockSketch
  readonly dictionary: Dictionary
  /** Ids of types and signatures, one a message. */
  readonly types: Uint32Array
  readonly signatures: Uint32Array
  timestamps(): Float64Array
  /** One byte a message: 0 where an id is surely not in its content. */
  holders(key: LeafKey): Uint8Array
  /** One byte a message: 0 where an id is not the value at a path; nothing of those stored as text. */
  holdersAt(pathId: number, key: LeafKey): Uint8Array
}

/** A message, as far as conditions look at it. */
export interface Candidate {
  readonly author: FeedId
  readonly sequence: Sequence
  /** As the author claims it; 0 where the message has none that is a number. */
  readonly timestamp: number
  /** Decoded when it is first asked for. */
  readonly content: unknown
}

/** Which messages are looked for. Made by the operators; a value without state of its own. */
export interface Condition {
  /** What a sketch tells of all messages of the block. */
  ofSketch(sketch: BlockSketch): Verdict
  /** What the columns tell, one verdict a message, in an array of the caller's own. */
  ofColumns(block: ScannedBlock): Uint8Array
  /** Whether it holds. */
  ofMessage(message: Candidate): boolean
}

/** True where all of the conditions hold; also where there are none. */
export class AllOf implements Condition {
  readonly #parts: readonly Condition[]

  constructor(parts: readonly Condition[]) {
    this.#parts = parts
  }

  ofSketch(sketch: BlockSketch): Verdict {
    let verdict: Verdict = yes
    for (const part of this.#parts) verdict = Math.min(verdict, part.ofSketch(sketch)) as Verdict
    return verdict
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const verdicts = new Uint8Array(block.sketch.length).fill(yes)
    for (const part of this.#parts) {
      if (part.ofSketch(block.sketch) === yes) continue
      const others = part.ofColumns(block)
      for (let at = 0; at < verdicts.length; at++) {
        if (others[at]! < verdicts[at]!) verdicts[at] = others[at]!
      }
      if (!verdicts.some((verdict) => verdict !== no)) break
    }
    return verdicts
  }

  ofMessage(message: Candidate): boolean {
    return this.#parts.every((part) => part.ofMessage(message))
  }
}

/** True where one of the conditions holds; never where there are none. */
export class AnyOf implements Condition {
  readonly #parts: readonly Condition[]

  constructor(parts: readonly Condition[]) {
    this.#parts = parts
  }

  ofSketch(sketch: BlockSketch): Verdict {
    let verdict: Verdict = no
    for (const part of this.#parts) verdict = Math.max(verdict, part.ofSketch(sketch)) as Verdict
    return verdict
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const verdicts = new Uint8Array(block.sketch.length)
    for (const part of this.#parts) {
      if (part.ofSketch(block.sketch) === no) continue
      const others = part.ofColumns(block)
      for (let at = 0; at < verdicts.length; at++) {
        if (others[at]! > verdicts[at]!) verdicts[at] = others[at]!
      }
    }
    return verdicts
  }

  ofMessage(message: Candidate): boolean {
    return this.#parts.some((part) => part.ofMessage(message))
  }
}

/** True where the condition does not hold. */
export class NoneOf implements Condition {
  readonly #part: Condition

  constructor(part: Condition) {
    this.#part = part
  }

  ofSketch(sketch: BlockSketch): Verdict {
    return (yes - this.#part.ofSketch(sketch)) as Verdict
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const verdicts = this.#part.ofColumns(block)
    for (let at = 0; at < verdicts.length; at++) verdicts[at] = yes - verdicts[at]!
    return verdicts
  }

  ofMessage(message: Candidate): boolean {
    return !this.#part.ofMessage(message)
  }
}
