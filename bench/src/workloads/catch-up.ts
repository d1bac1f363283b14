import { once } from 'node:events'
import {
  cpSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packBundle } from '@dunbar/archiver'
import type { Client } from '@dunbar/client'
import { type BlobId, blobIdToBytes, type FeedId, type Keys, type MessageKey } from '@dunbar/core'
import { FrameWriter } from '@dunbar/feed'
import { createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'

/**
 * A newcomer that fetches archives of all feeds, beside one that fetches their messages: over loopback,
 * from the same node, each a process of its own. Done is what is stored and indexed; the signatures of
 * archived messages are checked after that, and how long it takes is a figure of its own.
 */

/** All that goes over loopback: nothing else may use it meanwhile. */
const LOOPBACK = '/sys/class/net/lo/statistics/tx_bytes'

interface Run {
  readonly messagesPerSecond: number
  /** A message. */
  readonly wireBytes: number
  readonly receiveMicros: number
  /** From the last message to the last signature. */
  readonly checkedSeconds: number
}

/** Messages of a short run: a newcomer takes them ten times there. */
const SHORT_MESSAGES = 30_000

export const catchUp: Workload = {
  name: 'catch-up',
  title: 'a newcomer that takes archives, beside one that takes messages',
  isShort: true,
  async run(bench) {
    const { isFull, messages, samples } = bench.settings
    const dataset = await bench.dataset({
      messages: isFull ? messages : Math.min(messages, SHORT_MESSAGES),
    })
    const { path: source, authors } = await archivedSource(bench, dataset)
    const ebt: Run[] = []
    const archives: Run[] = []
    for (let round = 1; round <= samples; round++) {
      bench.progress.say(`by messages, round ${round}`)
      ebt.push(await newcomer(bench, source, authors, dataset, false))
      bench.progress.say(`by archives, round ${round}`)
      archives.push(await newcomer(bench, source, authors, dataset, true))
    }
    const record = (id: string, title: string, unit: string, pick: (run: Run) => number) =>
      bench.record({
        id: `catch-up.${id}`,
        title,
        unit,
        better: id === 'rate' ? 'more' : 'less',
        size: dataset,
        samples: archives.map(pick),
        limit: { what: 'by EBT', samples: ebt.map(pick) },
      })
    record('rate', 'newcomer, from archives', 'messages/s', (run) => run.messagesPerSecond)
    record(
      'wire',
      'bytes on the wire of a newcomer, from archives',
      'bytes/message',
      (run) => run.wireBytes,
    )
    record(
      'cpu',
      'CPU of a newcomer until all is stored, from archives',
      'µs/message',
      (run) => run.receiveMicros,
    )
    const rate = await bench.limit('signatures.all')
    bench.record({
      id: 'catch-up.checked',
      title: 'signatures of archived messages, checked after all is stored',
      unit: 's',
      better: 'less',
      size: dataset,
      samples: archives.map((run) => run.checkedSeconds),
      limit: {
        what: 'verification alone on all cores',
        samples: rate.map((signatures) => dataset.messages / signatures),
      },
    })
  },
}

/** A node that holds all messages, and an archive by each author with the message that names it. */
async function archivedSource(bench: Bench, dataset: Dataset) {
  const path = bench.freshPath('archived-source')
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
  cpSync(await bench.loaded(dataset), path, { recursive: true })
  const announcements = bench.freshPath('announcements')
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
  await bench.dunbar.run('import', announcements, '--path', path)
  return { path, authors: [...feeds.keys()] }
}

function writeBlob(path: string, id: BlobId, bytes: Uint8Array): void {
  const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
  const folder = join(path, 'blobs', 'sha256', hex.slice(0, 2))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, hex.slice(2)), bytes)
}

async function newcomer(
  bench: Bench,
  source: string,
  authors: readonly FeedId[],
  dataset: Dataset,
  takesArchives: boolean,
): Promise<Run> {
  const path = bench.freshPath('newcomer')
  mkdirSync(path, { recursive: true })
  const config = { replication: { archives: takesArchives } }
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
  const sender = await bench.dunbar.start(source)
  const receiver = await bench.dunbar.start(path)
  const [theirs, ours] = [sender.client, receiver.client]
  try {
    await Promise.all([sender.request(authors), receiver.request(authors)])
    const all = dataset.messages + authors.length
    const before = { cpuMs: receiver.process.cpuMs(), wireBytes: loopbackBytes() }
    const startedAt = performance.now()
    await receiver.connect(sender.address)
    await receiver.holdsInAll(all)
    const storedAt = performance.now()
    const wireBytes = loopbackBytes() - before.wireBytes
    const receiveMs = receiver.process.cpuMs() - before.cpuMs
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
    await Promise.all([sender.stop(), receiver.stop()])
    rmSync(path, { recursive: true })
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
