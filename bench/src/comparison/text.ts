import Table from 'cli-table3'
import { figureKey } from '../figure.js'
import { median } from '../statistics.js'
import { shortNumber } from '../table.js'
import type { Change, Comparison } from './compare.js'

/** What people read: what changed, what could not be told, and what was not compared. */
export function comparisonText(comparison: Comparison, limit: number): string {
  const { changes, warnings, onOtherData, onlyBefore, onlyAfter } = comparison
  const changed = changes.filter(({ verdict }) => verdict === 'better' || verdict === 'worse')
  const untold = changes.filter(({ verdict }) => verdict === 'untold')
  const farther = untold.filter(({ dearer }) => Math.abs(dearer) > limit)
  const same = changes.length - changed.length - untold.length
  const regressions = changes.filter(({ isRegression }) => isRegression)
  return [
    ...warnings.map((warning) => `warning: the runs differ in ${warning}`),
    ...listed('measured on other data, not compared', onOtherData),
    ...listed('only in the first', onlyBefore),
    ...listed('only in the second', onlyAfter),
    ...(changed.length === 0 ? [] : [tableOf(changed)]),
    `${changed.length} changed beyond the noise, ${same} did not`,
    ...(untold.length === 0 ? [] : [`${untold.length} have too few rounds to tell`]),
    ...listed(
      'of these further apart than the limit',
      farther.map(({ after, dearer }) => `${figureKey(after)} (${costText(dearer)})`),
    ),
    regressions.length === 0
      ? `no regression over ${shortNumber(limit * 100)} %`
      : `${regressions.length} over the limit of ${shortNumber(limit * 100)} %`,
  ].join('\n')
}

const listed = (what: string, keys: readonly string[]): string[] =>
  keys.length === 0 ? [] : [`${what}: ${keys.join(', ')}`]

function tableOf(changes: readonly Change[]): string {
  const table = new Table({
    head: ['figure', 'on', 'before', 'after', 'change', 'by chance', ''],
    style: { head: [], border: [] },
    wordWrap: true,
  })
  for (const { before, after, dearer, chance, verdict, isRegression } of changes) {
    const { title, unit, size } = after
    table.push([
      title,
      `${size.feeds.toLocaleString('en-US')} feeds, ${size.messages.toLocaleString('en-US')} msgs`,
      `${shortNumber(median(before.samples))} ${unit}`,
      `${shortNumber(median(after.samples))} ${unit}`,
      costText(dearer),
      `${shortNumber(chance * 100)} %`,
      isRegression ? 'REGRESSION' : verdict,
    ])
  }
  return table.toString()
}

const costText = (dearer: number): string =>
  dearer === 0
    ? 'the same'
    : `${shortNumber(Math.abs(dearer) * 100)} % ${dearer > 0 ? 'dearer' : 'cheaper'}`
