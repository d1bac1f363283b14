import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Table from 'cli-table3'
import { median } from './statistics.js'

/** One measured figure with every sample and what it is judged by. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly samples: readonly number[]
  /** The limit that binds it, measured in the same run, and what it is. */
  readonly limit?: { readonly value: number; readonly what: string }
  /** What it should be: at most or at least `value`. */
  readonly goal?: { readonly most?: number; readonly least?: number }
}

export interface Results {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number }
  readonly node: string
  readonly commit: string
  readonly at: string
  readonly dataset: unknown
  readonly figures: readonly Figure[]
}

const number = (value: number): string =>
  Math.abs(value) >= 100
    ? Math.round(value).toLocaleString('en-US')
    : String(Number(value.toPrecision(3)))

export function isMet({ samples, goal }: Figure): boolean | null {
  if (goal === undefined) return null
  const value = median(samples)
  return (
    value <= (goal.most ?? Number.POSITIVE_INFINITY) &&
    value >= (goal.least ?? Number.NEGATIVE_INFINITY)
  )
}

/** A table on stdout: figure, median, spread, limit, goal, met or missed. */
export function printFigures(figures: readonly Figure[]): void {
  const table = new Table({
    head: ['figure', 'median', 'min … max', 'limit', 'goal', ''],
    style: { head: [] },
  })
  for (const figure of figures) {
    const { name, unit, samples, limit, goal } = figure
    const met = isMet(figure)
    table.push([
      name,
      `${number(median(samples))} ${unit}`,
      samples.length > 1 ? `${number(Math.min(...samples))} … ${number(Math.max(...samples))}` : '',
      limit === undefined ? '' : `${number(limit.value)} ${unit} (${limit.what})`,
      goal === undefined
        ? ''
        : goal.most === undefined
          ? `≥ ${number(goal.least!)}`
          : `≤ ${number(goal.most)}`,
      met === null ? '' : met ? 'met' : 'MISSED',
    ])
  }
  console.log(table.toString())
}

export function commitOf(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
    return (
      run('rev-parse', 'HEAD') +
      (run('status', '--porcelain', '--', '.') === '' ? '' : ' with changes')
    )
  } catch {
    return 'unknown'
  }
}

/** Writes the results to `bench/results/`; returns the file. */
export function storeResults(results: Results): string {
  const folder = resolve(import.meta.dirname, '../results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `node-${results.at.slice(0, 16).replaceAll(/[:T]/g, '-')}.json`)
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  return file
}
