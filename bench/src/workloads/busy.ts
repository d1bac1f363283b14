import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { datasetsOf, severalInTurn } from '../rounds.js'
import { percentile } from '../statistics.js'
import { digestOfKeys } from '../subjects/dunbar.js'
import { withPair } from '../subjects/pair.js'
import type { RunningSubject, Subject } from '../subjects/subject.js'
import { assertCame, requestAll, Senders } from './sync.js'

const THREAD_MESSAGES = 50
/** A publish and a thread begin this often, done or not, so that asking takes little of the machine. */
const PROBE_MS = 50
const IDLE_PROBES = 40

/** A publish and a thread of 50 messages, 20 a second, while the peer takes in everything; beside the same when it is idle. */
export const busy: Workload = {
  name: 'busy',
  title: 'a publish and a thread during the initial sync',
  isShort: true,
  async run(bench) {
    for (const { dataset, isPaired } of await dataOf(bench)) {
      const senders = new Senders(bench, dataset)
      const calls: Latencies = { publish: [], thread: [] }
      const measured = await severalInTurn(bench, isPaired, async (subject) => {
        const { idle, during } = await probeSync(bench, subject, await senders.of(subject), dataset)
        if (subject === bench.dunbar) {
          calls.publish.push(...during.publish)
          calls.thread.push(...during.thread)
        }
        return {
          publish: percentile(during.publish, 99),
          thread: percentile(during.thread, 99),
          idlePublish: percentile(idle.publish, 99),
          idleThread: percentile(idle.thread, 99),
        }
      })
      const shared = { unit: 'ms', better: 'less', size: dataset } as const
      bench.record({
        id: 'busy.publish',
        title: 'a publish during the initial sync, 99th percentile',
        ...shared,
        ...measured.publish,
        calls: calls.publish,
        limit: { what: 'when it is idle', samples: measured.idlePublish.samples },
      })
      bench.record({
        id: 'busy.thread',
        title: 'a thread of 50 messages during the initial sync, 99th percentile',
        ...shared,
        ...measured.thread,
        calls: calls.thread,
        limit: { what: 'when it is idle', samples: measured.idleThread.samples },
      })
    }
  },
}

/** A short run has no time for all messages, nor for peers: a sync of some is busy, too. */
async function dataOf(bench: Bench): ReturnType<typeof datasetsOf> {
  const { pairsAll, file, partMessages } = bench.settings
  if (pairsAll || file !== null) return datasetsOf(bench)
  return [{ dataset: await bench.dataset({ messages: partMessages }), isPaired: false }]
}

/** Of calls, ms; taken here for all subjects: what a call waits before it is heard counts. */
interface Latencies {
  readonly publish: number[]
  readonly thread: number[]
}

async function probeSync(bench: Bench, subject: Subject, path: string, dataset: Dataset) {
  const paths = { sender: path, receiver: bench.freshPath(`busy-${subject.name}`) }
  return withPair(subject, paths, async (sender, receiver) => {
    await requestAll(dataset, sender, receiver)
    const thread = await ownThread(receiver)
    const idle = await probe(receiver, thread, (begun) => begun >= IDLE_PROBES)
    const own = THREAD_MESSAGES + idle.publish.length
    let isOver = false
    const most = receiver.holdsInAll(own + dataset.messages).then(() => {
      isOver = true
    })
    await receiver.connect(sender.address)
    // At least one, however little there is to take in.
    const during = await probe(receiver, thread, (begun) => isOver && begun > 0)
    await most
    const published = own + during.publish.length
    await receiver.holdsInAll(published + dataset.messages)
    await assertCame(receiver, dataset)
    const [head] = await receiver.heads([receiver.id])
    if (head!.sequence !== published) {
      throw new Error(`${subject.name} published ${published} messages and has ${head!.sequence}`)
    }
    return { idle, during }
  })
}

interface OwnThread {
  readonly root: string
  readonly digest: string
}

async function ownThread(running: RunningSubject): Promise<OwnThread> {
  const { key: root } = await running.publish({ type: 'post', text: 'root' })
  const replies = Array.from({ length: THREAD_MESSAGES - 1 }, (_, index) => ({
    type: 'post',
    text: `reply ${index + 1}`,
    root,
    branch: root,
  }))
  const { keys } = await running.publishAll(replies)
  return { root, digest: digestOfKeys([root, ...keys]) }
}

/** A publish and a thread, begun every `PROBE_MS`, until it is enough. */
async function probe(
  running: RunningSubject,
  { root, digest }: OwnThread,
  isEnough: (begun: number) => boolean,
): Promise<Latencies> {
  const latencies: Latencies = { publish: [], thread: [] }
  const publish = async () => {
    const startedAt = performance.now()
    await running.publish({ type: 'vote', vote: { link: root, value: 1, expression: 'Like' } })
    latencies.publish.push(performance.now() - startedAt)
  }
  const readThread = async () => {
    const startedAt = performance.now()
    const answer = await running.ask({ kind: 'tangle', root })
    latencies.thread.push(performance.now() - startedAt)
    if (answer.digest !== digest) {
      throw new Error(`${running.name}: the thread has ${answer.messages} other messages`)
    }
  }
  const probes: Promise<void>[] = []
  for (let begun = 0; !isEnough(begun); begun++) {
    probes.push(publish(), readThread())
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS))
  }
  await Promise.all(probes)
  return latencies
}
