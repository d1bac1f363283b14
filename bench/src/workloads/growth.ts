import type { Bench, Workload } from '../bench.js'
import type { Dataset, DatasetSize } from '../dataset.js'
import type { Figure } from '../figure.js'
import { allocatedBytes } from '../folder-size.js'
import { endedChildrenCpuMs } from '../process.js'
import { median } from '../statistics.js'
import { digestOfKeys, type RunningDunbar } from '../subjects/dunbar.js'

/**
 * The same figures at every size, for the growth lines: the number of feeds grows while the number
 * of messages stays, and the other way round. Dunbar alone; ids stay the same, `size` tells them apart.
 */
export const growth: Workload = {
  name: 'growth',
  title: 'every cost from 150 feeds to 50,000, and by the number of messages',
  isShort: false,
  async run(bench) {
    const used = new Map<Dataset, number>()
    const steps = stepsOf(bench)
    const questions = Math.max(...steps.map(({ size }) => size.feeds!))
    for (const step of steps) {
      const dataset = await bench.dataset(step.size)
      const path = await imports(bench, step, dataset)
      await starts(bench, step, dataset, path)
      used.set(dataset, await passivated(bench, step, dataset, path, questions))
      if (step.hasSync) await sync(bench, step, dataset, path)
    }
    recordPassivated(bench, used)
  },
}

const FEEDS = [150, 1500, 5000, 50_000]
/** The number of feeds at which the messages grow, and the spreads are compared. */
const MIDDLE_FEEDS = 1500
/** Of the messages of this run, at every number of feeds. */
const MESSAGE_FACTOR = 2
/** And at the middle number of feeds also these. */
const OTHER_FACTORS = [0.2, 1]
/** A feed has at least so many messages, so that a tiny run has no more feeds than messages. */
const LEAST_MESSAGES = 4
const RESTARTS = 5
const LOOKUPS = 1000
const THREADS = 20
/** An idle node has collected its garbage, and let its feeds go, by then. */
const IDLE_MS = 5000
/** Far below the default, so that the run is short. */
const PASSIVATE_AFTER_MS = 200
/** Feeds that are wanted at once. */
const REQUESTS = 500
const QUESTIONS_AT_ONCE = 100

interface Step {
  readonly size: Partial<DatasetSize>
  /** "growth" or "growth.giants". */
  readonly prefix: string
  /** "" or ", giants". */
  readonly suffix: string
  /** Rounds of what takes longest. */
  readonly rounds: number
  readonly hasSync: boolean
}

/** By rising cost; everything shrinks with a smaller run. */
function stepsOf({ settings }: Bench): readonly Step[] {
  const messages = settings.messages * MESSAGE_FACTOR
  const feedsAt = (feeds: number) =>
    Math.max(
      1,
      Math.min(
        Math.ceil((feeds * settings.feeds) / FEEDS[0]!),
        Math.floor(messages / LEAST_MESSAGES),
      ),
    )
  const middle = feedsAt(MIDDLE_FEEDS)
  const rounds = (most: number) => Math.min(most, settings.samples)
  const natural = { prefix: 'growth', suffix: '', hasSync: true }
  const spreads = (['even', 'giants'] as const).map((population) => ({
    size: { feeds: middle, messages, population },
    prefix: `growth.${population}`,
    suffix: population === 'even' ? ', all feeds alike' : ', four giants have 80 %',
    rounds: 1,
    hasSync: true,
  }))
  return [
    ...OTHER_FACTORS.map((factor) => ({
      ...natural,
      size: { feeds: middle, messages: Math.ceil(settings.messages * factor) },
      rounds: rounds(3),
    })),
    ...[...new Set(FEEDS.map(feedsAt))].map((feeds) => ({
      ...natural,
      size: { feeds, messages },
      rounds: rounds(feeds >= feedsAt(FEEDS.at(-1)!) ? 1 : 2),
    })),
    ...spreads,
  ]
}

type Measured = Pick<Figure, 'title' | 'unit' | 'better' | 'samples'> &
  Partial<Pick<Figure, 'calls'>>

function record(bench: Bench, step: Step, dataset: Dataset, name: string, figure: Measured): void {
  const { feeds, messages } = dataset
  bench.record({
    ...figure,
    id: `${step.prefix}.${name}`,
    title: `${figure.title}${step.suffix}`,
    size: { feeds, messages },
  })
}

