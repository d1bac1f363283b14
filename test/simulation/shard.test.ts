import { createHash } from 'node:crypto'
import { createKernel, joinThread, type Logger, supervisor, thread } from '@dunbar/actor'
import { feedIdToBytes, generateKeys } from '@dunbar/core'
import {
  createPublishMark,
  FeedClient,
  FrameReader,
  IngestWriter,
  ShardClient,
  type ShardThreadData,
  shardTree,
} from '@dunbar/feed'
import {
  createSimulation,
  type GeneratedMessage,
  generateMessages,
  MemoryFileSystem,
  SeededRandom,
  SimulatedThreads,
} from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'

/**
 * One shard on a thread of its own, as a node has it, under a virtual clock: messages of a few feeds
 * come in while the user publishes and reads, and the thread is killed now and then.
 */

const own = generateKeys(new Uint8Array(32).fill(9))
const messages = [...generateMessages({ feeds: 6, messages: 240, seed: 3 })]
const silent: Logger = { log: () => {} }

interface Outcome {
  /** Every step, and everything that was answered, in order. */
  readonly trace: string
  /** Own messages that were acknowledged: key by sequence. */
  readonly published: Map<number, string>
  readonly killCount: number
  /** What is held at the end: keys by author, in sequence order. */
  readonly held: Map<string, string[]>
}

async function scenario(seed: number): Promise<Outcome> {
  const trace = createHash('sha256')
  const note = (what: unknown) => trace.update(`${JSON.stringify(what)}\n`)
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await createPublishMark(fs, '/data/publish-mark', own.publicKey)
  const simulation = createSimulation({ seed, onStep: note })
  const data: ShardThreadData = {
    shard: 0,
    shards: 1,
    root: '/data',
    cacheBytes: 256 * 1024,
    openFiles: 4,
    passivateAfterMs: 50,
    hmacKey: null,
    secretKey: own.secretKey,
    cores: 2,
    coreShare: null,
  }
  const threads = new SimulatedThreads({
    simulation,
    parts: () => ({ fs, logger: silent }),
    entries: {
      shard: ({ port, ports, workerData }) =>
        joinThread({
          port,
          ports,
          tree: () =>
            supervisor({
              name: 'shard',
              children: [shardTree(workerData as ShardThreadData, ports)],
            }),
        }),
    },
  })
  const kernel = createKernel({
    ports: simulation.ports('main', { fs, logger: silent }),
    place: (name) => (/^(feed|shard)\//.test(name) ? 'shard-0' : null),
    onEvent: ({ op, name }) => note([op, name]),
  })
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        intensity: { restarts: 100, periodMs: 60_000 },
        children: [thread({ name: 'shard-0', host: threads, entry: 'shard', workerData: data })],
      }),
    ),
  )
  const shard = new ShardClient(kernel.router, 0)
  const feed = new FeedClient(kernel.router, own.id)
  const random = new SeededRandom(`workload ${seed}`)
  const published = new Map<number, string>()
  const answers: Promise<unknown>[] = []
  const noted = (name: string, answer: Promise<unknown>) => {
    answers.push(
      answer.then(
        (value) => note([name, simulation.nowMs, value]),
        (error: { code?: string }) => note([name, simulation.nowMs, error.code ?? String(error)]),
      ),
    )
  }

  let killCount = 0
  let from = 0
  while (from < messages.length) {
    const count = random.between(1, 40)
    noted('ingest', shard.ingest(batchOf(messages.slice(from, from + count))))
    from += count
    if (random.chance(0.5)) {
      const publishing = feed.publish(JSON.stringify({ type: 'post', text: `after ${from}` }))
      noted(
        'publish',
        publishing.then((frame) => {
          const [message] = framesOf(frame)
          expect(published.has(message!.sequence)).toBe(false)
          published.set(message!.sequence, message!.key)
          return message
        }),
      )
    }
    if (random.chance(0.3)) noted('status', shard.status())
    if (random.chance(0.3)) noted('query', readAll(shard.query({ order: 'received', limit: 20 })))
    await simulation.advance(random.between(0, 30))
    if (random.chance(0.15) && threads.names.includes('shard-0')) {
      threads.kill('shard-0')
      killCount += 1
      await simulation.advance(random.between(0, 100))
    }
  }
  await simulation.run(Promise.all(answers))
  await simulation.advance(1000)
  // What was refused while the shard was down is sent again, as replication would.
  const again = await simulation.run(shard.ingest(batchOf(messages)))
  expect(again.rejected).toEqual([])
  expect(again.added + again.known).toBe(messages.length)
  const held = new Map<string, string[]>()
  for (const { id } of await simulation.run(shard.feeds())) {
    const frames = await simulation.run(readAll(new FeedClient(kernel.router, id).read({})))
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, at) => at + 1))
    held.set(
      id,
      frames.map(({ key }) => key),
    )
    const { damaged } = await simulation.run(new FeedClient(kernel.router, id).verify())
    expect(damaged).toEqual([])
  }
  await simulation.run(kernel.stop())
  for (const [path, content] of fs.snapshot()) {
    note([path, createHash('sha256').update(content).digest('hex')])
  }
  return { trace: trace.digest('hex'), published, killCount, held }
}

function batchOf(given: readonly GeneratedMessage[]): ArrayBuffer {
  const writer = new IngestWriter()
  for (const { author, value, timestamp } of given) {
    writer.push(timestamp, feedIdToBytes(author), value)
  }
  return writer.finish()
}

function framesOf(batch: ArrayBuffer) {
  const reader = new FrameReader(batch)
  const frames: { readonly sequence: number; readonly key: string }[] = []
  while (reader.next()) {
    const key = `%${Buffer.from(reader.keyBytes).toString('base64')}.sha256`
    frames.push({ sequence: reader.sequence, key })
  }
  return frames
}

async function readAll(
  stream: AsyncIterable<{ readonly frames: ArrayBuffer } | { readonly sync: true }>,
) {
  const frames: ReturnType<typeof framesOf> = []
  for await (const chunk of stream) if ('frames' in chunk) frames.push(...framesOf(chunk.frames))
  return frames
}

describe('a shard on its thread', () => {
  test('runs the same way twice for one seed, step for step and byte for byte', async () => {
    const [first, second, other] = [await scenario(1), await scenario(1), await scenario(2)]
    expect(second).toEqual(first)
    expect(other.trace).not.toBe(first.trace)
  }, 120_000)

  test('whose thread is killed loses no message that was acknowledged, and forks nothing', async () => {
    let killCount = 0
    for (let seed = 10; seed < 22; seed++) {
      const outcome = await scenario(seed)
      killCount += outcome.killCount
      const ownKeys = outcome.held.get(own.id) ?? []
      for (const [sequence, key] of outcome.published) {
        expect(ownKeys[sequence - 1], `seed ${seed}`).toBe(key)
      }
      const authors = new Set(messages.map(({ author }) => author))
      for (const author of authors) {
        const wanted = messages.filter((message) => message.author === author)
        expect(outcome.held.get(author), `seed ${seed}`).toEqual(wanted.map(({ key }) => key))
      }
    }
    expect(killCount).toBeGreaterThan(5)
  }, 120_000)
})
