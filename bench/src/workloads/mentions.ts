import type { Workload } from '../bench.js'
import { knownCount } from '../dataset.js'
import { recordAnswers } from '../questions.js'
import { datasetsOf } from '../rounds.js'

const REPEATS = 20

/** All messages that mention one feed: what it is to be told of. */
export const mentions: Workload = {
  name: 'mentions',
  title: 'all messages that mention a feed',
  isShort: false,
  async run(bench) {
    for (const data of await datasetsOf(bench)) {
      const { mostMentioned } = data.dataset
      if (mostMentioned === null) continue
      await recordAnswers(bench, data, [
        {
          id: 'mentions',
          title: 'all that mention a feed',
          query: { kind: 'mentions', target: mostMentioned.id },
          messages: knownCount(data.dataset, mostMentioned.messages),
          repeats: REPEATS,
        },
      ])
    }
  },
}
