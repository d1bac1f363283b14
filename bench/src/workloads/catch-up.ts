import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@dunbar/client'
import type { FeedId } from '@dunbar/core'
import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'
import { relayBefore } from '../relay.js'
import { archivedSource } from './archived-source.js'

/** A node that has archives of all feeds. */
interface Source {
  readonly path: string
  readonly authors: readonly FeedId[]
  readonly dataset: Dataset
}

interface Run {
  readonly messagesPerSecond: number
  /** A message. */
  readonly wireBytes: number
  readonly receiveMicros: number
  /** From the last message to the last signature. */
  readonly checkedSeconds: number
}

/**
 * A newcomer that fetches archives of all feeds, beside one that fetches their messages: over loopback,
 * from the same node, each a process of its own. Done is what is stored and indexed; the signatures of
 * archived messages are checked after that, and how long it takes is a figure of its own. What goes
 * over the wire is counted as it is handed on, which takes less than a hundredth of two cores.
 */
export const catchUp: Workload = {
  name: 'catch-up',
  title: 'a newcomer that takes archives, beside one that takes messages',
  isShort: false,
  async run(bench) {
    const { partMessages, samples } = bench.settings
    const dataset = await bench.dataset({ messages: partMessages })
    const source = { ...(await archivedSource(bench, dataset)), dataset }
    const runs = { ebt: [] as Run[], archives: [] as Run[] }
    for (let round = 1; round <= samples; round++) {
      bench.progress.say(`by messages, round ${round}`)
      runs.ebt.push(await newcomer(bench, source, false))
      bench.progress.say(`by archives, round ${round}`)
      runs.archives.push(await newcomer(bench, source, true))
    }
    const figures = [
      {
        id: 'rate',
        title: 'newcomer, from archives',
        unit: 'messages/s',
        better: 'more',
        pick: (run: Run) => run.messagesPerSecond,
      },
      {
        id: 'wire',
        title: 'bytes on the wire of a newcomer, from archives',
        unit: 'bytes/message',
        better: 'less',
        pick: (run: Run) => run.wireBytes,
      },
      {
        id: 'cpu',
        title: 'CPU of a newcomer until all is stored, from archives',
        unit: 'µs/message',
        better: 'less',
        pick: (run: Run) => run.receiveMicros,
      },
    ] as const
    for (const { id, pick, ...told } of figures) {
      bench.record({
        ...told,
        id: `catch-up.${id}`,
        size: dataset,
        samples: runs.archives.map(pick),
        limit: { what: 'by EBT', samples: runs.ebt.map(pick) },
      })
    }
    const rate = await bench.limit('signatures.all')
    bench.record({
      id: 'catch-up.checked',
      title: 'signatures of archived messages, checked after all is stored',
      unit: 's',
      better: 'less',
      size: dataset,
      samples: runs.archives.map((run) => run.checkedSeconds),
      limit: {
        what: 'verification alone on all cores',
        samples: rate.map((signatures) => dataset.messages / signatures),
      },
    })
  },
}

async function newcomer(
  bench: Bench,
  { path: source, authors, dataset }: Source,
  takesArchives: boolean,
): Promise<Run> {
  const path = bench.freshPath('newcomer')
  mkdirSync(path, { recursive: true })
  const config = { replication: { archives: takesArchives } }
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
  const sender = await bench.dunbar.start(source)
  const receiver = await bench.dunbar.start(path)
  const relay = await relayBefore(sender.address)
  const [theirs, ours] = [sender.client, receiver.client]
  try {
    await Promise.all([sender.request(authors), receiver.request(authors)])
    const all = dataset.messages + authors.length
    const beforeMs = receiver.process.cpuMs()
    const startedAt = performance.now()
    await receiver.connect(relay.address)
    await receiver.holdsInAll(all)
    const storedAt = performance.now()
    const wireBytes = relay.bytes
    const receiveMs = receiver.process.cpuMs() - beforeMs
    await until(async () => (await uncheckedFeeds(ours)) === 0)
    const checkedSeconds = (performance.now() - storedAt) / 1000
    await assertSame(theirs, ours, authors)
    await assertCameAsMeant(ours, takesArchives ? dataset.messages : 0)
    return {
      messagesPerSecond: all / ((storedAt - startedAt) / 1000),
      wireBytes: wireBytes / all,
      receiveMicros: (receiveMs * 1000) / all,
      checkedSeconds,
    }
  } finally {
    relay.close()
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 20))
}

interface FeedLine {
  readonly id: FeedId
  readonly sequence: number
  readonly state: string
  readonly uncheckedFrom?: number
}

async function feedsOf(client: Client): Promise<FeedLine[]> {
  const lines: FeedLine[] = []
  for await (const line of client.source('feeds.list')) lines.push(line as FeedLine)
  return lines
}

async function uncheckedFeeds(client: Client): Promise<number> {
  const lines = await feedsOf(client)
  return lines.filter(({ uncheckedFrom }) => uncheckedFrom !== undefined).length
}

/** Every feed is as long here as there, ends with the same message, and is in order. */
async function assertSame(theirs: Client, ours: Client, authors: readonly FeedId[]): Promise<void> {
  const held = new Map((await feedsOf(ours)).map((line) => [line.id, line]))
  for (const { id, sequence } of await feedsOf(theirs)) {
    if (!authors.includes(id)) continue
    const line = held.get(id)
    const [there, here] = await Promise.all(
      [theirs, ours].map((client) => client.call('getLatest', id) as Promise<{ key: string }>),
    )
    const isSame = line?.sequence === sequence && line.state === 'ok' && there?.key === here?.key
    if (!isSame) throw new Error(`${id} came otherwise than it was sent`)
  }
}

async function assertCameAsMeant(client: Client, messages: number): Promise<void> {
  const { network } = (await client.status()) as unknown as {
    readonly network: { readonly replication: { readonly archives?: { messages: number } } }
  }
  const { archives } = network.replication
  if ((archives?.messages ?? 0) === messages) return
  throw new Error(`not ${messages} messages came from archives: ${JSON.stringify(archives)}`)
}
