import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readGoals } from '../goals.js'
import type { Results } from '../results.js'
import { picturePalette } from './drawing.js'
import { pageOf } from './page.js'
import { throughputChart } from './sections.js'

/** Where the report of the last run lies. */
export const REPORT_FILE = new URL('../../report.html', import.meta.url).pathname

/** The picture in the README of the project. */
export const FIGURE_FILE = new URL('../../figures/throughput.svg', import.meta.url).pathname

export function writeReport(results: Results, file: string = REPORT_FILE): void {
  writeFileSync(file, pageOf(results, readGoals()))
}

/** False where the run has nothing of it: throughput needs two numbers of feeds. */
export function writeFigure(results: Results, file: string = FIGURE_FILE): boolean {
  const chart = throughputChart(results.figures, picturePalette)
  if (chart === null) return false
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${chart.svg}\n`)
  return true
}
