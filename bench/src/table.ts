import Table from 'cli-table3'
import type { Figure } from './figure.js'
import { ratio } from './figure.js'
import { type Goal, goalsOf, type Judgement, judge } from './goals.js'
import { median } from './statistics.js'

/** Three digits; thousands with commas. */
export const shortNumber = (value: number): string =>
  Math.abs(value) >= 100
    ? Math.round(value).toLocaleString('en-US')
    : String(Number(value.toPrecision(3)))

/** The table at the end of a run: figure, spread, peers, limit, goal, met or missed. */
export function tableOf(figures: readonly Figure[], goals: readonly Goal[]): string {
  const table = new Table({
    head: ['figure', 'on', 'median', 'min … max', 'beside peers', 'beside its limit', 'goal', ''],
    style: { head: [] },
    wordWrap: true,
  })
  for (const figure of figures) {
    const { title, unit, size } = figure
    const judgements = goalsOf(figure, goals).map((goal) => judge(figure, goal))
    table.push([
      title,
      `${size.feeds.toLocaleString('en-US')} feeds, ${size.messages.toLocaleString('en-US')} msgs`,
      `${shortNumber(median(figure.samples))} ${unit}`,
      spreadText(figure),
      besidePeers(figure).join('\n'),
      besideLimit(figure),
      judgements.map(({ goal }) => goalText(goal)).join('\n'),
      judgements.map(verdict).join('\n'),
    ])
  }
  return table.toString()
}

/** "1 … 2"; "exact" where no run gives anything else. */
export function spreadText({ samples, isExact }: Figure): string {
  if (isExact === true) return 'exact'
  return samples.length === 1
    ? ''
    : `${shortNumber(Math.min(...samples))} … ${shortNumber(Math.max(...samples))}`
}

/** A line for each peer, with the reason where it gave nothing. */
export const besidePeers = ({ samples, peers = {} }: Figure): readonly string[] =>
  Object.entries(peers).map(([name, theirs]) =>
    'cannot' in theirs
      ? `${name}: – (${theirs.cannot})`
      : `${name}: ${shortNumber(median(theirs.samples))}, ${shortNumber(ratio(samples, theirs.samples))} ×`,
  )

/** The limit and the ratio to it; a dash and the reason where there is none. */
export function besideLimit({ samples, limit }: Figure): string {
  if ('none' in limit) return `– (${limit.none})`
  const share = shortNumber(ratio(samples, limit.samples))
  return `${shortNumber(median(limit.samples))} (${limit.what}), ${share} ×`
}

/** "≥ 0.8 × limit". */
export function goalText({ most, least, of }: Goal): string {
  const bounds = [
    ...(least === undefined ? [] : [`≥ ${shortNumber(least)}`]),
    ...(most === undefined ? [] : [`≤ ${shortNumber(most)}`]),
  ].join(', ')
  return of === 'median' ? bounds : `${bounds} × ${of}`
}

export const verdict = ({ isMet }: Judgement): string =>
  isMet === null ? 'not measured' : isMet ? 'met' : 'MISSED'
