import type { Bench, Workload } from '../bench.js'
import { knownCount } from '../dataset.js'
import { type Question, recordAnswers } from '../questions.js'
import { datasetsAsTimeAllows } from '../rounds.js'

const REPEATS = 20
/** Of the longest thread of natural data, for which there are goals. */
const LARGEST_REPEATS = 50
/** Messages in all answers of a question, at most. */
const MOST_MESSAGES = 50_000
/** Have room for the longest threads. */
const THREAD_MESSAGES = 30_000

/** The longest thread of natural data, and threads of known sizes by few and by many feeds. */
export const tangle: Workload = {
  name: 'tangle',
  title: 'whole threads',
  isShort: true,
  async run(bench) {
    for (const data of await datasetsAsTimeAllows(bench)) {
      const { largestThread } = data.dataset.facts
      if (largestThread === null) continue
      await recordAnswers(bench, data, [
        {
          id: 'tangle.largest',
          title: 'the largest thread',
          query: { kind: 'tangle', root: largestThread.root },
          messages: knownCount(data.dataset, largestThread.messages),
          repeats: LARGEST_REPEATS,
        },
      ])
    }
    await recordSizes(bench)
  },
}

async function recordSizes(bench: Bench): Promise<void> {
  const { messages, isFull } = bench.settings
  const dataset = await bench.dataset({
    population: 'threads',
    messages: Math.min(messages, THREAD_MESSAGES),
  })
  const questions = dataset.threads.map(
    (thread): Question => ({
      id: `tangle.${thread.messages}.${thread.spread}`,
      title: `a thread of ${thread.messages.toLocaleString('en-US')} by ${thread.spread} feeds`,
      query: { kind: 'tangle', root: thread.root },
      messages: thread.messages,
      repeats: Math.max(3, Math.min(REPEATS, Math.floor(MOST_MESSAGES / thread.messages))),
    }),
  )
  // What is asked first after a start reads indexes that all threads need: that is measured above.
  const roots = new Set<string>(dataset.threads.map(({ root }) => root))
  const unanswered = [...dataset.heads.values()].find((key) => !roots.has(key))!
  await recordAnswers(bench, { dataset, isPaired: isFull }, questions, {
    kind: 'tangle',
    root: unanswered,
  })
}
