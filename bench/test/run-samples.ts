import { type Figure, isLimit } from '../src/figure.js'
import type { Results } from '../src/results.js'

/** Results of a run that never was, to draw and to reckon with. */
export const resultsOf = (figures: readonly Figure[], more: Partial<Results> = {}): Results => ({
  version: 2,
  at: '2026-01-01T00:00:00.000Z',
  commit: 'unknown',
  node: 'v20.0.0',
  machine: { cpu: 'a <fast> processor', cores: 2, memoryBytes: 24 * 2 ** 30, system: 'Linux' },
  run: {
    isFull: false,
    workloads: [],
    workloadSeconds: {},
    samples: 5,
    seed: 1,
    shards: null,
    cores: null,
    seconds: 1,
  },
  subjects: { dunbar: 'dunbar 0.1.0' },
  datasets: [
    { feeds: 150, messages: 1000, population: 'natural', seed: 1, digest: 'aa', sizeBytes: 1 },
  ],
  figures,
  failures: [],
  ...more,
})

const SIZES = [
  [1500, 20_000],
  [1500, 100_000],
  [150, 200_000],
  [1500, 200_000],
  [50_000, 200_000],
] as const

/** Growth figures of a node that costs exactly these planes. */
export function growthFigures(): Figure[] {
  const costs: readonly (readonly [string, string, (feeds: number, messages: number) => number])[] =
    [
      ['growth.restart', 'ms', (feeds, messages) => 150 + 0.02 * feeds + 0.0003 * messages],
      ['growth.memory.passivated', 'MiB', (feeds, messages) => 100 + feeds / 512 + messages / 1e4],
      ['growth.memory.idle', 'MiB', () => 100],
      ['growth.memory.sync', 'MiB', () => 200],
      ['growth.disk', 'bytes/message', (feeds, messages) => 800 + (4096 * feeds) / messages],
    ]
  return SIZES.flatMap(([feeds, messages]) => [
    ...costs.map(
      ([id, unit, of]): Figure => ({
        id,
        title: id,
        unit,
        better: 'less',
        size: { feeds, messages },
        samples: [of(feeds, messages)],
        limit: isLimit,
      }),
    ),
    {
      id: 'growth.import',
      title: 'import',
      unit: 'messages/s',
      better: 'more',
      size: { feeds, messages },
      samples: [messages / (0.0002 * feeds + messages / 20_000)],
      limit: isLimit,
    },
  ])
}
