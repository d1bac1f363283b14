import type { Workload } from '../bench.js'
import { isLimit } from '../figure.js'
import { type LimitKind, type LimitName, limits } from '../limits/index.js'

/** What this machine allows at the most: each is what other figures stand beside. */
export const limiting: Workload = {
  name: 'limits',
  title: 'what no program on this machine could pass',
  isShort: true,
  async run(bench) {
    const dataset = await bench.dataset()
    for (const [name, kind] of Object.entries(limits) as [LimitName, LimitKind][]) {
      bench.record({
        id: `limit.${name}`,
        title: kind.what,
        unit: kind.unit,
        better: kind.better,
        size: dataset,
        samples: await bench.limit(name),
        limit: isLimit,
      })
    }
  },
}
