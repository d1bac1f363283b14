import type { Workload } from '../bench.js'
import { recordAnswers } from '../questions.js'
import { datasetsAsTimeAllows } from '../rounds.js'

const REPEATS = 10

/** All messages of the longest feed, in order. */
export const feed: Workload = {
  name: 'feed',
  title: 'the whole of the longest feed',
  isShort: true,
  async run(bench) {
    for (const data of await datasetsAsTimeAllows(bench)) {
      const { id, messages } = data.dataset.facts.largestFeed!
      await recordAnswers(bench, data, [
        {
          id: 'feed.largest',
          title: 'all of the longest feed',
          query: { kind: 'feed', id },
          messages,
          repeats: REPEATS,
        },
      ])
    }
  },
}
