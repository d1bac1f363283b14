import type { Workload } from '../bench.js'

/** A message in many feeds costs no more than in few: that is what the design is about. */
const MANY_FEEDS = 5000

/** The same number of messages in few and in many feeds, imported in turn. */
export const fewMany: Workload = {
  name: 'few-many',
  title: 'cost of a message in many feeds against few',
  isShort: false,
  async run(bench) {
    const { messages, samples, feeds } = bench.settings
    const few = await bench.dataset({ messages })
    const many = await bench.dataset({
      messages,
      feeds: Math.max(feeds + 1, Math.min(MANY_FEEDS, messages >> 3)),
    })
    const ratios: number[] = []
    for (let round = 1; round <= samples; round++) {
      bench.progress.say(`round ${round}`)
      const seconds: number[] = []
      for (const dataset of [few, many]) {
        const load = await bench.dunbar.load(dataset, bench.freshPath('few-many'))
        seconds.push(load.seconds)
      }
      ratios.push(seconds[1]! / seconds[0]!)
    }
    bench.record({
      id: 'growth.few-many',
      title: `cost of a message, ${many.feeds.toLocaleString('en-US')} feeds against ${few.feeds.toLocaleString('en-US')}`,
      unit: '×',
      better: 'less',
      size: many,
      samples: ratios,
    })
  },
}
