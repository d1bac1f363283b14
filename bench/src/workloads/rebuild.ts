import type { RebuildDone } from '@dunbar/client'
import type { Workload } from '../bench.js'
import { assertRight } from '../questions.js'
import { inTurn } from '../rounds.js'
import type { RunningDunbar } from '../subjects/dunbar.js'
import type { Query } from '../subjects/subject.js'

/** All derived state deleted and folded again from the messages, as `dunbar rebuild` does it. */
export const rebuild: Workload = {
  name: 'rebuild',
  title: 'derived state, folded again',
  isShort: false,
  async run(bench) {
    const dataset = await bench.dataset()
    const path = await bench.copyOf(dataset)
    const { largestThread, largestFeed } = dataset.facts
    const query: Query =
      largestThread === null
        ? { kind: 'feed', id: largestFeed!.id }
        : { kind: 'tangle', root: largestThread.root }
    // It warns of each rebuild.
    const running = await bench.dunbar.start(path, { environment: { DUNBAR_LOG_LEVEL: 'error' } })
    try {
      const { digest } = await running.ask(query)
      const taken = await inTurn(bench, false, async () => {
        const { messages, failed, seconds } = await rebuilt(running)
        if (messages !== dataset.messages || failed.length > 0) {
          throw new Error(`${messages} of ${dataset.messages} messages were folded`)
        }
        assertRight(running, 'rebuilt', await running.ask(query), null, digest)
        return messages / seconds
      })
      bench.record({
        ...taken,
        id: 'rebuild.rate',
        title: 'rebuild of derived state',
        unit: 'messages/s',
        better: 'more',
        size: dataset,
        limit: await bench.beside('parse'),
      })
    } finally {
      await running.stop()
    }
  },
}

async function rebuilt({ client }: RunningDunbar): Promise<RebuildDone> {
  for await (const item of client.node.rebuild()) if (item.event === 'done') return item
  throw new Error('the rebuild ended without a result')
}
