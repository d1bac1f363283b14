import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { limits } from '../limits/index.js'
import { datasetsOf, fewAndMany, inTurn } from '../rounds.js'
import { Cannot, type Query, type RunningSubject } from '../subjects/subject.js'

/** By then all actors have passivated, and an idle node has collected its garbage. */
const IDLE_MS = 6_000
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
    for (const data of await datasetsOf(bench)) await recordIdle(bench, data)
    if (!bench.settings.isFull) return
    for (const data of await datasetsOf(bench)) await recordPeak(bench, data)
    await recordPassivated(bench)
  },
}

type Data = { readonly dataset: Dataset; readonly isPaired: boolean }

async function recordIdle(bench: Bench, { dataset, isPaired }: Data): Promise<void> {
  const taken = await inTurn(bench, isPaired, async (subject) => {
    const running = await subject.start(await bench.loaded(dataset, subject))
    try {
      for (const query of ordinary(dataset)) await askIfItCan(running, query)
      for (const key of dataset.sampleKeys) await running.ask({ kind: 'get', key })
      await idle()
      return running.process.residentBytes() / MIB
    } finally {
      await running.stop()
    }
  })
  bench.record({
    ...taken,
    id: 'memory.idle',
    limit: { what: limits['node.memory'].what, samples: await bench.limit('node.memory') },
    title: 'idle memory after ordinary questions',
    unit: 'MiB',
    better: 'less',
    size: dataset,
  })
}

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
    limit: { what: limits['node.memory'].what, samples: await bench.limit('node.memory') },
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
  const taken = await inTurn(bench, false, async () => {
    const difference =
      (await residentAfterUse(bench, many, many.feeds)) -
      (await residentAfterUse(bench, few, many.feeds))
    return difference / (many.feeds - few.feeds)
  })
  bench.record({
    ...taken,
    id: 'memory.passivated',
    title: 'memory of a passivated feed',
    unit: 'bytes',
    better: 'less',
    size: many,
  })
}

/** Of a node all of whose feeds were used, so often in all, and have passivated. */
async function residentAfterUse(bench: Bench, dataset: Dataset, uses: number): Promise<number> {
  const running = await bench.dunbar.start(await bench.loaded(dataset), {
    environment: { DUNBAR_PASSIVATE_AFTER_MS: String(PASSIVATE_AFTER_MS) },
  })
  try {
    const ids = [...dataset.heads.keys()]
    for (let use = 0; use < uses; use++) await running.client.feeds.status(ids[use % ids.length]!)
    await idle()
    return running.process.residentBytes()
  } finally {
    await running.stop()
  }
}

const idle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, IDLE_MS))
