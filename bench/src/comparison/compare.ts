import { type Figure, figureKey } from '../figure.js'
import type { Results } from '../results.js'
import { median } from '../statistics.js'
import { leastOfRankTest, rankTest } from './rank-test.js'

/**
 * - `same`: no further apart than rounds of one run may lie;
 * - `untold`: too few rounds for any difference to be told from noise.
 */
export type Verdict = 'better' | 'worse' | 'same' | 'untold'

/** One figure in two runs. */
export interface Change {
  readonly before: Figure
  readonly after: Figure
  /** By which the cost grew: 0.1 is 10 % dearer, or 10 % fewer a second; below zero it is better. */
  readonly dearer: number
  /** Probability of ranks so far apart in runs that are alike. */
  readonly chance: number
  readonly verdict: Verdict
  /** Worse, and by more than the limit. */
  readonly isRegression: boolean
}

export interface Comparison {
  readonly changes: readonly Change[]
  /** What makes the two runs hard to compare. */
  readonly warnings: readonly string[]
  /** Keys of figures that were measured on other data, and so are not compared. */
  readonly onOtherData: readonly string[]
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
}

/**
 * A difference counts where it is less likely than this by chance: with five rounds each, where all
 * of the one lie above all of the other. Of a hundred figures that did not change, one may look as if.
 */
export const MOST_CHANCE = 0.01

/**
 * Pairs the figures of two runs by their id and size.
 * @param limit cost may grow by this share; more, and beyond the noise, is a regression
 */
export function compareResults(before: Results, after: Results, limit: number): Comparison {
  const befores = new Map(before.figures.map((figure) => [figureKey(figure), figure]))
  const afters = new Map(after.figures.map((figure) => [figureKey(figure), figure]))
  const shared = [...befores.keys()].filter((key) => afters.has(key))
  const isOnSame = (key: string) => isSameData(befores.get(key)!, before, after)
  return {
    changes: shared
      .filter(isOnSame)
      .map((key) => changeOf(befores.get(key)!, afters.get(key)!, limit)),
    warnings: warningsOf(before, after),
    onOtherData: shared.filter((key) => !isOnSame(key)),
    onlyBefore: [...befores.keys()].filter((key) => !afters.has(key)),
    onlyAfter: [...afters.keys()].filter((key) => !befores.has(key)),
  }
}

function changeOf(before: Figure, after: Figure, limit: number): Change {
  const dearer = dearerBy(before, after)
  const isExact = before.isExact === true && after.isExact === true
  const chance = isExact ? Number(dearer === 0) : rankTest(before.samples, after.samples)
  const canTell =
    isExact || leastOfRankTest(before.samples.length, after.samples.length) <= MOST_CHANCE
  const verdict = !canTell
    ? 'untold'
    : chance > MOST_CHANCE || dearer === 0
      ? 'same'
      : dearer > 0
        ? 'worse'
        : 'better'
  return {
    before,
    after,
    dearer,
    chance,
    verdict,
    isRegression: verdict === 'worse' && dearer > limit,
  }
}

function dearerBy(before: Figure, after: Figure): number {
  const [was, is] = [median(before.samples), median(after.samples)]
  if (was === is) return 0
  return after.better === 'less' ? is / was - 1 : was / is - 1
}

/** Data of one size differ by seed, spread and generator; a size without data is none of theirs. */
function isSameData({ size }: Figure, before: Results, after: Results): boolean {
  const digests = ({ datasets }: Results) =>
    new Map(
      datasets
        .filter(({ feeds, messages }) => feeds === size.feeds && messages === size.messages)
        .map(({ population, digest }) => [population, digest]),
    )
  const theirs = digests(after)
  return [...digests(before)].every(
    ([population, digest]) => (theirs.get(population) ?? digest) === digest,
  )
}

function warningsOf(before: Results, after: Results): readonly string[] {
  const facts = (results: Results): Readonly<Record<string, string | number>> => ({
    processor: results.machine.cpu,
    cores: results.machine.cores,
    'GiB of memory': Math.round(results.machine.memoryBytes / 2 ** 30),
    system: results.machine.system,
    node: results.node,
    'pinned to': results.run.cores ?? 'no cores',
    shards: results.run.shards ?? 'as many as cores',
    seed: results.run.seed,
  })
  const [was, is] = [facts(before), facts(after)]
  return Object.keys(was)
    .filter((name) => was[name] !== is[name])
    .map((name) => `${name}: ${was[name]} before, ${is[name]} after`)
}
