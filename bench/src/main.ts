import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { archiveFigures } from './archive-figures.js'
import { type Dataset, makeDataset } from './dataset.js'
import { bigRestartFigures, growthFigures, importFigures } from './import-figures.js'
import { memoryFigures } from './memory-figures.js'
import { queryFigures } from './query-figures.js'
import { commitOf, type Figure, printFigures, storeResults } from './report.js'
import { streamVByteFigures } from './streamvbyte-figures.js'
import { syncFigures } from './sync-figures.js'
import { wireFigures } from './wire-figures.js'

/** `npm run bench`: the node's headline figures, each beside the limit or goal that it is judged by. */
const USAGE = `npm run bench -- [--messages COUNT] [--feeds COUNT] [--seed NUMBER] [--samples COUNT]
                 [--short] [--only PART,...] [--dry]

  --short  leaves out the million messages
  --only   import, queries, growth, million, sync; several with commas between
  --dry    stores nothing`

const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    messages: { type: 'string', default: '100000' },
    feeds: { type: 'string', default: '150' },
    seed: { type: 'string', default: '1' },
    samples: { type: 'string', default: '5' },
    /** Leaves out the million messages. */
    short: { type: 'boolean', default: false },
    /** Only these: import, queries, growth, million, sync, streamvbyte, archive; several with commas between. */
    only: { type: 'string' },
    /** Stores nothing. */
    dry: { type: 'boolean', default: false },
  },
})

if (flags.help) {
  console.log(USAGE)
  process.exit()
}

const messages = Number(flags.messages)
const feeds = Number(flags.feeds)
const seed = Number(flags.seed)
const samples = Number(flags.samples)

const parts = ['import', 'queries', 'growth', 'million', 'sync', 'streamvbyte', 'archive'] as const
const only = flags.only?.split(',') ?? parts.filter((part) => !(flags.short && part === 'million'))
const wants = (part: (typeof parts)[number]) => only.includes(part)
const unknown = only.filter((part) => !(parts as readonly string[]).includes(part))
if (unknown.length > 0)
  throw new Error(`--only knows ${parts.join(', ')}; not ${unknown.join(', ')}`)

const folder = mkdtempSync(join(tmpdir(), 'dunbar-bench-'))
const say = (text: string) => process.stderr.write(`${text}\n`)
const figures: Figure[] = []
let dataset: Dataset
try {
  say(`generating ${messages} messages in ${feeds} feeds`)
  dataset = await makeDataset(folder, { feeds, messages, seed })
  const path = join(folder, 'node')
  if (wants('import') || wants('queries')) {
    say('import')
    const found = await importFigures(dataset, path, wants('import') ? samples : 1)
    if (wants('import')) figures.push(...found)
  }
  if (wants('queries')) {
    say('queries and restart')
    figures.push(...(await queryFigures(dataset, path, samples)))
  }
  if (wants('growth')) {
    say('growth and memory of feeds')
    const many = await makeDataset(folder, { feeds: 5_000, messages, seed })
    figures.push(...(await growthFigures(dataset, many, folder, samples)))
    figures.push(...(await memoryFigures(dataset, many, folder)))
  }
  if (wants('million')) {
    say('a million messages in 5,000 feeds')
    figures.push(...(await bigRestartFigures(folder, seed, samples)))
  }
  if (wants('sync')) {
    say('serving to a peer')
    figures.push(...(await wireFigures(folder, samples)))
    say('replication')
    const big = wants('million')
      ? await makeDataset(folder, { feeds: 5_000, messages: 1_000_000, seed })
      : null
    figures.push(...(await syncFigures(dataset, big, folder, Math.min(samples, 3))))
  }
  if (wants('streamvbyte')) {
    say('integers')
    figures.push(...streamVByteFigures(samples))
  }
  if (wants('archive')) {
    say('blocks')
    figures.push(...archiveFigures(dataset, samples))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

printFigures(figures)
if (!flags.dry) {
  const path = storeResults({
    machine: {
      cpu: cpus()[0]?.model.trim() ?? '',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
    },
    node: process.version,
    commit: commitOf(),
    at: new Date().toISOString(),
    dataset: { seed, digest: dataset.digest, ...dataset.facts },
    figures,
  })
  say(`stored in ${path}`)
}
