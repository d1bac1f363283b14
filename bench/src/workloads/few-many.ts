import type { Workload } from '../bench.js'
import { fewAndMany } from '../rounds.js'

/**
 * The same number of messages in few and in many feeds, imported in turn: a message in many feeds costs
 * no more than in few, which is what the design is about.
 */
export const fewMany: Workload = {
  name: 'few-many',
  title: 'cost of a message in many feeds against few',
  isShort: false,
  async run(bench) {
    const { samples } = bench.settings
    const { few, many } = await fewAndMany(bench)
    const ratios: number[] = []
    for (let round = 1; round <= samples; round++) {
      bench.progress.say(`round ${round}`)
      const seconds: number[] = []
      for (const dataset of [few, many]) {
        const path = bench.freshPath('few-many')
        const load = await bench.dunbar.load(dataset, path)
        bench.keepLoaded(dataset, bench.dunbar, path)
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
      limit: { none: 'is a ratio of figures itself' },
    })
  },
}
