import { once } from 'node:events'
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packBundle } from '@dunbar/archiver'
import { type Client, connect } from '@dunbar/client'
import { type BlobId, blobIdToBytes, type FeedId, type Keys, type MessageKey } from '@dunbar/core'
import { FrameWriter } from '@dunbar/feed'
import { createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import type { Dataset } from './dataset.js'
import { runJson, startNode } from './dunbar-process.js'
import type { Figure } from './report.js'
import { percentile } from './statistics.js'

/**
 * A newcomer that fetches archives of all feeds, beside one that fetches their messages: over loopback,
 * from the same node, each a process of its own. Done is what is stored and indexed; the signatures of
 * archived messages are checked after that, and how long it takes is a figure of its own.
 */

/** Two bytes for each that is sent: the interface is both ends of it. */
const LOOPBACK = '/sys/class/net/lo/statistics/tx_bytes'

interface Run {
  readonly messagesPerSecond: number
  readonly wireBytes: number
  readonly receiveMicros: number
  /** From the last message to the last signature. */
  readonly checkedSeconds: number
}

export async function catchUpFigures(
  dataset: Dataset,
  folder: string,
  samples: number,
): Promise<Figure[]> {
  const { path: source, authors } = await archivedSource(dataset, folder)
  const ebt: Run[] = []
  const archives: Run[] = []
  for (let sample = 0; sample < samples; sample++) {
    const run = (name: string, takesArchives: boolean) =>
      catchUp(source, authors, dataset, join(folder, `${name}-${sample}`), takesArchives)
    ebt.push(await run('by-messages', false))
    archives.push(await run('by-archives', true))
  }
  const median = (runs: readonly Run[], pick: (run: Run) => number) =>
    percentile(runs.map(pick), 50)
  const byMessages = median(ebt, (run) => run.messagesPerSecond)
  const wireBytes = median(ebt, (run) => run.wireBytes)
  return [
    {
      name: 'newcomer, from archives',
      unit: 'messages/s',
      samples: archives.map((run) => run.messagesPerSecond),
      limit: { value: byMessages, what: 'by EBT' },
      goal: { least: 4 * byMessages },
    },
    {
      name: 'bytes on the wire of a newcomer, from archives',
      unit: 'bytes/message',
      samples: archives.map((run) => run.wireBytes / dataset.messages),
      limit: { value: wireBytes / dataset.messages, what: 'by EBT' },
      goal: { most: (0.45 * wireBytes) / dataset.messages },
    },
    {
      name: 'CPU of a newcomer until all is stored, from archives',
      unit: 'µs/message',
      samples: archives.map((run) => run.receiveMicros),
      limit: { value: median(ebt, (run) => run.receiveMicros), what: 'by EBT' },
    },
    {
      name: 'signatures of archived messages are checked after',
      unit: 's',
      samples: archives.map((run) => run.checkedSeconds),
    },
  ]
}

/** A node that holds all messages, and an archive by each author with the message that names it. */
async function archivedSource(dataset: Dataset, folder: string) {
  const path = join(folder, 'archived-source')
  const keys = new Map<FeedId, Keys>()
  for (let feed = 0; feed < dataset.feeds; feed++) {
    const made = generatedKeys(dataset.seed, feed)
    keys.set(made.id, made)
  }
  const feeds = new Map<FeedId, { writer: FrameWriter; key: MessageKey; count: number }>()
  for await (const line of createInterface({ input: createReadStream(dataset.file) })) {
    const { key, value, timestamp } = JSON.parse(line) as {
      readonly key: MessageKey
      readonly value: { readonly author: FeedId; readonly sequence: number }
      readonly timestamp: number
    }
    let feed = feeds.get(value.author)
    if (feed === undefined) {
      feed = { writer: new FrameWriter(), key, count: 0 }
      feeds.set(value.author, feed)
    }
    const keyBytes = Buffer.from(key.slice(1), 'base64')
    feed.writer.push(value.sequence, timestamp, keyBytes, Buffer.from(JSON.stringify(value)))
    feed.key = key
    feed.count = value.sequence
  }
  await runJson('import', dataset.file, '--path', path)
  const announcements = join(folder, 'announcements.jsonl')
  const out = createWriteStream(announcements)
  for (const [author, { writer, key, count }] of feeds) {
    const job = { author, first: 1, frames: [writer.finish()], dictionaries: [], previous: null }
    const bundle = packBundle({ ...job, takesRest: true })!
    for (const { id, bytes } of bundle.blobs) writeBlob(path, id, bytes)
    const message = createClassic({
      keys: keys.get(author)!,
      head: { sequence: count, key },
      timestamp: 1_800_000_000_000,
      content: { ...bundle.content },
    })
    out.write(
      `${JSON.stringify({ key: message.key, value: message.value, timestamp: 1_800_000_000_000 })}\n`,
    )
  }
  out.end()
  await once(out, 'close')
  await runJson('import', announcements, '--path', path)
  return { path, authors: [...feeds.keys()] }
}

function writeBlob(path: string, id: BlobId, bytes: Uint8Array): void {
  const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
  const folder = join(path, 'blobs', 'sha256', hex.slice(0, 2))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, hex.slice(2)), bytes)
}

async function catchUp(
  source: string,
  authors: readonly FeedId[],
  dataset: Dataset,
  path: string,
  takesArchives: boolean,
): Promise<Run> {
  mkdirSync(path, { recursive: true })
  const config = { replication: { archives: takesArchives } }
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
  const sender = await startNode(source)
  const receiver = await startNode(path)
  const [theirs, ours] = await Promise.all([connect({ path: source }), connect({ path })])
  try {
    for (const client of [theirs, ours]) {
      await Promise.all(authors.map((id) => client.call('ebt.request', id, true)))
    }
    const all = dataset.messages + authors.length
    const before = { cpuMs: receiver.cpuMs(), wireBytes: loopbackBytes() }
    const startedAt = performance.now()
    await ours.call('conn.connect', sender.address)
    await until(async () => (await ours.status()).messages >= all)
    const storedAt = performance.now()
    const wireBytes = loopbackBytes() - before.wireBytes
    const receiveMs = receiver.cpuMs() - before.cpuMs
    await until(async () => (await uncheckedFeeds(ours)) === 0)
    const checkedSeconds = (performance.now() - storedAt) / 1000
    await assertSame(theirs, ours, authors)
    await assertCameAsMeant(ours, takesArchives ? dataset.messages : 0)
    return {
      messagesPerSecond: all / ((storedAt - startedAt) / 1000),
      wireBytes,
      receiveMicros: (receiveMs * 1000) / all,
      checkedSeconds,
    }
  } finally {
    await Promise.all([theirs.close(), ours.close()])
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

const loopbackBytes = (): number => Number(readFileSync(LOOPBACK, 'utf8'))

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
