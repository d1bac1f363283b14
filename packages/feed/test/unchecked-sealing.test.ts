import { describe, expect, test } from 'vitest'
import { appendBlock, falsified, packed } from './block-fixture.js'
import { blockNames, blocksPath } from './sealed-fixture.js'
import { Author, collect, cpuActor, Follower, TestShard } from './shard-fixture.js'

/** Messages on their author's word beside messages in blocks. */

const ALL = { keepMessages: 0, minMessages: 1 }

const opened = (options: Parameters<typeof TestShard.open>[0] = {}) =>
  TestShard.open({ services: [cpuActor()], ...options })

const status = (shard: TestShard, author: Author) => shard.run(shard.feed(author).status())

/** The feed is whole, in order, and as its author wrote it. */
async function expectWhole(shard: TestShard, author: Author): Promise<void> {
  const frames = await shard.run(collect(shard.feed(author).read({})))
  expect(frames.map(({ message }) => message)).toEqual(
    author.messages.map(({ compact }) => Buffer.from(compact).toString()),
  )
  const { length } = author.messages
  expect(await shard.run(shard.feed(author).verify())).toEqual({ messages: length, damaged: [] })
}

async function rebuildAll({ shard }: TestShard): Promise<void> {
  for await (const _ of shard.rebuild());
}

/** A shard that holds 1 to `sealed` in a block, and the rest on its author's word. */
async function caughtUp(author: Author, sealed: number) {
  const shard = await opened()
  await shard.append(author, author.messages.slice(0, sealed))
  await shard.run(shard.feed(author).seal(ALL))
  const rest = packed(author, author.messages.slice(sealed))
  await shard.run(appendBlock(shard, author, rest, { through: author.messages.length }))
  return shard
}

describe('messages whose signatures are not checked', () => {
  test('follow those in blocks, and are packed only when they are checked', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await caughtUp(ada, 20)
    expect(await status(shard, ada)).toMatchObject({ sealed: { messages: 20 }, uncheckedFrom: 21 })
    expect((await shard.run(shard.feed(ada).seal(ALL))).messages).toBe(0)
    await expectWhole(shard, ada)
    await shard.simulation.advance(5_000)
    expect((await shard.run(shard.feed(ada).seal(ALL))).messages).toBe(40)
    expect(await status(shard, ada)).toMatchObject({ sequence: 60, sealed: { messages: 60 } })
    await expectWhole(shard, ada)
    await shard.stop()
  })

  test('are not packed by an idle feed either', async () => {
    const ada = new Author('ada')
    ada.take(1_100)
    const sealing = { isAutomatic: true, keepMessages: 16, minMessages: 64 }
    const data = { passivateAfterMs: 500, sealing }
    const shard = await opened({ data })
    for (const from of [0, 1_000]) {
      const block = packed(ada, ada.messages.slice(from, from + 1_000))
      await shard.run(appendBlock(shard, ada, block, { through: 1_100 }))
    }
    await shard.simulation.advance(900)
    expect(await status(shard, ada)).toMatchObject({ uncheckedFrom: 1 })
    expect(blockNames(shard.fs, ada.keys.publicKey)).toEqual([])
    await shard.simulation.advance(20_000)
    expect(await status(shard, ada)).toMatchObject({ sealed: { messages: 1_084 } })
    await expectWhole(shard, ada)
    await shard.stop()
  })

  test('stay unchecked over unsealing, a fold of the feed and of all, idleness and a restart', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await caughtUp(ada, 20)
    const isAsBefore = async (at: TestShard) => {
      expect(await status(at, ada)).toMatchObject({ sequence: 60, uncheckedFrom: 21 })
      expect(await at.sequencesOf(ada, { isPassedOn: true })).toHaveLength(20)
    }
    await shard.run(shard.feed(ada).rebuild())
    await isAsBefore(shard)
    await shard.run(rebuildAll(shard))
    await isAsBefore(shard)
    await shard.run(shard.feed(ada).unseal())
    await isAsBefore(shard)
    await shard.run(shard.feed(ada).seal(ALL))
    await isAsBefore(shard)
    await shard.stop()
    const again = await opened({ fs: shard.fs, data: { passivateAfterMs: 100 } })
    await again.simulation.advance(300)
    await isAsBefore(again)
    await again.simulation.advance(5_000)
    expect((await status(again, ada)).uncheckedFrom).toBeUndefined()
    await expectWhole(again, ada)
    await again.stop()
  })

  test('with a false text behind blocks are cut off, and the blocks stay', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await opened()
    await shard.append(ada, ada.messages.slice(0, 20))
    await shard.run(shard.feed(ada).seal(ALL))
    const block = packed(ada, falsified(ada.messages.slice(20), 10))
    await shard.run(appendBlock(shard, ada, block, { through: 60 }))
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({ sequence: 30, sealed: { messages: 20 } })
    await shard.append(ada, ada.messages)
    await expectWhole(shard, ada)
    await shard.stop()
  })

  test('reach a live reader once each while the feed is sealed and unsealed', async () => {
    const ada = new Author('ada')
    ada.take(400)
    const shard = await opened()
    await shard.append(ada, ada.messages.slice(0, 100))
    const live = new Follower(shard.feed(ada).read({ live: true, isPassedOn: true }))
    const feed = shard.feed(ada)
    const block = (from: number, to: number) =>
      appendBlock(shard, ada, packed(ada, ada.messages.slice(from, to)), { through: 400 })
    await shard.run(Promise.all([feed.seal(ALL), block(100, 300), shard.append(ada, [])]))
    await shard.run(Promise.all([feed.unseal(), block(300, 400)]))
    await shard.simulation.advance(5_000)
    await shard.run(feed.seal(ALL))
    expect(live.sequences.filter((each) => each !== 'sync')).toEqual(
      Array.from({ length: 400 }, (_, at) => at + 1),
    )
    await expectWhole(shard, ada)
    await shard.stop()
  })
})

