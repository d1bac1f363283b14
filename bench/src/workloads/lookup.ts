import type { Workload } from '../bench.js'
import { assertRight } from '../questions.js'
import { datasetsAsTimeAllows, inTurn } from '../rounds.js'
import { median, timeEach } from '../statistics.js'
import { digestOfKeys, isDunbar } from '../subjects/dunbar.js'

/** Messages by their keys, one call after the other. */
export const lookup: Workload = {
  name: 'lookup',
  title: 'messages by their keys',
  isShort: true,
  async run(bench) {
    for (const { dataset, isPaired } of await datasetsAsTimeAllows(bench)) {
      const calls: number[] = []
      const bare: number[] = []
      const taken = await inTurn(bench, isPaired, async (subject) => {
        const running = await subject.start(await bench.loaded(dataset, subject))
        try {
          const times: number[] = []
          for (const key of dataset.sampleKeys) {
            const answer = await running.ask({ kind: 'get', key })
            assertRight(running, key, answer, 1, digestOfKeys([key]))
            times.push(answer.ms)
          }
          if (isDunbar(running)) {
            calls.push(...times)
            bare.push(median(await timeEach(times.length, () => running.client.whoami())))
          }
          return median(times)
        } finally {
          await running.stop()
        }
      })
      bench.record({
        ...taken,
        id: 'lookup.key',
        title: 'lookup of a key',
        unit: 'ms',
        better: 'less',
        size: dataset,
        calls,
        limit: { what: 'a call that asks no shard', samples: bare },
      })
    }
  },
}
