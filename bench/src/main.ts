import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { readGoals } from './goals.js'
import { growthLines } from './growth/lines.js'
import { Profiles, profileKinds } from './profile.js'
import { profileTables } from './profile-table.js'
import { REPORT_FILE, writeReport } from './report/files.js'
import { type Results, writeResults } from './results.js'
import { runWorkloads } from './run.js'
import { peersOf } from './subjects/peers.js'
import { subjectNames } from './subjects/subject.js'
import { tableOf } from './table.js'
import { workloads } from './workloads/index.js'

/** `npm run bench`: dunbar beside its limits, its goals and its peers. */

const PROFILES = new URL('../profiles/', import.meta.url).pathname
const RESULTS = new URL('../results/', import.meta.url).pathname
/** In a short run. */
const PAIRED_MESSAGES = 10_000
const PART_MESSAGES = 20_000
const others = subjectNames.filter((name) => name !== 'dunbar')
/** Of those, who has a place in the five minutes of a short run: whom the goals name. */
const shortOthers: typeof others = ['ssb-db2']

interface Flags {
  readonly full: boolean
  readonly feeds?: number
  readonly messages?: number
  readonly samples: number
  readonly seed: number
  readonly shards?: number
  readonly against?: readonly (typeof others)[number][]
  readonly file?: string
  readonly cores?: string
  readonly out?: string
  readonly dry: boolean
  readonly cpuProf: boolean
  readonly heapProf: boolean
}

/** A time as the name of a file. */
const nameOf = (at: string): string => at.slice(0, 16).replaceAll(/[:T]/g, '-')

function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number')
  return value
}

const program = new Command('npm run bench --')
  .description('Measures dunbar beside its limits, its goals and its peers.')
  .argument('[workload...]', `of ${workloads.map(({ name }) => name).join(', ')}`)
  .option('--full', 'everything, not only the headline figures', false)
  .option('--feeds <count>', 'feeds of the data that most is measured on (150)', count)
  .option('--messages <count>', 'messages of that data (100,000)', count)
  .option('--seed <number>', 'what the data are made from', count, 1)
  .option('--samples <count>', 'rounds of every figure', count, 5)
  .option('--shards <count>', 'worker threads of a node (as many as cores)', count)
  .option('--file <jsonl>', 'messages to measure in the place of generated ones')
  .addOption(
    new Option('--against <peer...>', 'other peers, once npm run bench:peers has run')
      .choices([...others, 'none'])
      .default(undefined, `in a short run ${shortOthers.join(', ')}, else ${others.join(', ')}`),
  )
  .option('--cores <list>', 'processors for all subjects, as taskset names them: 0,1')
  .option(
    '--out <file>',
    'where the results go; default: bench/results/, by the time, and a report',
  )
  .option('--dry', 'keeps no results and draws no report', false)
  .option(
    '--cpu-prof',
    "profiles dunbar's processes, into bench/profiles/; keeps no results",
    false,
  )
  .option('--heap-prof', 'the same, of the memory they hold when they end', false)
  .addHelpText(
    'after',
    `\nWorkloads:\n${workloads.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join('\n')}`,
  )

program.parse()
const flags = program.opts<Flags>()
const chosen = program.args.length > 0
const unknown = program.args.filter((name) => !workloads.some((each) => each.name === name))
if (unknown.length > 0) program.error(`no workload of this name: ${unknown.join(', ')}`)

const wanted = workloads.filter(({ name, isShort }) =>
  chosen ? program.args.includes(name) : flags.full || isShort,
)
const against = flags.against ?? (flags.full || chosen ? others : shortOthers)
const placement = { cores: flags.cores ?? null, nodeFlags: [] }
const messages = flags.messages ?? 100_000
const profiles = new Profiles(
  profileKinds.filter((kind) => flags[`${kind}Prof`]),
  join(PROFILES, nameOf(new Date().toISOString())),
)
const isKept = profiles.kinds.length === 0 && !flags.dry
const fileOf = ({ at }: Results) => flags.out ?? join(RESULTS, `${nameOf(at)}.json`)
const results = await runWorkloads(
  wanted,
  {
    isFull: flags.full,
    samples: flags.samples,
    feeds: flags.feeds ?? 150,
    messages,
    pairedMessages: flags.full ? messages : Math.min(messages, PAIRED_MESSAGES),
    pairsAll: flags.full || chosen,
    partMessages: flags.full ? messages : Math.min(messages, PART_MESSAGES),
    seed: flags.seed,
    shards: flags.shards ?? null,
    placement,
    file: flags.file ?? null,
    profiles,
  },
  peersOf(
    others.filter((name) => against.includes(name)),
    placement,
  ),
  flags.shards === undefined ? {} : { DUNBAR_SHARDS: String(flags.shards) },
  (soFar) => {
    if (isKept) writeResults(fileOf(soFar), soFar)
  },
)

console.log(tableOf(results.figures, readGoals()))
for (const line of growthLines(results.figures)) console.log(line)
if (profiles.kinds.length > 0) console.log(await profileTables(profiles))
if (isKept) {
  console.error(`kept in ${fileOf(results)}`)
  if (flags.out === undefined) {
    writeReport(results)
    console.error(`drawn in ${REPORT_FILE}`)
  }
}
for (const { workload, message } of results.failures)
  console.error(`${workload} failed: ${message}`)
if (results.failures.length > 0) process.exitCode = 1
