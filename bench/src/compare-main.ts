import { Command, InvalidArgumentError } from 'commander'
import { compareResults } from './comparison/compare.js'
import { comparisonText } from './comparison/text.js'
import { type Results, readResults } from './results.js'

/** `npm run bench:compare -- A.json B.json`: what changed beyond the noise; 1 on a regression, 2 where there is nothing to compare. */

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
    [
      '',
      'Ends with 1 where a figure got dearer by more than the limit and beyond the noise: where rounds that',
      'are alike would be so far apart in one of a hundred runs (exact Mann-Whitney test; of five rounds each,',
      'all of the one above all of the other). Figures of fewer rounds are named, and never count.',
    ].join('\n'),
  )
  .parse()

/** A file that can't be read is no regression, so it has a code of its own. */
function resultsIn(file: string): Results {
  try {
    return readResults(file)
  } catch (error) {
    return program.error((error as Error).message, { exitCode: 2 })
  }
}

const [before, after] = program.args
const limit = program.opts<{ readonly limit: number }>().limit / 100
const comparison = compareResults(resultsIn(before!), resultsIn(after!), limit)
console.log(comparisonText(comparison, limit))
if (comparison.changes.some(({ isRegression }) => isRegression)) process.exitCode = 1
