import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Client, connect } from '@dunbar/client'
import type { Dataset } from './dataset.js'
import { type RunningNode, runJson, startNode } from './dunbar-process.js'
import { foreignPeersAreThere, startForeignPeer } from './foreign-process.js'
import type { Figure } from './report.js'
import { percentile } from './statistics.js'

/**
 * Replication over loopback, each peer a process of its own, every message validated: one dunbar
 * from another, and, where the peers of other makes are installed, one ssb-db2 from another.
 */

const LIVE_MESSAGES = 100
const IDLE_REPEATS = 100
/** A publish and a thread begin this often, done or not, so that asking takes little of the machine. */
const PROBE_MS = 50
const THREAD_MESSAGES = 50

interface SyncRun {
  readonly messagesPerSecond: number
  /** CPU of the serving process for each message, µs. */
  readonly sendMicros: number
  readonly receiveMicros: number
}

interface DunbarRun extends SyncRun {
  readonly peakMiB: number
  readonly idle: Latencies
  readonly busy: Latencies
}

interface Latencies {
  readonly publishMs: readonly number[]
  readonly threadMs: readonly number[]
}

export async function syncFigures(
  dataset: Dataset,
  big: Dataset | null,
  folder: string,
  samples: number,
): Promise<Figure[]> {
  const source = await loadedSource(dataset, join(folder, 'source'))
  const ours: DunbarRun[] = []
  const theirs: SyncRun[] = []
  const hasTheirs = foreignPeersAreThere()
  for (let sample = 0; sample < samples; sample++) {
    ours.push(await dunbarSync(source, dataset, join(folder, `copy-${sample}`)))
  }
  // Loading their sender takes most of a minute.
  if (hasTheirs) theirs.push(await db2Sync(dataset))
  const live = await liveFigures(folder)
  const figures: Figure[] = [
    {
      name: 'initial sync, dunbar from dunbar',
      unit: 'messages/s',
      samples: ours.map((run) => run.messagesPerSecond),
      ...(hasTheirs
        ? {
            limit: {
              value: theirs[0]!.messagesPerSecond,
              what: 'ssb-db2 from ssb-db2',
            },
            goal: { least: 2.5 * theirs[0]!.messagesPerSecond },
          }
        : {}),
    },
    {
      name: 'CPU of the serving side',
      unit: 'µs/message',
      samples: ours.map((run) => run.sendMicros),
      goal: { most: 12 },
      ...(hasTheirs ? { limit: { value: theirs[0]!.sendMicros, what: 'ssb-db2' } } : {}),
    },
    {
      name: 'CPU of the receiving side',
      unit: 'µs/message',
      samples: ours.map((run) => run.receiveMicros),
      ...(hasTheirs ? { limit: { value: theirs[0]!.receiveMicros, what: 'ssb-db2' } } : {}),
    },
    {
      name: 'live: from publish to stored at the peer',
      unit: 'ms',
      samples: live.dunbarMs,
      goal: { most: 5 },
      ...(live.db2Ms === null ? {} : { limit: { value: live.db2Ms, what: 'ssb-db2, median' } }),
    },
    slowdown('publish', ours, (latencies) => latencies.publishMs),
    slowdown('a thread of 50 messages', ours, (latencies) => latencies.threadMs),
    {
      name: 'peak memory of the syncing node',
      unit: 'MiB',
      samples: ours.map((run) => run.peakMiB),
      goal: { most: 238.4 },
    },
  ]
  if (big !== null) {
    const bigSource = await loadedSource(big, join(folder, 'big-source'))
    const run = await dunbarSync(bigSource, big, join(folder, 'big-copy'))
    figures.push(
      {
        name: `initial sync of ${big.messages} messages in ${big.feeds} feeds`,
        unit: 'messages/s',
        samples: [run.messagesPerSecond],
      },
      {
        name: `peak memory of the syncing node, ${big.messages} messages`,
        unit: 'MiB',
        samples: [run.peakMiB],
        goal: { most: 238.4 },
      },
    )
  }
  return figures
}

function slowdown(
  what: string,
  runs: readonly DunbarRun[],
  pick: (latencies: Latencies) => readonly number[],
): Figure {
  const idle = percentile(
    runs.flatMap((run) => pick(run.idle)),
    99,
  )
  return {
    name: `${what}, 20 a second during the initial sync, 99th percentile`,
    unit: 'ms',
    samples: runs.map((run) => percentile(pick(run.busy), 99)),
    limit: { value: idle, what: 'idle' },
    goal: { most: 3 * idle },
  }
}

/** A folder with all messages. */
async function loadedSource(dataset: Dataset, path: string): Promise<string> {
  await runJson('import', dataset.file, '--path', path)
  return path
}

async function authorsOf(dataset: Dataset): Promise<string[]> {
  const authors = new Set<string>()
  for await (const line of createInterface({ input: createReadStream(dataset.file) })) {
    authors.add(/"author":"(@[^"]+)"/.exec(line)![1]!)
  }
  return [...authors]
}

