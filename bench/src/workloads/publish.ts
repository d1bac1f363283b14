import type { Workload } from '../bench.js'
import { datasetsAsTimeAllows, severalInTurn } from '../rounds.js'
import { median } from '../statistics.js'
import type { RunningSubject } from '../subjects/subject.js'
import { Senders } from './sync.js'

const ONE_BY_ONE = 50
const AT_ONCE = 100
/** Not timed: the program compiles itself. */
const WARMING = 10

/** Messages of the peer's own, beside those that it holds: until it says that they are there. */
export const publish: Workload = {
  name: 'publish',
  title: "messages of the peer's own",
  isShort: true,
  async run(bench) {
    for (const { dataset, isPaired } of await datasetsAsTimeAllows(bench)) {
      const folders = new Senders(bench, dataset)
      const calls: number[] = []
      const { one, many } = await severalInTurn(bench, isPaired, async (subject) => {
        const running = await subject.start(await folders.of(subject))
        try {
          await publishOneByOne(running, WARMING)
          const times = await publishOneByOne(running, ONE_BY_ONE)
          if (subject === bench.dunbar) calls.push(...times)
          return { one: median(times), many: AT_ONCE / (await secondsForMany(running)) }
        } finally {
          await running.stop()
        }
      })
      bench.record({
        id: 'publish.one',
        title: 'a message published',
        unit: 'ms',
        better: 'less',
        size: dataset,
        ...one,
        calls,
        limit: await bench.beside('syncedWrite'),
      })
      bench.record({
        id: 'publish.many',
        title: `${AT_ONCE} messages published at once`,
        unit: 'messages/s',
        better: 'more',
        size: dataset,
        ...many,
        limit: await bench.beside('signing'),
      })
    }
  },
}

const post = (index: number) => ({ type: 'post', text: `a message of medium length, ${index}` })

/** ms each. */
async function publishOneByOne(running: RunningSubject, count: number): Promise<number[]> {
  const times: number[] = []
  const { published, head } = await whatWasAdded(running, async () => {
    const keys: string[] = []
    for (let index = 0; index < count; index++) {
      const { key, ms } = await running.publish(post(index))
      keys.push(key)
      times.push(ms)
    }
    return keys
  })
  if (head !== published.at(-1)) throw new Error(`${running.name} ends with another message`)
  return times
}

async function secondsForMany(running: RunningSubject): Promise<number> {
  let seconds = 0
  const { published, head } = await whatWasAdded(running, async () => {
    const { keys, ms } = await running.publishAll(
      Array.from({ length: AT_ONCE }, (_, i) => post(i)),
    )
    seconds = ms / 1000
    return keys
  })
  if (!published.includes(head!)) throw new Error(`${running.name} ends with another message`)
  return seconds
}

/** @throws {Error} the feed did not grow by just these messages */
async function whatWasAdded(running: RunningSubject, add: () => Promise<readonly string[]>) {
  const [before] = await running.heads([running.id])
  const published = await add()
  const [after] = await running.heads([running.id])
  const grown = after!.sequence - before!.sequence
  if (grown !== published.length || new Set(published).size !== grown) {
    throw new Error(`${running.name} published ${published.length} messages and has ${grown} more`)
  }
  return { published, head: after!.key }
}
