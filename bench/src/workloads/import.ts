import type { Workload } from '../bench.js'
import { validationRate } from '../limits/validation.js'
import { datasetsOf, inTurn } from '../rounds.js'

/** All messages of a file into an empty folder, each checked; the subjects and the limit in turn. */
export const importing: Workload = {
  name: 'import',
  title: 'import into an empty folder',
  isShort: true,
  async run(bench) {
    for (const { dataset, isPaired } of await datasetsOf(bench)) {
      const limit: number[] = []
      const { samples, peers } = await inTurn(bench, isPaired, async (subject) => {
        if (subject === bench.dunbar) limit.push(await validationRate(dataset.file))
        const path = bench.freshPath(subject.name)
        const { messages, seconds } = await subject.load(dataset, path)
        bench.keepLoaded(dataset, subject, path)
        return messages / seconds
      })
      bench.record({
        id: 'import.rate',
        title: 'import',
        unit: 'messages/s',
        better: 'more',
        size: dataset,
        samples,
        limit: { what: 'validation alone on all cores', samples: limit },
        peers,
      })
    }
  },
}
