import type { Settings, Workload } from '../bench.js'
import { recordRestarts } from './restart.js'

const MOST_MESSAGES = 1_000_000
const MOST_FEEDS = 5_000

/** A restart with ten times the messages in 33 times the feeds: a million in 5,000, where nothing else is asked for. */
export const million: Workload = {
  name: 'million',
  title: 'a restart with a million messages',
  isShort: false,
  datasets: (settings) => [sizeFor(settings)],
  async run(bench) {
    const dataset = await bench.dataset(sizeFor(bench.settings))
    await recordRestarts(bench, { dataset, isPaired: false })
  },
}

const sizeFor = ({ messages, feeds }: Settings) => ({
  messages: Math.min(MOST_MESSAGES, messages * 10),
  feeds: Math.min(MOST_FEEDS, Math.round((feeds * 100) / 3)),
})
