import { Command, InvalidArgumentError } from 'commander'
import { compareResults } from './comparison/compare.js'
import { comparisonText } from './comparison/text.js'
import { readResults } from './results.js'

/** `npm run bench:compare -- A.json B.json`: what changed beyond the noise; 1 on a regression. */

function percent(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('a percentage')
  return value
}

const program = new Command('npm run bench:compare --')
  .description('Tells what changed from one run of the benchmarks to another.')
  .argument('<before>', 'results of the first run')
  .argument('<after>', 'results of the second run')
  .option('--limit <percent>', 'a figure may get so much dearer', percent, 10)
  .addHelpText(
    'after',
    '\nEnds with 1 where a figure got dearer by more than the limit and beyond the noise.',
  )
  .parse()

const [before, after] = program.args
const limit = program.opts<{ readonly limit: number }>().limit / 100
const comparison = compareResults(readResults(before!), readResults(after!), limit)
console.log(comparisonText(comparison, limit))
if (comparison.changes.some(({ isRegression }) => isRegression)) process.exitCode = 1
