import { linearRegression } from 'simple-statistics'
import { median } from '../statistics.js'

/** What was measured at one size; one cost a round. */
export interface GrowthPoint {
  /** Feeds, or messages. */
  readonly size: number
  /** Above zero; more is dearer. */
  readonly costs: readonly number[]
}

export type Growth = 'constant' | 'logarithmic' | 'linear'

/** How a cost grows with a size. */
export interface Fit {
  readonly growth: Growth
  /** `cost = base + slope * size`, of `ln(size)` where it is logarithmic; a constant has the slope 0. */
  readonly base: number
  readonly slope: number
  /** Root mean square of what the model is off by, as a share of the cost. */
  readonly error: number
  /** How far costs of one size lie from their median, as a share of it. */
  readonly noise: number
  /** `k` in `cost ~ size^k`, whatever the model. */
  readonly exponent: number
  /** The first size that is dearer than the smaller ones by more than the noise. */
  readonly firstBend: number | null
}

/** Less than this is never told from noise: a share of the cost. */
const LEAST_NOISE = 0.05
/** A bend lies so many times the noise above what comes before it. */
const BEND_NOISES = 3
/** By so much the criterion must be lower for what grows to be told from a constant. */
const LEAST_GAIN = 4

/**
 * Fits constant, logarithmic and linear growth by least squares of the relative errors. Of the two
 * that grow the closer one is taken, and only where there is a bend, or the Bayesian information
 * criterion tells it from a constant.
 *
 * Each size counts as one observation, its median: rounds at one size tell the noise, and nothing of
 * the growth. An error below the noise is no better than the noise.
 * @throws {RangeError} fewer than three sizes, or a cost that is not above zero
 */
export function fitGrowth(points: readonly GrowthPoint[]): Fit {
  if (points.length < 3) throw new RangeError('growth needs three sizes')
  const sorted = [...points].sort((a, b) => a.size - b.size)
  if (sorted.some(({ costs }) => costs.length === 0 || costs.some((cost) => !(cost > 0)))) {
    throw new RangeError('a cost is not above zero')
  }
  const noise = noiseOf(sorted)
  const sizes = sorted.map(({ size }) => size)
  const costs = sorted.map((point) => median(point.costs))
  const constant = modelOf('constant', sizes, costs, () => 0)
  const logarithmic = modelOf('logarithmic', sizes, costs, Math.log)
  const linear = modelOf('linear', sizes, costs, (size) => size)
  const growing = linear.error <= logarithmic.error ? linear : logarithmic
  const criterion = ({ error }: Model, parameters: number) =>
    costs.length * Math.log(Math.max(error, noise) ** 2) + parameters * Math.log(costs.length)
  const firstBend = bendOf(sorted, noise)
  const grows = firstBend !== null || criterion(constant, 1) - criterion(growing, 2) > LEAST_GAIN
  const best = grows ? growing : constant
  const logs = sizes.map((size, index) => [Math.log(size), Math.log(costs[index]!)])
  return { ...best, noise, exponent: linearRegression(logs).m, firstBend }
}

type Model = Pick<Fit, 'growth' | 'base' | 'slope' | 'error'>

/** Weighted by 1/cost², which makes the errors relative. */
function modelOf(
  growth: Growth,
  sizes: readonly number[],
  costs: readonly number[],
  of: (size: number) => number,
): Model {
  const weights = costs.map((cost) => 1 / cost ** 2)
  const sum = (each: (index: number) => number) =>
    weights.reduce((all, weight, index) => all + weight * each(index), 0)
  const x = sizes.map(of)
  const all = sum(() => 1)
  const meanX = sum((index) => x[index]!) / all
  const meanCost = sum((index) => costs[index]!) / all
  const spread = sum((index) => (x[index]! - meanX) ** 2)
  const slope =
    spread === 0 ? 0 : sum((index) => (x[index]! - meanX) * (costs[index]! - meanCost)) / spread
  const base = meanCost - slope * meanX
  const square = sum((index) => (base + slope * x[index]! - costs[index]!) ** 2)
  return { growth, base, slope, error: Math.sqrt(square / costs.length) }
}

/** Median of how far rounds lie from the median of their size. */
function noiseOf(points: readonly GrowthPoint[]): number {
  const shares = points.flatMap(({ costs }) => {
    const middle = median(costs)
    return costs.length < 2 ? [] : costs.map((cost) => Math.abs(cost - middle) / middle)
  })
  // Of a normal distribution, the standard deviation is 1.48 times this median.
  return Math.max(LEAST_NOISE, shares.length === 0 ? 0 : 1.48 * median(shares))
}

function bendOf(points: readonly GrowthPoint[], noise: number): number | null {
  const before: number[] = []
  for (const { size, costs } of points) {
    const cost = median(costs)
    const level = before.reduce((sum, each) => sum + each, 0) / before.length
    if (before.length > 0 && cost > level * (1 + BEND_NOISES * noise)) return size
    before.push(cost)
  }
  return null
}
