import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { assertRight } from '../questions.js'
import { datasetsAsTimeAllows, inTurn } from '../rounds.js'
import { digestOfKeys, isDunbar } from '../subjects/dunbar.js'

/** From the start of the process until it answers, on a folder that was closed in order. */
export const restart: Workload = {
  name: 'restart',
  title: 'ready after a restart',
  isShort: true,
  async run(bench) {
    for (const data of await datasetsAsTimeAllows(bench)) await recordRestarts(bench, data)
  },
}

export async function recordRestarts(
  bench: Bench,
  { dataset, isPaired }: { readonly dataset: Dataset; readonly isPaired: boolean },
): Promise<void> {
  const key = dataset.sampleKeys.at(-1)!
  const taken = await inTurn(bench, isPaired, async (subject) => {
    const running = await subject.start(await bench.loaded(dataset, subject))
    try {
      assertRight(running, key, await running.ask({ kind: 'get', key }), 1, digestOfKeys([key]))
      if (isDunbar(running)) {
        const { messages } = await running.client.status()
        if (messages < dataset.messages) throw new Error(`${messages} messages after a restart`)
      }
      return running.readyMs
    } finally {
      await running.stop()
    }
  })
  bench.record({
    ...taken,
    id: 'restart.ready',
    limit: await bench.beside('node.start'),
    title: 'ready after a restart',
    unit: 'ms',
    better: 'less',
    size: dataset,
  })
}
