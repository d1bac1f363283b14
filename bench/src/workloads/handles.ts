import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { handlesLimit } from '../limits/sums.js'
import { datasetsOf, fewAndMany, severalInTurn } from '../rounds.js'

/** Open files and sockets of a process, before and after each of its feeds was read. */
export const handles: Workload = {
  name: 'handles',
  title: 'file handles, idle and after all feeds were read',
  isShort: false,
  async run(bench) {
    for (const data of await datasetsOf(bench)) {
      await recordHandles(bench, data)
    }
    const { many } = await fewAndMany(bench)
    await recordHandles(bench, { dataset: many, isPaired: false })
  },
}

async function recordHandles(
  bench: Bench,
  { dataset, isPaired }: { readonly dataset: Dataset; readonly isPaired: boolean },
): Promise<void> {
  const { idle, used } = await severalInTurn(bench, isPaired, async (subject) => {
    const running = await subject.start(await bench.loaded(dataset, subject))
    try {
      const before = running.process.fileHandles()
      let messages = 0
      for (const id of dataset.heads.keys()) {
        messages += (await running.ask({ kind: 'feed', id })).messages
      }
      if (messages !== dataset.messages) {
        throw new Error(`${subject.name} gave ${messages} of ${dataset.messages} messages`)
      }
      return { idle: before, used: running.process.fileHandles() }
    } finally {
      await running.stop()
    }
  })
  const shared = { unit: 'handles', better: 'less', size: dataset } as const
  bench.record({
    ...shared,
    ...idle,
    id: 'handles.idle',
    title: 'file handles, idle',
    limit: await bench.beside('node.handles'),
  })
  bench.record({
    ...shared,
    ...used,
    id: 'handles.used',
    title: 'file handles after all feeds were read',
    limit: await handlesLimit(bench, dataset.feeds),
  })
}
