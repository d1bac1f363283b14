import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { atOnce, datasetsAsTimeAllows, datasetsOf, fewAndMany, inTurn } from '../rounds.js'
import { withEach } from '../subjects/each.js'
import { Cannot, type Query, type RunningSubject, type Subject } from '../subjects/subject.js'

/** Time for idle actors to passivate, ms; far below the default, so that the run is short. */
const PASSIVATE_AFTER_MS = 200
const READERS = 8
const MIB = 2 ** 20

/** Resident memory: idle after questions, at its peak under load, and what a passivated feed adds. */
export const memory: Workload = {
  name: 'memory',
  title: 'resident memory: idle, under load, of a passivated feed',
  isShort: true,
  async run(bench) {
    for (const data of await datasetsAsTimeAllows(bench)) await recordIdle(bench, data)
    if (!bench.settings.isFull) return
    for (const data of await datasetsOf(bench)) await recordPeak(bench, data)
    await recordPassivated(bench)
  },
}

type Data = { readonly dataset: Dataset; readonly isPaired: boolean }

async function recordIdle(bench: Bench, { dataset, isPaired }: Data): Promise<void> {
  const taken = await atOnce(bench, isPaired, async (subject) => {
    const paths = await copies(bench, dataset, subject)
    const start = (path: string) => subject.start(path)
    return withEach(paths, start, async (all) => {
      for (const running of all) {
        for (const query of ordinary(dataset)) await askIfItCan(running, query)
        for (const key of dataset.sampleKeys) await running.ask({ kind: 'get', key })
      }
      await bench.rest()
      return all.map((running) => running.process.residentBytes() / MIB)
    })
  })
  bench.record({
    ...taken,
    id: 'memory.idle',
    limit: await bench.beside('node.memory'),
    title: 'idle memory after ordinary questions',
    unit: 'MiB',
    better: 'less',
    size: dataset,
  })
}

/** One for each round: a process alone may have a folder. */
const copies = (bench: Bench, dataset: Dataset, subject: Subject): Promise<string[]> =>
  Promise.all(Array.from({ length: bench.settings.samples }, () => bench.copyOf(dataset, subject)))

async function recordPeak(bench: Bench, { dataset, isPaired }: Data): Promise<void> {
  const taken = await inTurn(bench, isPaired, async (subject) => {
    const running = await subject.start(await bench.loaded(dataset, subject))
    try {
      const reader = async () => {
        for (const query of heavy(dataset)) await askIfItCan(running, query)
      }
      await Promise.all(Array.from({ length: READERS }, reader))
      return running.process.peakBytes() / MIB
    } finally {
      await running.stop()
    }
  })
  bench.record({
    ...taken,
    id: 'memory.peak',
    limit: await bench.beside('node.memory'),
    title: `peak memory with ${READERS} readers`,
    unit: 'MiB',
    better: 'less',
    size: dataset,
  })
}

/** What an app asks that shows a thread and a profile. */
function ordinary({ facts }: Dataset): Query[] {
  const { largestFeed, largestThread } = facts
  return [
    ...(largestThread === null
      ? []
      : [{ kind: 'tangle', root: largestThread.root } as const satisfies Query]),
    { kind: 'feed', id: largestFeed!.id },
  ]
}

/** That, and a third of all messages at once. */
const heavy = (dataset: Dataset): Query[] => [...ordinary(dataset), { kind: 'type', type: 'post' }]

async function askIfItCan(running: RunningSubject, query: Query): Promise<void> {
  try {
    await running.ask(query)
  } catch (error) {
    if (!(error instanceof Cannot)) throw error
  }
}

/**
 * The same number of messages in few and in many feeds, asked equally often: what a passivated feed
 * adds. With fewer questions to the few, what answering leaves in the allocator would count as well.
 */
async function recordPassivated(bench: Bench): Promise<void> {
  const { few, many } = await fewAndMany(bench)
  bench.progress.say(`every feed of ${few.feeds} and of ${many.feeds} is asked`)
  const fewBytes = await residentAfterUse(bench, few, many.feeds)
  const manyBytes = await residentAfterUse(bench, many, many.feeds)
  bench.record({
    id: 'memory.passivated',
    title: 'memory of a passivated feed',
    unit: 'bytes',
    better: 'less',
    size: many,
    samples: manyBytes.map((bytes, round) => (bytes - fewBytes[round]!) / (many.feeds - few.feeds)),
    limit: await bench.beside('feed.entry'),
  })
}

/** Of nodes, one a round, all of whose feeds were used, so often in all, and have passivated. */
async function residentAfterUse(
  bench: Bench,
  dataset: Dataset,
  uses: number,
): Promise<readonly number[]> {
  const ids = [...dataset.heads.keys()]
  const environment = { DUNBAR_PASSIVATE_AFTER_MS: String(PASSIVATE_AFTER_MS) }
  const start = (path: string) => bench.dunbar.start(path, { environment })
  return withEach(await copies(bench, dataset, bench.dunbar), start, async (all) => {
    for (const { client } of all) {
      for (let use = 0; use < uses; use++) await client.feeds.status(ids[use % ids.length]!)
    }
    await bench.rest()
    return all.map((running) => running.process.residentBytes())
  })
}
