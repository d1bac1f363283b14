import { decodeBundle, encodeBundle } from '@dunbar/archive'
import { blobIdFromBytes, type FeedId, type Keys, sha256 } from '@dunbar/core'
import { FrameWriter } from '@dunbar/feed'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import { createSimulation, generatedKeys, MemoryFileSystem, type Simulation } from '@dunbar/testkit'
import { describe, expect, test, vi } from 'vitest'
import { AppCallbacks } from '../src/app-callbacks.js'
import type { PackedBundle } from '../src/archive-work.js'
import { type ArchiveVerification, packBundle } from '../src/index.js'
import { ArchivingNode } from './archiving-node.js'

// Much is written and packed, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

/** A feed of somebody else, and archives of it, true and false ones. */
class Author {
  readonly keys: Keys
  readonly messages: ClassicMessage[] = []

  constructor(name: string) {
    this.keys = generatedKeys(`archive watch ${name}`, 0)
  }

  get id(): FeedId {
    return this.keys.id
  }

  write(content: object): ClassicMessage {
    const last = this.messages.at(-1)
    const head = last === undefined ? null : { sequence: last.sequence, key: last.key }
    const timestamp = 1_700_000_000_000 + this.messages.length
    const message = createClassic({ keys: this.keys, head, timestamp, content })
    this.messages.push(message)
    return message
  }

  posts(count: number, text = 'a post'): this {
    for (let at = 0; at < count; at++) this.write({ type: 'post', text: `${text} ${at}` })
    return this
  }

  pack(messages: readonly ClassicMessage[] = this.messages): PackedBundle {
    const writer = new FrameWriter()
    for (const { sequence, keyBytes, compact } of messages)
      writer.push(sequence, 1, keyBytes, compact)
    return packBundle({
      author: this.id,
      first: messages[0]!.sequence,
      frames: [writer.finish()],
      dictionaries: [],
      previous: null,
      takesRest: true,
    })!
  }
}

async function started() {
  const simulation = createSimulation({ seed: 'watch' })
  const node = await ArchivingNode.start(simulation, new MemoryFileSystem())
  const app = new AppCallbacks(node.timers, () => remove())
  const remove = node.watch.add(app, app)
  const asked: Record<string, unknown>[] = []
  const told: ArchiveVerification[] = []
  const answers: (number | Error)[] = []
  void app.read(
    (async function* () {
      for await (const item of app.output as AsyncIterable<Record<string, unknown>>) {
        if ('result' in item) told.push(item.result as ArchiveVerification)
        if (typeof item.ask !== 'number') continue
        asked.push(item)
        const answer = answers.shift() ?? 0
        yield typeof answer === 'number'
          ? { ask: item.ask, answer }
          : { ask: item.ask, error: 'no' }
      }
    })(),
  )
  await simulation.runUntilIdle()
  return { simulation, node, app, asked, told, answers }
}

type Watching = Awaited<ReturnType<typeof started>>

/** What is told of an archive that arrives behind the messages of its author. */
async function outcome(
  { simulation, node, told }: Watching,
  author: Author,
  content: object,
): Promise<ArchiveVerification> {
  const before = told.length
  author.write(content)
  await node.receive(
    author.id,
    author.messages.map(({ compact }) => compact),
  )
  await settle(simulation, () => told.length > before)
  return told.at(-1)!
}

async function settle(simulation: Simulation, isDone: () => boolean): Promise<void> {
  for (let step = 0; step < 100 && !isDone(); step++) await simulation.advance(100)
  expect(isDone()).toBe(true)
}

async function keep({ simulation, node }: Watching, { blobs }: PackedBundle): Promise<void> {
  for (const { id, bytes } of blobs) await simulation.run(node.blobs.add(bytes, id))
}

