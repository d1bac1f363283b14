import type { Bench, Workload } from '../bench.js'
import { livingLimit } from '../limits/sums.js'
import { inTurn } from '../rounds.js'
import { median } from '../statistics.js'
import { withPair } from '../subjects/pair.js'
import type { Subject } from '../subjects/subject.js'

const MESSAGES = 50
/** Those of peers take a quarter of a second and more each. */
const PEER_MESSAGES = 5
/** Between two messages, ms: each goes alone. */
const PAUSE_MS = 20

/** A message at a time, from the call that publishes it until the connected peer holds it. */
export const live: Workload = {
  name: 'live',
  title: 'from publish until stored at the peer',
  isShort: true,
  async run(bench) {
    const calls: number[] = []
    const taken = await inTurn(bench, bench.settings.pairsAll, async (subject) => {
      const isDunbar = subject === bench.dunbar
      const times = await liveTimes(bench, subject, isDunbar ? MESSAGES : PEER_MESSAGES)
      if (isDunbar) calls.push(...times)
      return median(times)
    })
    bench.record({
      id: 'live',
      title: 'from publish until stored at the peer',
      unit: 'ms',
      better: 'less',
      size: { feeds: 1, messages: MESSAGES },
      ...taken,
      calls,
      limit: await livingLimit(bench),
    })
  },
}

async function liveTimes(bench: Bench, subject: Subject, messages: number): Promise<number[]> {
  const paths = {
    sender: bench.freshPath(`author-${subject.name}`),
    receiver: bench.freshPath(`reader-${subject.name}`),
  }
  return withPair(subject, paths, async (author, reader) => {
    await Promise.all([author, reader].map((each) => each.request([author.id])))
    const first = await author.publish({ type: 'post', text: 'first' })
    const begun = reader.holds(author.id, 1)
    await reader.connect(author.address)
    await begun
    const keys = [first.key]
    const times: number[] = []
    for (let index = 1; index <= messages; index++) {
      const held = reader.holds(author.id, index + 1)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      const startedAt = performance.now()
      const { key } = await author.publish({ type: 'post', text: `live ${index}` })
      await held
      times.push(performance.now() - startedAt)
      keys.push(key)
    }
    const [head] = await reader.heads([author.id])
    if (head!.key !== keys.at(-1) || head!.sequence !== keys.length) {
      throw new Error(
        `${subject.name}: the peer holds ${head!.sequence} of ${keys.length} messages`,
      )
    }
    return times
  })
}
