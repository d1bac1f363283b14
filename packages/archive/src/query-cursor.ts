/** The matches of blocks, in order of time across all of them. */
import type { FeedId, Sequence } from '@dunbar/core'
import type { Block } from './block.js'
import type { BlockSource, MatchForm, QueryPlan } from './query.js'
import { type Candidate, maybe, no } from './query-condition.js'

/** Blocks that a query keeps open while it goes back and forth between them. */
const maxOpenBlocks = 16

/** `open` of sources that keeps the blocks that were used last. */
export function rememberBlocks(): (source: BlockSource) => Promise<Block> {
  const opened = new Map<BlockSource, Block>()
  return async (source) => {
    const block = opened.get(source) ?? (await source.open())
    opened.delete(source)
    opened.set(source, block)
    const [oldest] = opened.keys()
    if (opened.size > maxOpenBlocks) opened.delete(oldest!)
    return block
  }
}

/** Messages that a cursor reads at once, so that many feeds side by side do not reopen blocks for each. */
const readAhead = 32

/** In place of a match: the content has shown that there is none. */
export const noMatch = Symbol('no match')

/**
 * A place in the messages of one block that may match, in order of time. It goes through three
 * states: before the block is opened only the sketch tells when it begins; then the columns tell when
 * the next message is; and only when no other message can come before that one, it is read.
 */
export class Cursor<Form> {
  readonly source: BlockSource
  readonly #plan: QueryPlan
  readonly #form: MatchForm<Form>
  /** Messages that may match, in order; null before the block is opened. */
  #indexes: readonly number[] | null = null
  #at = 0
  #verdicts: Uint8Array = new Uint8Array()
  /** What was read of the messages from `#at` on. */
  #read: (Form | typeof noMatch)[] = []
  #readAt = 0
  /** When the next message is; before the block is opened, the earliest that it can be. */
  timestamp: number
  #sequence: Sequence = 0
  #timestamps: Float64Array = new Float64Array()

  constructor(plan: QueryPlan, source: BlockSource, form: MatchForm<Form>) {
    this.source = source
    this.#plan = plan
    this.#form = form
    this.timestamp = plan.isDescending ? source.sketch.maxTimestamp : source.sketch.minTimestamp
  }

  /** True where nothing is left. */
  get isAtEnd(): boolean {
    return this.#indexes !== null && this.#at === this.#indexes.length
  }

  /** True where the next message must be read to go on. */
  get isUnread(): boolean {
    return this.#indexes === null || this.#readAt === this.#read.length
  }

  /** The first time, finds what may match; after that, reads the next messages. */
  read(block: Block): void {
    if (this.#indexes === null) {
      this.#indexes = this.#scan(block)
      this.#settle()
      return
    }
    const { author, firstSequence } = block.sketch
    this.#readAt = 0
    this.#read = this.#indexes.slice(this.#at, this.#at + readAhead).map((index) => {
      if (this.#verdicts[index] === maybe) {
        if (!this.#plan.condition.ofMessage(new BlockCandidate(block, index))) return noMatch
      }
      const timestamp = this.#timestamps[index]!
      return this.#form(block, index, { author, sequence: firstSequence + index, timestamp })
    })
  }

  /** Gives the next message, and moves on. */
  take(): Form | typeof noMatch {
    const next = this.#read[this.#readAt++]!
    this.#at++
    this.#settle()
    return next
  }

  #settle(): void {
    const index = this.#indexes![this.#at]
    if (index === undefined) return
    this.timestamp = this.#timestamps[index]!
    this.#sequence = this.source.sketch.firstSequence + index
  }

  #scan(block: Block): readonly number[] {
    const { condition, isDescending } = this.#plan
    const timestamps = block.timestamps()
    const verdicts = condition.ofColumns(block)
    const indexes: number[] = []
    for (const [index, verdict] of verdicts.entries()) if (verdict !== no) indexes.push(index)
    indexes.sort((left, right) => timestamps[left]! - timestamps[right]! || left - right)
    this.#timestamps = timestamps
    this.#verdicts = verdicts
    return isDescending ? indexes.reverse() : indexes
  }

  /** True where this one comes before the other. Of equal time, a block that is not opened is first. */
  isBefore(other: Cursor<Form>): boolean {
    const sign = this.#plan.isDescending ? -1 : 1
    if (this.timestamp !== other.timestamp) return sign * (this.timestamp - other.timestamp) < 0
    if (this.#indexes === null || other.#indexes === null) {
      return this.#indexes === null && other.#indexes !== null
    }
    const { author } = this.source.sketch
    const otherAuthor = other.source.sketch.author
    if (author !== otherAuthor) return author < otherAuthor === sign > 0
    return sign * (this.#sequence - other.#sequence) < 0
  }
}

/** A binary heap of cursors. */
export class CursorHeap<Form> {
  readonly #cursors: Cursor<Form>[] = []

  get top(): Cursor<Form> | undefined {
    return this.#cursors[0]
  }

  push(cursor: Cursor<Form>): void {
    let at = this.#cursors.push(cursor) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!this.#swapIfBefore(at, above)) return
      at = above
    }
  }

  /** Puts the top in its place after it moved on, or drops it at its end. */
  settleTop(): void {
    if (this.#cursors[0]!.isAtEnd) {
      const last = this.#cursors.pop()!
      if (this.#cursors.length === 0) return
      this.#cursors[0] = last
    }
    let at = 0
    while (true) {
      let below = 2 * at + 1
      if (below >= this.#cursors.length) return
      const right = this.#cursors[below + 1]
      if (right?.isBefore(this.#cursors[below]!) === true) below++
      if (!this.#swapIfBefore(below, at)) return
      at = below
    }
  }

  #swapIfBefore(below: number, above: number): boolean {
    const lower = this.#cursors[below]!
    const upper = this.#cursors[above]!
    if (!lower.isBefore(upper)) return false
    this.#cursors[below] = upper
    this.#cursors[above] = lower
    return true
  }
}

/** A message of an opened block. */
export class BlockCandidate implements Candidate {
  readonly #block: Block
  readonly #index: number
  #content: unknown

  constructor(block: Block, index: number) {
    this.#block = block
    this.#index = index
  }

  get author(): FeedId {
    return this.#block.sketch.author
  }

  get sequence(): Sequence {
    return this.#block.sketch.firstSequence + this.#index
  }

  get timestamp(): number {
    return this.#block.timestamps()[this.#index]!
  }

  get content(): unknown {
    this.#content ??= this.#block.contentAt(this.#index)
    return this.#content
  }
}