describe('an archive of another feed', () => {
  test('is vouched for where all its texts are those of the log', async () => {
    const all = await started()
    const author = new Author('true').posts(30)
    const packed = author.pack()
    await keep(all, packed)
    const { bundle } = packed.content
    const result = await outcome(all, author, packed.content)
    const message = author.messages.at(-1)!.key
    expect(result).toEqual({
      feed: author.id,
      message,
      bundle,
      first: 1,
      last: 30,
      result: 'vouched',
    })
    expect(all.asked).toMatchObject([
      { about: 'verification', feed: author.id, message, bundle, first: 1, last: 30 },
    ])
  })

  test('is compared by its last message where its blobs are not here', async () => {
    const all = await started()
    const author = new Author('missing').posts(5)
    const packed = author.pack()
    expect(await outcome(all, author, packed.content)).toMatchObject({
      result: 'chain',
      reason: 'ARCHIVE_BLOB_MISSING',
    })
    // Of another archive the blocks are missing alone.
    const more = author.posts(3).pack()
    const [dictionary, block] = more.blobs
    await keep(all, more)
    all.node.blobs.remove(block!.id)
    expect(await outcome(all, author, more.content)).toMatchObject({
      result: 'chain',
      reason: 'ARCHIVE_BLOB_MISSING',
    })
    await all.simulation.run(all.node.blobs.add(block!.bytes))
    all.node.blobs.remove(dictionary!.id)
    expect(await outcome(all, author, more.content)).toMatchObject({ result: 'chain' })
  })

  test('is refused where a text differs, though every id is right', async () => {
    const all = await started()
    const author = new Author('collision').posts(3)
    // Ids hash the low byte of each unit: Q is U+0051, ő is U+0151.
    const kept = author.write({ type: 'post', text: 'pay Q coins' })
    const told = { ...kept.value, content: { type: 'post', text: 'pay \u0151 coins' } }
    const lie = { ...kept, compact: Buffer.from(JSON.stringify(told)) }
    const packed = author.pack([...author.messages.slice(0, 3), lie])
    await keep(all, packed)
    expect(packed.content.lastMessage).toBe(kept.key)
    expect(await outcome(all, author, packed.content)).toMatchObject({
      result: 'refused',
      reason: 'ARCHIVE_TEXT_DIFFERS',
    })
  })

  describe('whose messages came from itself', () => {
    /** The messages are taken on the author's word, and the archive message comes behind them. */
    async function caughtUp(all: Watching, author: Author, packed: PackedBundle, withinMs: number) {
      await keep(all, packed)
      const [dictionary, block] = packed.blobs.map(({ bytes }) => new Uint8Array(bytes).buffer)
      const { last } = packed.content
      const options = { trust: 'author', through: last } as const
      const feed = all.node.feedOf(author.id)
      await all.simulation.run(feed.appendBlock(block!, [dictionary!], options))
      author.write(packed.content)
      await all.node.receive(author.id, [author.messages.at(-1)!.compact])
      await all.simulation.advance(200)
      expect((await all.simulation.run(feed.status())).uncheckedFrom).toBe(1)
      expect([all.asked.length, all.told.length]).toEqual([1, 0])
      await all.simulation.advance(withinMs)
      return all.told
    }

    test('is vouched for as soon as their signatures are checked', async () => {
      const all = await started()
      const author = new Author('checked').posts(30)
      expect(await caughtUp(all, author, author.pack(), 3_000)).toMatchObject([
        { result: 'vouched' },
      ])
    })

    test('is not vouched for where one of them was false', async () => {
      const all = await started()
      const author = new Author('unsigned').posts(3)
      const kept = author.write({ type: 'post', text: 'pay Q coins' })
      const value = { ...kept.value, content: { type: 'post', text: 'pay \u0151 coins' } }
      const compact = Buffer.from(JSON.stringify(value))
      const packed = author.pack([...author.messages.slice(0, 3), { ...kept, compact }])
      expect(await caughtUp(all, author, packed, 65_000)).toMatchObject([
        { result: 'unknown', reason: 'ARCHIVE_NOT_HELD' },
      ])
    })
  })

  test('is refused where it names other messages than the log has', async () => {
    const all = await started()
    const author = new Author('liar').posts(10)
    const packed = author.pack()
    await keep(all, packed)
    const { content } = packed
    const other = new Author('other').posts(10)
    const foreign = other.pack()
    await keep(all, foreign)
    const { bundle, size } = foreign.content
    const cases: [object, string, string][] = [
      [{ ...content, lastMessage: other.messages[0]!.key }, 'refused', 'ARCHIVE_MESSAGE_DIFFERS'],
      [{ ...content, last: 9 }, 'refused', 'ARCHIVE_MESSAGE_DIFFERS'],
      [{ ...content, last: 5_000 }, 'refused', 'ARCHIVE_RANGE_INVALID'],
      [{ ...content, first: 2 }, 'refused', 'ARCHIVE_CLAIM_DIFFERS'],
      [{ ...content, size: content.size - 1 }, 'refused', 'ARCHIVE_SIZE_DIFFERS'],
      [{ ...content, bundle, size }, 'refused', 'ARCHIVE_CLAIM_DIFFERS'],
      [
        { ...content, bundle: packed.blobs[0]!.id, size: packed.blobs[0]!.bytes.length },
        'refused',
        'ARCHIVE_BUNDLE_REFUSED',
      ],
    ]
    for (const [lie, result, reason] of cases) {
      expect(await outcome(all, author, lie)).toMatchObject({ result, reason })
    }
  })

  test('is refused where its dictionaries are larger than any need', async () => {
    const all = await started()
    const author = new Author('large').posts(3)
    const packed = author.pack()
    const huge = new Uint8Array(2 ** 20 + 1)
    const blobId = sha256(huge)
    const bundle = decodeBundle(packed.blobs.at(-1)!.bytes)
    const ends = bundle.dictionaries[0]!.ends
    const blob = encodeBundle({ ...bundle, dictionaries: [{ blobId, ends }] })
    await all.simulation.run(all.node.blobs.add(huge))
    await all.simulation.run(all.node.blobs.add(blob.bytes))
    const named = { bundle: blobIdFromBytes(blob.blobId), size: blob.bytes.length }
    expect(await outcome(all, author, { ...packed.content, ...named })).toMatchObject({
      result: 'refused',
      reason: 'ARCHIVE_DICTIONARY_TOO_LARGE',
    })
  })

  test('is not judged where its messages are not held', async () => {
    const all = await started()
    const author = new Author('gap').posts(10)
    const packed = author.pack()
    const message = author.write(packed.content)
    const behind = author.messages.slice(0, 4).map(({ compact }) => compact)
    await all.node.receive(author.id, behind)
    await all.simulation.run(
      all.node.feedOf(author.id).append(all.node.batchOf(author.id, [message.compact]), true),
    )
    await settle(all.simulation, () => all.told.length === 1)
    expect(all.told[0]).toMatchObject({ result: 'unknown', reason: 'ARCHIVE_NOT_HELD' })
  })

  test('of the own feed, or of an unknown version, is nobody asked about', async () => {
    const all = await started()
    await all.node.publish(3)
    await all.simulation.run(all.node.archiver.archiveNow({ keepMessages: 0, partial: true }))
    const author = new Author('version').posts(3)
    const { content } = author.pack()
    author.write({ ...content, version: 2 })
    author.write({ type: 'archive' })
    await all.node.receive(
      author.id,
      author.messages.map(({ compact }) => compact),
    )
    await all.simulation.advance(10_000)
    expect([all.asked, all.told]).toEqual([[], []])
  })
})

