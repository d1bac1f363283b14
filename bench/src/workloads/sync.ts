import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { receivingLimit, sendingLimit } from '../limits/sums.js'
import { datasetsOf, severalInTurn } from '../rounds.js'
import { withPair } from '../subjects/pair.js'
import type { RunningSubject, Subject } from '../subjects/subject.js'

/** Everything, over loopback, from a peer of the same make that has it to one that has nothing. */
export const sync: Workload = {
  name: 'sync',
  title: 'initial sync over loopback',
  isShort: true,
  async run(bench) {
    for (const { dataset, isPaired } of await datasetsOf(bench)) {
      const { rate, send, receive, peak } = await measureSync(bench, dataset, isPaired)
      const { meanSizeBytes } = dataset.facts
      const cpu = { unit: 'µs/message', better: 'less', size: dataset } as const
      bench.record({
        id: 'sync.rate',
        title: 'initial sync',
        unit: 'messages/s',
        better: 'more',
        size: dataset,
        ...rate,
        limit: await bench.beside('validation'),
      })
      bench.record({
        id: 'sync.send',
        title: 'initial sync: CPU that sends',
        ...cpu,
        ...send,
        limit: await sendingLimit(bench, meanSizeBytes),
      })
      bench.record({
        id: 'sync.receive',
        title: 'initial sync: CPU that receives',
        ...cpu,
        ...receive,
        limit: await receivingLimit(bench, meanSizeBytes),
      })
      bench.record({
        id: 'sync.memory',
        title: 'initial sync: peak memory of the receiver',
        unit: 'MiB',
        better: 'less',
        size: dataset,
        ...peak,
        limit: await bench.beside('node.memory'),
      })
    }
  },
}

/**
 * Initial syncs of these messages by all subjects in turn; `rate` in messages/s, `send` and `receive`
 * in µs of CPU a message, `peak` in MiB.
 * @throws {Error} a feed came otherwise than it was sent
 */
export async function measureSync(
  bench: Bench,
  dataset: Dataset,
  isPaired: boolean,
  rounds = bench.settings.samples,
) {
  const senders = new Senders(bench, dataset)
  return severalInTurn(
    bench,
    isPaired,
    async (subject) => syncOnce(bench, subject, await senders.of(subject), dataset),
    rounds,
  )
}

async function syncOnce(bench: Bench, subject: Subject, path: string, dataset: Dataset) {
  const paths = { sender: path, receiver: bench.freshPath(`receiver-${subject.name}`) }
  const { messages } = dataset
  return withPair(subject, paths, async (sender, receiver) => {
    await requestAll(dataset, sender, receiver)
    const sentMs = sender.process.cpuMs()
    const receivedMs = receiver.process.cpuMs()
    const startedAt = performance.now()
    const all = receiver.holdsInAll(messages)
    await receiver.connect(sender.address)
    await all
    const seconds = (performance.now() - startedAt) / 1000
    const run = {
      rate: messages / seconds,
      send: ((sender.process.cpuMs() - sentMs) * 1000) / messages,
      receive: ((receiver.process.cpuMs() - receivedMs) * 1000) / messages,
      peak: receiver.process.peakBytes() / 2 ** 20,
    }
    await assertCame(receiver, dataset)
    return run
  })
}

/** Folders of all subjects with the same messages, each a copy: whoever serves writes down whom it met. */
export class Senders {
  readonly #bench: Bench
  readonly #dataset: Dataset
  readonly #paths = new Map<Subject, string>()

  constructor(bench: Bench, dataset: Dataset) {
    this.#bench = bench
    this.#dataset = dataset
  }

  async of(subject: Subject): Promise<string> {
    const made = this.#paths.get(subject)
    if (made !== undefined) return made
    const path = await this.#bench.copyOf(this.#dataset, subject)
    this.#paths.set(subject, path)
    return path
  }
}

/** Has two subjects replicate all feeds of these data. */
export async function requestAll(
  { heads }: Dataset,
  ...subjects: readonly RunningSubject[]
): Promise<void> {
  const ids = [...heads.keys()]
  await Promise.all(subjects.map((subject) => subject.request(ids)))
}

/** @throws {Error} a feed does not end with the message that it ends with in these data */
export async function assertCame(receiver: RunningSubject, { heads }: Dataset): Promise<void> {
  const came = await receiver.heads([...heads.keys()])
  for (const [index, [id, key]] of [...heads].entries()) {
    if (came[index]!.key !== key) {
      throw new Error(`${receiver.name}: ${id} came up to ${came[index]!.sequence}, not to ${key}`)
    }
  }
}
