import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { type Figure, ratio } from './figure.js'
import { median } from './statistics.js'

const goalSchema = v.object({
  /** Id of a figure. */
  figure: v.string(),
  /** What is held to it: the median itself (default), its ratio to the limit, or to a peer. */
  of: v.optional(v.string(), 'median'),
  /** Only on data of this size; without it, on every size that was measured. */
  feeds: v.optional(v.number()),
  messages: v.optional(v.number()),
  most: v.optional(v.number()),
  least: v.optional(v.number()),
  /** For people. */
  why: v.string(),
})

export type Goal = v.InferOutput<typeof goalSchema>

/** All goals of the project: `goals.json`, beside the harness. */
export function readGoals(): readonly Goal[] {
  const file = new URL('../goals.json', import.meta.url)
  return v.parse(v.array(goalSchema), JSON.parse(readFileSync(file, 'utf8')))
}

export interface Judgement {
  readonly goal: Goal
  /** What is held to the goal; null where this run did not measure it. */
  readonly value: number | null
  readonly isMet: boolean | null
}

export const goalsOf = (figure: Figure, goals: readonly Goal[]): readonly Goal[] =>
  goals.filter(
    (goal) =>
      goal.figure === figure.id &&
      (goal.feeds ?? figure.size.feeds) === figure.size.feeds &&
      (goal.messages ?? figure.size.messages) === figure.size.messages,
  )

export function judge(figure: Figure, goal: Goal): Judgement {
  const value = valueFor(figure, goal.of)
  if (value === null) return { goal, value, isMet: null }
  const isMet =
    value <= (goal.most ?? Number.POSITIVE_INFINITY) &&
    value >= (goal.least ?? Number.NEGATIVE_INFINITY)
  return { goal, value, isMet }
}

function valueFor({ samples, limit, peers }: Figure, of: string): number | null {
  if (of === 'median') return median(samples)
  if (of === 'limit') return 'none' in limit ? null : ratio(samples, limit.samples)
  const peer = peers?.[of]
  return peer === undefined || 'cannot' in peer ? null : ratio(samples, peer.samples)
}