/** Imports into fresh folders; gives the last of them. */
async function imports(bench: Bench, step: Step, dataset: Dataset): Promise<string> {
  const rates: number[] = []
  const micros: number[] = []
  let path = ''
  for (let round = 1; round <= step.rounds; round++) {
    bench.progress.say(`${sizeText(dataset)}${step.suffix}: import, round ${round}`)
    path = bench.freshPath('growth')
    const before = endedChildrenCpuMs()
    const { messages, seconds } = await bench.dunbar.load(dataset, path)
    rates.push(messages / seconds)
    micros.push(((endedChildrenCpuMs() - before) * 1000) / messages)
  }
  record(bench, step, dataset, 'import', {
    title: 'import',
    unit: 'messages/s',
    better: 'more',
    samples: rates,
  })
  record(bench, step, dataset, 'import.cpu', {
    title: 'CPU of an import',
    unit: 'µs/message',
    better: 'less',
    samples: micros,
  })
  record(bench, step, dataset, 'disk', {
    title: 'disk, as files take it',
    unit: 'bytes/message',
    better: 'less',
    samples: [allocatedBytes(path) / dataset.messages],
  })
  return path
}

/** Restarts; after each, what the first and the warm answers take, and the node at rest. */
async function starts(bench: Bench, step: Step, dataset: Dataset, path: string): Promise<void> {
  const thread = dataset.facts.largestThread
  const readyMs: number[] = []
  const firstMs: number[] = []
  const warmMs: number[] = []
  const lookupMs: number[] = []
  const calls: { readonly lookup: number[]; readonly warm: number[] } = { lookup: [], warm: [] }
  const resident: number[] = []
  const handles: number[] = []
  const starts = Math.min(RESTARTS, bench.settings.samples)
  for (let start = 1; start <= starts; start++) {
    bench.progress.say(`${sizeText(dataset)}${step.suffix}: start ${start}`)
    const node = await bench.dunbar.start(path)
    readyMs.push(node.readyMs)
    if (thread !== null) {
      const read = async () => {
        const { ms, messages } = await node.ask({ kind: 'tangle', root: thread.root })
        if (messages === thread.messages) return ms
        throw new Error(`the thread has ${messages} of ${thread.messages} messages`)
      }
      firstMs.push(await read())
      const warm: number[] = []
      for (let index = 0; index < THREADS; index++) warm.push(await read())
      warmMs.push(median(warm))
      calls.warm.push(...warm)
    }
    const lookups = await lookUp(node, dataset)
    lookupMs.push(median(lookups))
    calls.lookup.push(...lookups)
    // Garbage is collected once a start; one more tells whether it is the same each time.
    if (start <= 2) {
      await rest(bench)
      resident.push(node.process.residentBytes() / 2 ** 20)
      handles.push(node.process.fileHandles())
    }
    await node.stop()
  }
  const less = { better: 'less' as const }
  record(bench, step, dataset, 'restart', {
    title: 'ready after a restart',
    unit: 'ms',
    samples: readyMs,
    ...less,
  })
  if (thread !== null) {
    record(bench, step, dataset, 'thread.first', {
      title: 'the largest thread, first after a start',
      unit: 'ms',
      samples: firstMs,
      ...less,
    })
    record(bench, step, dataset, 'thread.warm', {
      title: 'the largest thread, warm',
      unit: 'ms',
      samples: warmMs,
      calls: calls.warm,
      ...less,
    })
  }
  record(bench, step, dataset, 'lookup', {
    title: 'key lookup',
    unit: 'ms',
    samples: lookupMs,
    calls: calls.lookup,
    ...less,
  })
  record(bench, step, dataset, 'memory.idle', {
    title: 'memory at rest',
    unit: 'MiB',
    samples: resident,
    ...less,
  })
  record(bench, step, dataset, 'handles', {
    title: 'file handles at rest',
    unit: 'handles',
    samples: handles,
    ...less,
  })
}

async function lookUp(node: RunningDunbar, { sampleKeys }: Dataset): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < LOOKUPS; index++) {
    const key = sampleKeys[index % sampleKeys.length]!
    const { ms, digest } = await node.ask({ kind: 'get', key })
    if (digest !== digestOfKeys([key])) throw new Error('another message came')
    times.push(ms)
  }
  return times
}

