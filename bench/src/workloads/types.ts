import type { Workload } from '../bench.js'
import { recordAnswers } from '../questions.js'
import { datasetsAsTimeAllows } from '../rounds.js'

const REPEATS = 5

/** All messages of a type, and all of an author who is neither the first nor the last; a start before each. */
export const types: Workload = {
  name: 'types',
  title: 'all messages of a type and of an author',
  isShort: true,
  async run(bench) {
    for (const data of await datasetsAsTimeAllows(bench)) {
      const { facts, heads } = data.dataset
      const named = Object.entries(facts.countByType).filter(([type]) => type !== 'private')
      // A type of a tenth of all messages, such as contacts: what an app reads in whole.
      const [chosen] = named.sort(
        (a, b) => distance(a[1], facts.messages) - distance(b[1], facts.messages),
      )
      if (chosen !== undefined) {
        const [type, messages] = chosen
        await recordAnswers(bench, data, [
          {
            id: 'types.type',
            title: 'all of a type',
            query: { kind: 'type', type },
            messages,
            repeats: REPEATS,
          },
        ])
      }
      await recordAnswers(bench, data, [
        {
          id: 'types.author',
          title: 'all of an author',
          query: { kind: 'author', id: [...heads.keys()][heads.size >> 1]! },
          messages: null,
          repeats: REPEATS,
        },
      ])
    }
  },
}

const distance = (count: number, all: number): number => Math.abs(count - all / 10)
