import type { FeedId } from '@dunbar/core'
import type { Bench } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { exactLimit, type Figure, type Limit } from '../figure.js'
import { allocatedBytes } from '../folder-size.js'
import { checkingLimit, handlesLimit } from '../limits/sums.js'
import { endedChildrenCpuMs } from '../process.js'
import { parsingMs } from '../questions.js'
import { median, timeEach } from '../statistics.js'
import { digestOfKeys, type RunningDunbar } from '../subjects/dunbar.js'
import { withEach } from '../subjects/each.js'
import { withPair } from '../subjects/pair.js'
import type { Query, RunningSubject } from '../subjects/subject.js'

const LOOKUPS = 1000
const THREADS = 20
/** Calls that ask no shard, beside lookups. */
const BARE_CALLS = 200
/** Far below the default, so that the run is short. */
const PASSIVATE_AFTER_MS = 200
/** Feeds that are wanted at once. */
const REQUESTS = 500
const QUESTIONS_AT_ONCE = 100
const MIB = 2 ** 20

/** How figures of a growth size are named, in the order in which they are recorded. */
const kinds = {
  import: { title: 'import', unit: 'messages/s' },
  'import.cpu': { title: 'CPU of an import', unit: 'µs/message' },
  disk: { title: 'disk, as files take it', unit: 'bytes/message' },
  restart: { title: 'ready after a restart', unit: 'ms' },
  'thread.first': { title: 'the largest thread, first after a start', unit: 'ms' },
  'thread.warm': { title: 'the largest thread, warm', unit: 'ms' },
  lookup: { title: 'key lookup', unit: 'ms' },
  handles: {
    title: `file handles after ${LOOKUPS.toLocaleString('en-US')} lookups`,
    unit: 'handles',
  },
  'memory.idle': { title: 'memory at rest', unit: 'MiB' },
  'memory.passivated': { title: 'memory after every feed was used', unit: 'MiB' },
  sync: { title: 'initial sync', unit: 'messages/s' },
  'memory.sync': { title: 'peak memory of the syncing node', unit: 'MiB' },
} as const

type Kind = keyof typeof kinds

/** Everything that is measured at one number of feeds and of messages, round by round. */
export class GrowthSize {
  readonly dataset: Dataset
  /** Resident when all feeds were asked and have passivated since, one a round. */
  readonly usedBytes: number[] = []
  readonly #bench: Bench
  readonly #prefix: string
  readonly #suffix: string
  readonly #samples = new Map<Kind, number[]>()
  readonly #calls = new Map<Kind, number[]>()
  readonly #folders: string[] = []
  readonly #parsings: number[] = []
  readonly #bareCalls: number[] = []

  constructor(
    bench: Bench,
    dataset: Dataset,
    { prefix, suffix }: { readonly prefix: string; readonly suffix: string },
  ) {
    this.#bench = bench
    this.dataset = dataset
    this.#prefix = prefix
    this.#suffix = suffix
  }

  /** All messages into a fresh folder. */
  async import(round: number): Promise<void> {
    this.#say(`import, round ${round}`)
    const path = this.#bench.freshPath('growth')
    const before = endedChildrenCpuMs()
    const { messages, seconds } = await this.#bench.dunbar.load(this.dataset, path)
    this.#take('import', messages / seconds)
    this.#take('import.cpu', ((endedChildrenCpuMs() - before) * 1000) / messages)
    this.#take('disk', allocatedBytes(path) / messages)
    this.#folders.push(path)
  }

  /** A restart, and what the first and the warm answers take after it. */
  async start(round: number): Promise<void> {
    this.#say(`start ${round}`)
    const node = await this.#bench.dunbar.start(this.#folders[round - 1]!)
    try {
      this.#take('restart', node.readyMs)
      await this.#readThread(node)
      const lookups = await this.#lookUp(node)
      this.#take('lookup', median(lookups), lookups)
      this.#take('handles', node.process.fileHandles())
      this.#bareCalls.push(median(await timeEach(BARE_CALLS, () => node.client.whoami())))
    } finally {
      await node.stop()
    }
  }

