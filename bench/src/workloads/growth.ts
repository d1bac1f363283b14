import type { Bench, Settings, Workload } from '../bench.js'
import type { DatasetSize } from '../dataset.js'
import { GrowthSize } from './growth-size.js'

/**
 * The same figures at every size, for the growth lines: the number of feeds grows while the number
 * of messages stays, and the other way round. Dunbar alone; ids stay the same, `size` tells them apart.
 * All sizes are measured in turn, so that a machine whose speed drifts drifts for all of them.
 */
export const growth: Workload = {
  name: 'growth',
  title: 'every cost from 150 feeds to 50,000, and by the number of messages',
  isShort: false,
  datasets: (settings) => stepsOf(settings).map(({ size }) => size),
  async run(bench) {
    const steps = stepsOf(bench.settings)
    const datasets = await Promise.all(steps.map(({ size }) => bench.dataset(size)))
    const sizes = steps.map((step, index) => new GrowthSize(bench, datasets[index]!, step))
    const whole = sizes.filter((_, index) => steps[index]!.isWhole)
    for (let round = 1; round <= bench.settings.samples; round++) {
      for (const size of sizes) await size.import(round)
      for (const size of sizes) await size.start(round)
      for (const size of whole) await size.sync(round)
    }
    const questions = Math.max(...sizes.map(({ dataset }) => dataset.feeds))
    for (const size of whole) await size.rest(questions)
    for (const size of sizes) await size.record()
    await recordPassivated(bench, whole)
  },
}

const FEEDS = [150, 1500, 5000, 50_000]
/** Of the messages of this run, at every number of feeds: 50,000 feeds have four messages each. */
const MESSAGE_FACTOR = 2
/** The number of feeds at which the messages grow, and nodes of other spreads sync and rest, too. */
const MIDDLE_FEEDS = 1500
/** Of the messages of this run, at the middle number of feeds. */
const OTHER_FACTORS = [0.2, 1]
const SPREAD_FACTOR = 1
/** A feed has at least so many messages, so that a tiny run has no more feeds than messages. */
const LEAST_MESSAGES = 4

interface Step {
  readonly size: Partial<DatasetSize>
  /** "growth" or "growth.giants". */
  readonly prefix: string
  /** "" or ", giants". */
  readonly suffix: string
  /** Whether nodes sync and rest, too, and not only import, start and answer. */
  readonly isWhole: boolean
}

/** By rising cost; everything shrinks with a smaller run. */
function stepsOf(settings: Settings): readonly Step[] {
  const messages = (factor: number) => Math.ceil(settings.messages * factor)
  const most = messages(MESSAGE_FACTOR)
  const feedsAt = (feeds: number) =>
    Math.max(
      1,
      Math.min(Math.ceil((feeds * settings.feeds) / FEEDS[0]!), Math.floor(most / LEAST_MESSAGES)),
    )
  const middle = feedsAt(MIDDLE_FEEDS)
  const natural = { prefix: 'growth', suffix: '', isWhole: true }
  const numbers = [...new Set(FEEDS.map(feedsAt))]
  return [
    ...OTHER_FACTORS.map((factor) => ({
      ...natural,
      size: { feeds: middle, messages: messages(factor) },
    })),
    ...(['even', 'giants'] as const).flatMap((population) =>
      numbers.map((feeds) => ({
        size: { feeds, messages: messages(SPREAD_FACTOR), population },
        prefix: `growth.${population}`,
        suffix: population === 'even' ? ', all feeds alike' : ', most by four giants',
        isWhole: feeds === middle,
      })),
    ),
    ...numbers.map((feeds) => ({
      ...natural,
      size: { feeds, messages: most },
    })),
  ]
}

/** What a feed adds, against the fewest feeds with as many messages. */
async function recordPassivated(bench: Bench, sizes: readonly GrowthSize[]): Promise<void> {
  const natural = sizes.filter(({ dataset }) => dataset.population === 'natural')
  for (const { dataset, usedBytes } of natural) {
    const { feeds, messages } = dataset
    const few = natural.find(
      (other) => other.dataset.messages === messages && other.dataset.feeds < feeds,
    )
    if (few === undefined) continue
    bench.record({
      id: 'growth.passivated',
      title: `a passivated feed, against ${few.dataset.feeds.toLocaleString('en-US')} feeds`,
      unit: 'bytes',
      better: 'less',
      size: { feeds, messages },
      samples: usedBytes.map(
        (bytes, round) => (bytes - few.usedBytes[round]!) / (feeds - few.dataset.feeds),
      ),
      limit: await bench.beside('feed.entry'),
    })
  }
}
