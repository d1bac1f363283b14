/** Conditions that sketches and scan columns decide: author, type, timestamp and sequence. */
import type { FeedId } from '@dunbar/core'
import { type BlockSketch, lastSequenceOf } from './block-sketch.js'
import { hasRoomForType } from './dictionary.js'
import {
  type Candidate,
  type Condition,
  maybe,
  no,
  type ScannedBlock,
  type Verdict,
  yes,
} from './query-condition.js'
import { fieldOf } from './query-content.js'

/** Messages of one author. */
export class AuthorCondition implements Condition {
  readonly #author: FeedId

  constructor(author: FeedId) {
    this.#author = author
  }

  ofSketch({ author }: BlockSketch): Verdict {
    return author === this.#author ? yes : no
  }

  ofColumns({ sketch }: ScannedBlock): Uint8Array {
    return new Uint8Array(sketch.length).fill(this.ofSketch(sketch))
  }

  ofMessage({ author }: Candidate): boolean {
    return author === this.#author
  }
}

/** Messages whose content has a type. */
export class TypeCondition implements Condition {
  readonly #type: string

  constructor(type: string) {
    this.#type = type
  }

  ofSketch(): Verdict {
    return maybe
  }

  ofColumns({ types, dictionary }: ScannedBlock): Uint8Array {
    const verdicts = new Uint8Array(types.length)
    const id = dictionary.findType(this.#type)
    if (id !== undefined) {
      for (let at = 0; at < types.length; at++) if (types[at] === id) verdicts[at] = yes
    } else if (!hasRoomForType(dictionary, this.#type)) {
      // Such a type has no id, so its messages stand among those without a type.
      for (let at = 0; at < types.length; at++) if (types[at] === 0) verdicts[at] = maybe
    }
    return verdicts
  }

  ofMessage({ content }: Candidate): boolean {
    return fieldOf(content, 'type') === this.#type
  }
}

export type Comparison = 'gt' | 'gte' | 'lt' | 'lte'
export type ComparedField = 'timestamp' | 'sequence'

/** Messages on one side of a timestamp or a sequence. */
export class NumberCondition implements Condition {
  readonly #field: ComparedField
  readonly #limit: number
  readonly #isGreater: boolean
  readonly #isEqualIn: boolean

  constructor(comparison: Comparison, field: ComparedField, limit: number) {
    this.#field = field
    this.#limit = limit
    this.#isGreater = comparison === 'gt' || comparison === 'gte'
    this.#isEqualIn = comparison === 'gte' || comparison === 'lte'
  }

  ofSketch(sketch: BlockSketch): Verdict {
    const isTimestamp = this.#field === 'timestamp'
    const least = this.#holds(isTimestamp ? sketch.minTimestamp : sketch.firstSequence)
    const most = this.#holds(isTimestamp ? sketch.maxTimestamp : lastSequenceOf(sketch))
    if (least === most) return least ? yes : no
    return maybe
  }

  ofColumns(block: ScannedBlock): Uint8Array {
    const { length, firstSequence } = block.sketch
    const verdicts = new Uint8Array(length)
    if (this.#field === 'sequence') {
      for (let at = 0; at < length; at++) if (this.#holds(firstSequence + at)) verdicts[at] = yes
      return verdicts
    }
    const timestamps = block.timestamps()
    for (let at = 0; at < length; at++) if (this.#holds(timestamps[at]!)) verdicts[at] = yes
    return verdicts
  }

  ofMessage(message: Candidate): boolean {
    return this.#holds(message[this.#field])
  }

  #holds(value: number): boolean {
    if (value === this.#limit) return this.#isEqualIn
    return this.#isGreater ? value > this.#limit : value < this.#limit
  }
}