  async #readThread(node: RunningDunbar): Promise<void> {
    const thread = this.dataset.facts.largestThread
    if (thread === null) return
    const query = { kind: 'tangle', root: thread.root } as const satisfies Query
    const read = async () => {
      const { ms, messages } = await node.ask(query)
      if (messages === thread.messages) return ms
      throw new Error(`the thread has ${messages} of ${thread.messages} messages`)
    }
    this.#take('thread.first', await read())
    const warm: number[] = []
    for (let count = 0; count < THREADS; count++) warm.push(await read())
    this.#take('thread.warm', median(warm), warm)
    this.#parsings.push(await parsingMs(node, query))
  }

  async #lookUp(node: RunningDunbar): Promise<number[]> {
    const { sampleKeys } = this.dataset
    const times: number[] = []
    for (let index = 0; index < LOOKUPS; index++) {
      const key = sampleKeys[index % sampleKeys.length]!
      const { ms, digest } = await node.ask({ kind: 'get', key })
      if (digest !== digestOfKeys([key])) throw new Error('another message came')
      times.push(ms)
    }
    return times
  }

  /** All messages into an empty node from one that has them, over loopback. */
  async sync(round: number): Promise<void> {
    this.#say(`initial sync, round ${round}`)
    const { dunbar } = this.#bench
    const paths = {
      sender: this.#folders[round - 1]!,
      receiver: this.#bench.freshPath('growth-sync'),
    }
    const { messages, heads } = this.dataset
    const ids = [...heads.keys()]
    await withPair(dunbar, paths, async (source, reader) => {
      for (const node of [source, reader]) {
        for (let from = 0; from < ids.length; from += REQUESTS) {
          await node.request(ids.slice(from, from + REQUESTS))
        }
      }
      const startedAt = performance.now()
      const all = reader.holdsInAll(messages)
      await reader.connect(source.address)
      await all
      this.#take('sync', (messages * 1000) / (performance.now() - startedAt))
      this.#take('memory.sync', reader.process.peakBytes() / MIB)
      await this.#assertSame(source, reader)
    })
  }

  async #assertSame(source: RunningSubject, reader: RunningSubject): Promise<void> {
    const { largestFeed, largestThread } = this.dataset.facts
    const queries: Query[] = []
    if (largestFeed !== null) queries.push({ kind: 'feed', id: largestFeed.id })
    if (largestThread !== null) queries.push({ kind: 'tangle', root: largestThread.root })
    for (const query of queries) {
      const [sent, held] = [await source.ask(query), await reader.ask(query)]
      if (sent.digest !== held.digest) throw new Error(`a ${query.kind} differs after the sync`)
    }
  }

  /**
   * What a node keeps in memory, when it has answered, and when all of its feeds were asked; they have
   * passivated by then. Nodes of all rounds rest at the same time. As many questions at every size:
   * what answering leaves in the allocator would count for the feeds otherwise.
   */
  async rest(questions: number): Promise<void> {
    this.#say('rest')
    const environment = { DUNBAR_PASSIVATE_AFTER_MS: String(PASSIVATE_AFTER_MS) }
    const start = (path: string) => this.#bench.dunbar.start(path, { environment })
    const { largestThread } = this.dataset.facts
    await withEach(this.#folders, start, async (nodes) => {
      for (const node of nodes) {
        if (largestThread !== null) await node.ask({ kind: 'tangle', root: largestThread.root })
        await this.#lookUp(node)
      }
      await this.#bench.rest()
      for (const { process } of nodes) this.#take('memory.idle', process.residentBytes() / MIB)
      for (const node of nodes) await this.#askFeeds(node, questions)
      await this.#bench.rest()
      for (const { process } of nodes) this.usedBytes.push(process.residentBytes())
    })
    for (const bytes of this.usedBytes) this.#take('memory.passivated', bytes / MIB)
  }

  async #askFeeds({ client }: RunningDunbar, questions: number): Promise<void> {
    const ids: FeedId[] = []
    for await (const { id } of client.feeds.list()) ids.push(id)
    for (let asked = 0; asked < questions; asked += QUESTIONS_AT_ONCE) {
      const count = Math.min(QUESTIONS_AT_ONCE, questions - asked)
      await Promise.all(
        Array.from({ length: count }, (_, index) =>
          client.feeds.status(ids[(asked + index) % ids.length]!),
        ),
      )
    }
  }

  /** All of it, each beside what binds it. */
  async record(): Promise<void> {
    const { feeds, messages } = this.dataset
    for (const kind of Object.keys(kinds) as Kind[]) {
      const samples = this.#samples.get(kind)
      const calls = this.#calls.get(kind)
      // Data without threads have none to read.
      if (samples === undefined) continue
      const { title, unit } = kinds[kind]
      const figure: Figure = {
        id: `${this.#prefix}.${kind}`,
        title: `${title}${this.#suffix}`,
        unit,
        better: unit === 'messages/s' ? 'more' : 'less',
        size: { feeds, messages },
        samples,
        limit: await this.#limitOf(kind),
      }
      this.#bench.record(calls === undefined ? figure : { ...figure, calls })
    }
  }

  async #limitOf(kind: Kind): Promise<Limit> {
    const bench = this.#bench
    switch (kind) {
      case 'import':
      case 'sync':
        return bench.beside('validation')
      case 'import.cpu':
        return checkingLimit(bench)
      case 'disk':
        return exactLimit('compact JSON', this.dataset.facts.meanSizeBytes)
      case 'restart':
        return bench.beside('node.start')
      case 'thread.first':
      case 'thread.warm':
        return { what: 'parsing it', samples: this.#parsings }
      case 'lookup':
        return { what: 'a call that asks no shard', samples: this.#bareCalls }
      case 'handles':
        return handlesLimit(bench, this.dataset.feeds)
      case 'memory.idle':
      case 'memory.passivated':
      case 'memory.sync':
        return bench.beside('node.memory')
    }
  }

  #take(kind: Kind, sample: number, calls: readonly number[] = []): void {
    append(this.#samples, kind, [sample])
    if (calls.length > 0) append(this.#calls, kind, calls)
  }

  #say(what: string): void {
    const { feeds, messages } = this.dataset
    const size = `${messages.toLocaleString('en-US')} messages in ${feeds.toLocaleString('en-US')} feeds`
    this.#bench.progress.say(`${size}${this.#suffix}: ${what}`)
  }
}

function append(lists: Map<Kind, number[]>, kind: Kind, values: readonly number[]): void {
  const list = lists.get(kind) ?? []
  list.push(...values)
  lists.set(kind, list)
}