describe('a block of an archive for a hole', () => {
  /** A feed in two blocks, of which the first can't be read any more. */
  async function damaged(author: Author) {
    const shard = await opened()
    await shard.append(author, author.messages.slice(0, 1_024))
    await shard.run(shard.feed(author).seal(ALL))
    await shard.append(author, author.messages.slice(1_024))
    await shard.run(shard.feed(author).seal(ALL))
    await shard.stop()
    const path = `${blocksPath(author.keys.publicKey)}/0001.bipf2`
    const bytes = shard.fs.readFile(path)
    bytes[bytes.length >> 1]! ^= 0xff
    shard.fs.remove(path)
    const file = shard.fs.open(path, 'createNew')
    file.write(bytes, 0)
    file.close()
    const again = await opened({ fs: shard.fs })
    await again.run(again.feed(author).rebuild())
    return again
  }

  test('fills it, and the chain goes on over what is held behind it', async () => {
    const ada = new Author('ada')
    ada.take(1_200)
    const shard = await damaged(ada)
    expect(await status(shard, ada)).toMatchObject({ sequence: 0, messages: 176 })
    const first = packed(ada, ada.messages.slice(0, 1_000))
    const second = packed(ada, ada.messages.slice(1_000))
    expect(await shard.run(appendBlock(shard, ada, first, { through: 1_200 }))).toMatchObject({
      added: 1_000,
    })
    const answer = await shard.run(appendBlock(shard, ada, second, { through: 1_200 }))
    expect(answer).toEqual({ added: 24, known: 176, rejected: [] })
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({
      sequence: 1_200,
      messages: 1_200,
      state: 'ok',
    })
    await expectWhole(shard, ada)
    await shard.run(shard.feed(ada).seal(ALL))
    await expectWhole(shard, ada)
    await shard.stop()
  })

  test('with a false text is cut off; what lies in other blocks stays', async () => {
    const ada = new Author('ada')
    ada.take(1_200)
    const shard = await damaged(ada)
    const block = packed(ada, falsified(ada.messages.slice(0, 1_000), 500))
    await shard.run(appendBlock(shard, ada, block, { through: 1_000 }))
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({ sequence: 500, messages: 676 })
    await shard.append(ada, ada.messages.slice(500, 1_024))
    expect(await status(shard, ada)).toMatchObject({ sequence: 1_200, messages: 1_200 })
    await expectWhole(shard, ada)
    await shard.stop()
  })
})

test('a block that a full disk refuses leaves no mark', async () => {
  const ada = new Author('ada')
  ada.take(300)
  const shard = await opened()
  await shard.append(ada, ada.messages.slice(0, 10))
  shard.fs.setCapacity(shard.fs.usedBytes + 2_000)
  const block = packed(ada, ada.messages.slice(10))
  expect(await shard.codeOf(appendBlock(shard, ada, block, { through: 300 }))).toBe('STORE_FULL')
  shard.fs.setCapacity(1e9)
  await shard.append(ada, ada.messages.slice(10))
  await shard.simulation.advance(5_000)
  expect((await status(shard, ada)).uncheckedFrom).toBeUndefined()
  expect(await shard.sequencesOf(ada, { isPassedOn: true })).toHaveLength(300)
  await shard.stop()
})

test('a block that holds another message than what is held behind a hole is refused', async () => {
  const ada = new Author('ada')
  ada.take(30)
  const other = new Author('ada')
  other.take(9)
  other.write({ type: 'post', text: 'another tenth' })
  other.take(5)
  const shard = await opened()
  await shard.append(ada, ada.messages.slice(9, 20), true)
  const code = shard.codeOf(appendBlock(shard, ada, packed(other, other.messages), { through: 15 }))
  expect(await code).toBe('ARCHIVE_BLOCK_FORK')
  expect(shard.events.filter((event) => event.startsWith('crash'))).toEqual([])
  await shard.append(ada, ada.messages)
  await shard.simulation.advance(5_000)
  await expectWhole(shard, ada)
  await shard.stop()
})
