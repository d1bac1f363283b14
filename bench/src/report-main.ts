import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { FIGURE_FILE, REPORT_FILE, writeFigure, writeReport } from './report/files.js'
import { readResults } from './results.js'

/** `npm run bench:report`: the report of a run, from its results alone. */

const RESULTS = new URL('../results/', import.meta.url).pathname

/** Files are named by the time. @throws {Error} no run was kept */
function newestResults(): string {
  const newest = readdirSync(RESULTS)
    .filter((name) => /^\d{4}-.*\.json$/.test(name))
    .sort()
    .at(-1)
  if (newest === undefined) throw new Error(`there are no results in ${RESULTS}`)
  return join(RESULTS, newest)
}

const program = new Command('npm run bench:report --')
  .description('Draws the results of a run.')
  .argument('[results]', 'results; default: the newest in bench/results/')
  .option('--out <file>', 'where the report goes', REPORT_FILE)
  .option('--figure [file]', 'draws the picture of the README, too')
  .parse()

const { out, figure } = program.opts<{ readonly out: string; readonly figure?: string | true }>()
const results = readResults(program.args[0] ?? newestResults())
writeReport(results, out)
console.log(out)
if (figure !== undefined) {
  const file = figure === true ? FIGURE_FILE : figure
  if (!writeFigure(results, file)) program.error('this run has no throughput at two sizes')
  console.log(file)
}
