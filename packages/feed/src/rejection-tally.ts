import type { FeedId } from '@dunbar/core'
import type { IngestResult, Refusal, Rejection } from './protocol.js'

/** Reasons that are told apart in one tally; further ones count as `OTHER`. */
const MAX_REASONS = 64
/** Feeds whose first refusal is told. */
const MAX_REFUSED = 100

/** Counts why messages were not taken, with one example each. */
export class RejectionTally {
  readonly #counts = new Map<string, { count: number; example: string }>()

  add(reason: string, example: string, count = 1): void {
    const name = this.#counts.has(reason) || this.#counts.size < MAX_REASONS ? reason : 'OTHER'
    const entry = this.#counts.get(name)
    if (entry === undefined) this.#counts.set(name, { count, example })
    else entry.count += count
  }

  addAll(rejections: readonly Rejection[]): void {
    for (const { reason, example, count } of rejections) this.add(reason, example, count)
  }

  /** Most frequent first. */
  list(): Rejection[] {
    return [...this.#counts]
      .map(([reason, { count, example }]) => ({ reason, count, example }))
      .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
  }
}

/** Adds up the results of several appends. */
export class IngestTotals {
  added = 0
  known = 0
  readonly tally = new RejectionTally()
  readonly #refused = new Map<FeedId, Refusal>()

  add(result: IngestResult): void {
    this.added += result.added
    this.known += result.known
    this.tally.addAll(result.rejected)
    for (const refusal of result.refused ?? []) this.refuse(refusal)
  }

  /** Notes the first refusal of a feed. */
  refuse(refusal: Refusal): void {
    const { author } = refusal
    if (this.#refused.size >= MAX_REFUSED || this.#refused.has(author)) return
    this.#refused.set(author, refusal)
  }

  result(): IngestResult {
    const refused = [...this.#refused.values()]
    return {
      added: this.added,
      known: this.known,
      rejected: this.tally.list(),
      ...(refused.length === 0 ? {} : { refused }),
    }
  }
}