describe('the first callback', () => {
  test('cancels, fails, or puts the verification off', async () => {
    const all = await started()
    all.answers.push(-1, new Error('it threw'), 20, 0)
    const author = new Author('asked').posts(5)
    const { content } = author.pack()
    for (let count = 0; count < 3; count++) author.write(content)
    await all.node.receive(
      author.id,
      author.messages.map(({ compact }) => compact),
    )
    await all.simulation.advance(19_000)
    expect([all.asked.length, all.told.length]).toEqual([3, 0])
    await all.simulation.advance(2_000)
    expect(all.asked).toHaveLength(4)
    expect(all.told).toMatchObject([{ message: author.messages.at(-1)!.key, result: 'chain' }])
  })

  test('holds up no more than 64 messages, and gets the others afterwards', async () => {
    const all = await started()
    const author = new Author('many').posts(5)
    const { content } = author.pack()
    for (let count = 0; count < 200; count++) author.write(content)
    all.answers.push(...Array.from({ length: 64 }, () => 1_000))
    await all.node.receive(
      author.id,
      author.messages.map(({ compact }) => compact),
    )
    await all.simulation.advance(500_000)
    expect(all.asked).toHaveLength(64)
    await all.simulation.advance(1_000_000)
    expect(all.told).toHaveLength(200)
    expect(new Set(all.told.map(({ message }) => message)).size).toBe(200)
  })

  test('is not called any more when the app has left, and others still are', async () => {
    const all = await started()
    const author = new Author('left').posts(5)
    const { content } = author.pack()
    all.app.end()
    author.write(content)
    await all.node.receive(
      author.id,
      author.messages.map(({ compact }) => compact),
    )
    await all.simulation.advance(10_000)
    expect(all.asked).toEqual([])
    expect(all.node.watch.count).toBe(0)
  })
})

test('one connection registers four callbacks, all of them sixteen', async () => {
  const { node } = await started()
  const register = (connection: object) => {
    const app = new AppCallbacks(node.timers, () => {})
    return node.archiver.addPrecondition(connection, app)
  }
  const connection = {}
  const leave = [1, 2, 3, 4].map(() => register(connection))
  expect(() => register(connection)).toThrow('no more preconditions')
  leave[0]!()
  register(connection)
  for (let count = 4; count < 16; count++) register({})
  expect(() => register({})).toThrow('no more preconditions')
})