async function dunbarSync(source: string, dataset: Dataset, path: string): Promise<DunbarRun> {
  const authors = await authorsOf(dataset)
  const sender = await startNode(source)
  const receiver = await startNode(path)
  const [theirs, ours] = await Promise.all([connect({ path: source }), connect({ path })])
  try {
    for (const client of [theirs, ours]) {
      await Promise.all(authors.map((id) => client.call('ebt.request', id, true)))
    }
    const thread = await ownThread(ours)
    const idle = await latencies(ours, thread, (begun) => begun >= IDLE_REPEATS)
    const own = (await ours.status()).messages
    const before = [sender.cpuMs(), receiver.cpuMs()] as const
    const startedAt = performance.now()
    let seconds = 0
    await ours.call('conn.connect', sender.address)
    let published = 0
    const all = untilHeld(ours, () => own + dataset.messages + published).then(() => {
      seconds = (performance.now() - startedAt) / 1000
    })
    const busy = await latencies(
      ours,
      thread,
      () => seconds > 0,
      () => {
        published += 1
      },
    )
    await all
    const sent = sender.cpuMs() - before[0]
    const received = receiver.cpuMs() - before[1]
    return {
      messagesPerSecond: dataset.messages / seconds,
      sendMicros: (sent * 1000) / dataset.messages,
      receiveMicros: (received * 1000) / dataset.messages,
      peakMiB: receiver.peakBytes() / 2 ** 20,
      idle,
      busy,
    }
  } finally {
    await Promise.all([theirs.close(), ours.close()])
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

/** A thread of own messages; gives its root. */
async function ownThread(client: Client): Promise<string> {
  const { key } = await client.publish({ type: 'post', text: 'root' })
  for (let reply = 1; reply < THREAD_MESSAGES; reply++) {
    await client.publish({ type: 'post', text: `reply ${reply}`, root: key, branch: key })
  }
  return key
}

/** Times a publish and a thread, begun every `PROBE_MS`, until it is enough. */
async function latencies(
  client: Client,
  root: string,
  isEnough: (begun: number) => boolean,
  onPublished: () => void = () => {},
): Promise<Latencies> {
  const publishMs: number[] = []
  const threadMs: number[] = []
  const publish = async () => {
    const startedAt = performance.now()
    await client.publish({ type: 'vote', vote: { link: root, value: 1, expression: 'Like' } })
    onPublished()
    publishMs.push(performance.now() - startedAt)
  }
  const readThread = async () => {
    const startedAt = performance.now()
    let count = 0
    for await (const _ of client.tangle.read({ root })) count += 1
    if (count !== THREAD_MESSAGES) throw new Error(`the thread has ${count} messages`)
    threadMs.push(performance.now() - startedAt)
  }
  const probes: Promise<void>[] = []
  for (let begun = 0; !isEnough(begun); begun++) {
    probes.push(publish(), readThread())
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS))
  }
  await Promise.all(probes)
  return { publishMs, threadMs }
}

async function untilHeld(client: Client, wanted: () => number): Promise<void> {
  while ((await client.status()).messages < wanted()) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function db2Sync(dataset: Dataset): Promise<SyncRun> {
  const authors = await authorsOf(dataset)
  const sender = await startForeignPeer()
  const receiver = await startForeignPeer(sender.networkKey)
  try {
    await sender.ask('load', dataset.file)
    await Promise.all([sender.ask('request', authors), receiver.ask('request', authors)])
    const before = [await sender.ask<number>('cpuMs'), await receiver.ask<number>('cpuMs')] as const
    const startedAt = performance.now()
    const all = receiver.ask('holdsInAll', dataset.messages)
    await receiver.ask('connect', await sender.ask('address'))
    await all
    const seconds = (performance.now() - startedAt) / 1000
    const sent = (await sender.ask<number>('cpuMs')) - before[0]
    const received = (await receiver.ask<number>('cpuMs')) - before[1]
    return {
      messagesPerSecond: dataset.messages / seconds,
      sendMicros: (sent * 1000) / dataset.messages,
      receiveMicros: (received * 1000) / dataset.messages,
    }
  } finally {
    sender.stop()
    receiver.stop()
  }
}

interface LiveFigures {
  readonly dunbarMs: readonly number[]
  readonly db2Ms: number | null
}

async function liveFigures(folder: string): Promise<LiveFigures> {
  const paths = [join(folder, 'live-a'), join(folder, 'live-b')] as const
  const nodes: RunningNode[] = []
  for (const path of paths) nodes.push(await startNode(path))
  const [author, reader] = await Promise.all(paths.map((path) => connect({ path })))
  const dunbarMs: number[] = []
  try {
    const { id } = await author!.whoami()
    await reader!.call('ebt.request', id, true)
    await reader!.call('conn.connect', nodes[0]!.address)
    const stored = reader!.source('createHistoryStream', { id, live: true, keys: true })
    for (let index = 0; index < LIVE_MESSAGES; index++) {
      const startedAt = performance.now()
      const { key } = await author!.publish({ type: 'post', text: `live ${index}` })
      const { value } = await stored.next()
      if ((value as { key: string }).key !== key) throw new Error('another message came')
      dunbarMs.push(performance.now() - startedAt)
    }
  } finally {
    await Promise.all([author!.close(), reader!.close()])
    await Promise.all(nodes.map((node) => node.stop()))
  }
  return { dunbarMs, db2Ms: foreignPeersAreThere() ? await db2LiveMs() : null }
}

async function db2LiveMs(): Promise<number> {
  const author = await startForeignPeer()
  const reader = await startForeignPeer(author.networkKey)
  try {
    for (const peer of [author, reader]) await peer.ask('request', [author.id])
    await author.ask('publish', { type: 'post', text: 'first' })
    const first = reader.ask('holds', author.id, 1)
    await reader.ask('connect', await author.ask('address'))
    await first
    const times: number[] = []
    for (let sequence = 2; sequence < 12; sequence++) {
      const startedAt = performance.now()
      const held = reader.ask('holds', author.id, sequence)
      await author.ask('publish', { type: 'post', text: `live ${sequence}` })
      await held
      times.push(performance.now() - startedAt)
    }
    return percentile(times, 50)
  } finally {
    author.stop()
    reader.stop()
  }
}
