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

/** Matches that a cursor reads at once, so that many feeds side by side do not reopen blocks for each. */
const readAhead = 32

interface Ready<Form> {
  readonly timestamp: number
  readonly sequence: Sequence
  readonly match: Form
}

/** A place in the matches of one block, in order of time. */
export class Cursor<Form> {
  readonly source: BlockSource
  readonly #plan: QueryPlan
  readonly #form: MatchForm<Form>
  /** What may match, in order; null before the block is opened. */
  #indexes: readonly number[] | null = null
  #verdicts: Uint8Array = new Uint8Array()
  #at = 0
  #ready: Ready<Form>[] = []
  #readyAt = 0

  constructor(plan: QueryPlan, source: BlockSource, form: MatchForm<Form>) {
    this.#plan = plan
    this.source = source
    this.#form = form
  }

  /** The next match; null where the block must be opened to know it. */
  get next(): Ready<Form> | null {
    return this.#ready[this.#readyAt] ?? null
  }

  /** True where nothing is left. */
  get isAtEnd(): boolean {
    return this.next === null && this.#indexes !== null && this.#at === this.#indexes.length
  }

  /** The earliest time that the next match can have in the order of the query. */
  get timestamp(): number {
    if (this.next !== null) return this.next.timestamp
    const last = this.#ready.at(-1)
    if (last !== undefined) return last.timestamp
    const { minTimestamp, maxTimestamp } = this.source.sketch
    return this.#plan.isDescending ? maxTimestamp : minTimestamp
  }

  advance(): void {
    this.#readyAt++
  }

  /** Reads the next matches of the block. */
  fill(block: Block): void {
    this.#indexes ??= this.#indexesOf(block)
    const { author, firstSequence } = block.sketch
    const timestamps = block.timestamps()
    const ready: Ready<Form>[] = []
    while (ready.length < readAhead && this.#at < this.#indexes.length) {
      const index = this.#indexes[this.#at++]!
      const candidate = new BlockCandidate(block, index)
      if (this.#verdicts[index] === maybe && !this.#plan.condition.ofMessage(candidate)) continue
      const timestamp = timestamps[index]!
      const sequence = firstSequence + index
      const match = this.#form(block, index, { author, sequence, timestamp })
      ready.push({ timestamp, sequence, match })
    }
    this.#ready = ready
    this.#readyAt = 0
  }

  #indexesOf(block: Block): readonly number[] {
    const { condition, isDescending } = this.#plan
    this.#verdicts = condition.ofColumns(block)
    const indexes: number[] = []
    for (const [index, verdict] of this.#verdicts.entries()) if (verdict !== no) indexes.push(index)
    const timestamps = block.timestamps()
    indexes.sort((left, right) => timestamps[left]! - timestamps[right]! || left - right)
    return isDescending ? indexes.reverse() : indexes
  }

  /** True where this one comes to the top before the other. Of equal time, the one not read is first. */
  isBefore(other: Cursor<Form>): boolean {
    const sign = this.#plan.isDescending ? -1 : 1
    if (this.timestamp !== other.timestamp) return sign * (this.timestamp - other.timestamp) < 0
    const mine = this.next
    const theirs = other.next
    if (mine === null || theirs === null) return mine === null && theirs !== null
    const { author } = this.source.sketch
    const otherAuthor = other.source.sketch.author
    if (author !== otherAuthor) return author < otherAuthor === sign > 0
    return sign * (mine.sequence - theirs.sequence) < 0
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
