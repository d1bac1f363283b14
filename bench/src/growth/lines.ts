import type { Figure } from '../figure.js'
import { shortNumber } from '../table.js'
import { type Fit, fitGrowth, type GrowthPoint } from './fit.js'

/** How one figure grows with the feeds or the messages, all else the same. */
export interface GrowthLine {
  readonly id: string
  readonly title: string
  /** Of the cost: a rate is turned into the time of one. */
  readonly unit: string
  readonly axis: 'feeds' | 'messages'
  /** What the other was; null where it was not the same at all sizes. */
  readonly other: number | null
  readonly points: readonly GrowthPoint[]
  readonly fit: Fit
}

const LEAST_SIZES = 3

/** From every figure that was measured at three sizes or more that differ in one thing alone. */
export function growthOf(figures: readonly Figure[]): readonly GrowthLine[] {
  const lines: GrowthLine[] = []
  for (const id of new Set(figures.map((figure) => figure.id))) {
    const all = figures.filter((figure) => figure.id === id)
    for (const axis of ['feeds', 'messages'] as const) {
      const other = axis === 'feeds' ? 'messages' : 'feeds'
      for (const fixed of new Set(all.map(({ size }) => size[other]))) {
        const line = lineOf(
          all.filter(({ size }) => size[other] === fixed),
          axis,
          fixed,
        )
        if (line !== null) lines.push(line)
      }
    }
  }
  return lines
}

function lineOf(
  figures: readonly Figure[],
  axis: 'feeds' | 'messages',
  other: number,
): GrowthLine | null {
  if (new Set(figures.map(({ size }) => size[axis])).size < LEAST_SIZES) return null
  const costs = figures.map((figure) => ({
    size: figure.size[axis],
    costs: figure.samples.map((sample) => costOf(figure, sample)),
  }))
  // What is nothing at some size, as memory below the resolution, has no growth that can be told.
  if (costs.some((point) => point.costs.some((cost) => !(cost > 0)))) return null
  const { id, title, unit } = figures[0]!
  const points = costs.sort((a, b) => a.size - b.size)
  return { id, title, unit: costUnit(unit), axis, other, points, fit: fitGrowth(points) }
}

/** A rate a second becomes the µs of one. */
const costOf = ({ unit, better }: Figure, sample: number): number =>
  unit.endsWith('/s') ? 1e6 / sample : better === 'more' ? 1 / sample : sample

const costUnit = (unit: string): string =>
  unit.endsWith('/s') ? `µs/${unit.slice(0, -'s/s'.length)}` : unit

/** One line for people: what it is, how far it is off, and where it first bends. */
export function growthText({ title, unit, axis, other, points, fit }: GrowthLine): string {
  const from = points[0]!.size.toLocaleString('en-US')
  const to = points.at(-1)!.size.toLocaleString('en-US')
  const fixed =
    other === null
      ? ''
      : `, ${other.toLocaleString('en-US')} ${axis === 'feeds' ? 'messages' : 'feeds'}`
  const bend =
    fit.firstBend === null
      ? 'no bend'
      : `first bend at ${fit.firstBend.toLocaleString('en-US')} ${axis}`
  return `${title} (${from} to ${to} ${axis}${fixed}): ${modelText(fit, unit, axis)}; off by ${percent(fit.error)}, noise ${percent(fit.noise)}; ~ ${axis}^${fit.exponent.toFixed(2)}; ${bend}`
}

function modelText(fit: Fit, unit: string, axis: string): string {
  const { growth, base, slope, error, noise } = fit
  const isFar = error > Math.max(0.2, 2 * noise)
  const model = `${isFar ? 'no model fits, closest ' : ''}${slope < 0 ? 'falling, ' : ''}${growth}`
  if (growth === 'constant') return `${model}, ${shortNumber(base)} ${unit}`
  const sign = slope < 0 ? '−' : '+'
  return growth === 'linear'
    ? `${model}, ${shortNumber(base)} ${sign} ${shortNumber(Math.abs(slope) * 1000)} ${unit} a thousand ${axis}`
    : `${model}, ${sign}${shortNumber(Math.abs(slope) * Math.LN10)} ${unit} for ten times the ${axis}`
}

const percent = (share: number): string => `${shortNumber(share * 100)} %`

/** The lines after the table: all that was measured at three sizes; empty where nothing was. */
export const growthLines = (figures: readonly Figure[]): readonly string[] =>
  growthOf(figures).map(growthText)