/**
 * Resident bytes of a node all of whose feeds were asked and have passivated since. As many questions
 * at every size: what answering leaves in the allocator would count for the feeds otherwise.
 */
async function passivated(
  bench: Bench,
  step: Step,
  dataset: Dataset,
  path: string,
  questions: number,
): Promise<number> {
  bench.progress.say(`${sizeText(dataset)}${step.suffix}: every feed is asked`)
  const node = await bench.dunbar.start(path, {
    environment: { DUNBAR_PASSIVATE_AFTER_MS: String(PASSIVATE_AFTER_MS) },
  })
  const ids = await feedsOf(node)
  for (let asked = 0; asked < questions; asked += QUESTIONS_AT_ONCE) {
    const count = Math.min(QUESTIONS_AT_ONCE, questions - asked)
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        node.client.feeds.status(ids[(asked + index) % ids.length]!),
      ),
    )
  }
  await rest(bench)
  const bytes = node.process.residentBytes()
  await node.stop()
  record(bench, step, dataset, 'memory.passivated', {
    title: 'memory after every feed was used',
    unit: 'MiB',
    better: 'less',
    samples: [bytes / 2 ** 20],
  })
  return bytes
}

/** What a feed adds, against the fewest feeds with as many messages. */
function recordPassivated(bench: Bench, used: ReadonlyMap<Dataset, number>): void {
  const natural = [...used.keys()].filter(({ population }) => population === 'natural')
  for (const dataset of natural) {
    const few = natural.find(
      ({ messages, feeds }) => messages === dataset.messages && feeds < dataset.feeds,
    )
    if (few === undefined) continue
    const { feeds, messages } = dataset
    bench.record({
      id: 'growth.passivated',
      title: `a passivated feed, against ${few.feeds.toLocaleString('en-US')} feeds`,
      unit: 'bytes',
      better: 'less',
      size: { feeds, messages },
      samples: [(used.get(dataset)! - used.get(few)!) / (feeds - few.feeds)],
    })
  }
}

/** All messages into an empty node from one that has them, over loopback. */
async function sync(bench: Bench, step: Step, dataset: Dataset, path: string): Promise<void> {
  bench.progress.say(`${sizeText(dataset)}${step.suffix}: initial sync`)
  const copy = bench.freshPath('growth-sync')
  const source = await bench.dunbar.start(path)
  const reader = await bench.dunbar.start(copy)
  const ids = await feedsOf(source)
  for (const node of [source, reader]) {
    for (let from = 0; from < ids.length; from += REQUESTS) {
      await node.request(ids.slice(from, from + REQUESTS))
    }
  }
  const startedAt = performance.now()
  const all = reader.holdsInAll(dataset.messages)
  await reader.connect(source.address)
  await all
  const seconds = (performance.now() - startedAt) / 1000
  const peakMiB = reader.process.peakBytes() / 2 ** 20
  await checkSame(source, reader, dataset)
  await reader.stop()
  await source.stop()
  record(bench, step, dataset, 'sync', {
    title: 'initial sync',
    unit: 'messages/s',
    better: 'more',
    samples: [dataset.messages / seconds],
  })
  record(bench, step, dataset, 'memory.sync', {
    title: 'peak memory of the syncing node',
    unit: 'MiB',
    better: 'less',
    samples: [peakMiB],
  })
}

async function checkSame(
  source: RunningDunbar,
  reader: RunningDunbar,
  { facts: { largestFeed, largestThread } }: Dataset,
): Promise<void> {
  const queries = [
    ...(largestFeed === null ? [] : [{ kind: 'feed' as const, id: largestFeed.id }]),
    ...(largestThread === null ? [] : [{ kind: 'tangle' as const, root: largestThread.root }]),
  ]
  for (const query of queries) {
    const [sent, held] = [await source.ask(query), await reader.ask(query)]
    if (sent.digest !== held.digest) throw new Error(`a ${query.kind} differs after the sync`)
  }
}

async function feedsOf(node: RunningDunbar) {
  const ids = []
  for await (const { id } of node.client.feeds.list()) ids.push(id)
  return ids
}

const sizeText = ({ feeds, messages }: Dataset): string =>
  `${messages.toLocaleString('en-US')} messages in ${feeds.toLocaleString('en-US')} feeds`

/** Shorter where the run is tiny. */
const rest = ({ settings }: Bench): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(IDLE_MS, settings.messages / 10)))
