import { sha256 } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import { appendBlock, falsified, packed } from './block-fixture.js'
import {
  Author,
  batchOf,
  collect,
  cpuActor,
  Follower,
  type ReadFrame,
  TestShard,
} from './shard-fixture.js'

const textsOf = (frames: readonly ReadFrame[]) => frames.map(({ message }) => message)
const textsOfAuthor = ({ messages }: Author) =>
  messages.map(({ compact }) => Buffer.from(compact).toString())

async function opened(options: Parameters<typeof TestShard.open>[0] = {}) {
  return TestShard.open({ services: [cpuActor()], ...options })
}

const read = (shard: TestShard, author: Author, range = {}) =>
  shard.run(collect(shard.feed(author).read(range)))

const status = (shard: TestShard, author: Author) => shard.run(shard.feed(author).status())

describe('a block on its author’s word', () => {
  test('is stored byte for byte, is found by key, and is checked when it is quiet', async () => {
    const ada = new Author('ada')
    ada.take(300)
    const shard = await opened()
    const answer = appendBlock(shard, ada, packed(ada, ada.messages), { through: 300 })
    expect(await shard.run(answer)).toEqual({ added: 300, known: 0, rejected: [] })
    expect(await status(shard, ada)).toMatchObject({ sequence: 300, uncheckedFrom: 1 })
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    const found = await shard.run(shard.shard.getByKey(ada.messages[7]!.keyBytes))
    expect(found).not.toBeNull()

    await shard.simulation.advance(5_000)
    expect((await status(shard, ada)).uncheckedFrom).toBeUndefined()
    expect((await shard.run(shard.feed(ada).verify())).damaged).toEqual([])
    expect(shard.fs.stat(feedPath(ada))).toBeNull()
    await shard.stop()
  })

  test('is not passed on before its signatures were checked', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await opened()
    await shard.append(ada, ada.messages.slice(0, 10))
    const clocks: unknown[] = []
    void (async () => {
      for await (const chunk of shard.shard.clock(true)) {
        if (!('sync' in chunk)) {
          clocks.push([[...chunk.sequences], chunk.passable && [...chunk.passable]])
        }
      }
    })().catch(() => undefined)
    const live = new Follower(shard.feed(ada).read({ live: true, isPassedOn: true }))
    const block = packed(ada, ada.messages.slice(0, 50))
    await shard.run(appendBlock(shard, ada, block, { through: 50 }))
    await shard.append(ada, ada.messages.slice(50))
    expect(await shard.sequencesOf(ada, { isPassedOn: true })).toHaveLength(10)
    expect(await shard.sequencesOf(ada, { isPassedOn: true, reverse: true })).toHaveLength(10)
    expect(await shard.sequencesOf(ada)).toHaveLength(60)
    expect(live.sequences.filter((each) => each !== 'sync')).toHaveLength(10)

    await shard.simulation.advance(5_000)
    expect(live.sequences.filter((each) => each !== 'sync')).toHaveLength(60)
    expect(clocks[0]).toEqual([[10], undefined])
    expect(clocks).toContainEqual([[60], [10]])
    expect(clocks.at(-1)).toEqual([[60], undefined])
    await shard.stop()
  })

  test('stays unchecked over a restart, and is checked then', async () => {
    const ada = new Author('ada')
    ada.take(40)
    const shard = await opened()
    await shard.run(appendBlock(shard, ada, packed(ada, ada.messages), { through: 40 }))
    await shard.stop()
    const again = await opened({ fs: shard.fs })
    expect(await status(again, ada)).toMatchObject({ sequence: 40, uncheckedFrom: 1 })
    expect(await again.sequencesOf(ada, { isPassedOn: true })).toEqual([])
    await again.simulation.advance(5_000)
    expect((await status(again, ada)).uncheckedFrom).toBeUndefined()
    await again.stop()
  })

  test('with a false text is cut back, and archives of the feed are not trusted again', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await opened()
    const first = packed(ada, falsified(ada.messages.slice(0, 50), 30))
    expect(await shard.run(appendBlock(shard, ada, first, { through: 50 }))).toMatchObject({
      added: 50,
    })
    await shard.append(ada, ada.messages.slice(50))
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({ sequence: 30, messages: 30, state: 'ok' })
    expect((await status(shard, ada)).uncheckedFrom).toBeUndefined()

    const second = packed(ada, ada.messages.slice(0, 50))
    const code = shard.codeOf(appendBlock(shard, ada, second, { through: 50 }))
    expect(await code).toBe('ARCHIVE_DISTRUSTED')
    await shard.append(ada, ada.messages)
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    expect((await shard.run(shard.feed(ada).verify())).damaged).toEqual([])
    await shard.stop()

    const again = await opened({ fs: shard.fs })
    const late = again.codeOf(appendBlock(again, ada, second, { through: 50 }))
    expect(await late).toBe('ARCHIVE_DISTRUSTED')
    await again.stop()
  })

  test('with a false text makes no fork of the true one that comes beside it', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await opened()
    const block = packed(ada, falsified(ada.messages, 30))
    await shard.run(appendBlock(shard, ada, block, { through: 60 }))
    const beside = await shard.append(ada, ada.messages)
    expect(beside).toMatchObject({ added: 0, known: 60, rejected: [] })
    expect(await status(shard, ada)).toMatchObject({ forked: false })
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({ sequence: 30, forked: false })
    await shard.append(ada, ada.messages)
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    await shard.stop()
  })

  test('of which the disk loses one is not cut back: what is held behind it is checked when it has come again', async () => {
    const ada = new Author('ada')
    ada.take(60)
    const shard = await opened({ data: { passivateAfterMs: 100 } })
    await shard.run(appendBlock(shard, ada, packed(ada, ada.messages), { through: 60 }))
    const before = ada.messages.slice(0, 29)
    const at = before.reduce((bytes, { compact }) => bytes + 52 + compact.length, 52) + 100
    shard.fs.corrupt(feedPath(ada).replace('feed.json', 'log'), at)
    await shard.simulation.advance(5_000)
    expect(await status(shard, ada)).toMatchObject({
      sequence: 29,
      messages: 60,
      state: 'damaged',
      uncheckedFrom: 30,
    })
    await shard.append(ada, ada.messages.slice(29, 30))
    expect(await status(shard, ada)).toMatchObject({ sequence: 60, uncheckedFrom: 30 })
    expect(await shard.sequencesOf(ada, { isPassedOn: true })).toHaveLength(29)
    await shard.simulation.advance(5_000)
    expect((await status(shard, ada)).uncheckedFrom).toBeUndefined()
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    await shard.stop()
  })

  test('follows the blocks before it, and passes over what is held', async () => {
    const ada = new Author('ada')
    ada.take(30)
    const shard = await opened()
    await shard.append(ada, ada.messages.slice(0, 5))
    await shard.run(appendBlock(shard, ada, packed(ada, ada.messages.slice(0, 20))))
    const next = appendBlock(shard, ada, packed(ada, ada.messages.slice(20)))
    expect(await shard.run(next)).toEqual({ added: 10, known: 0, rejected: [] })
    const held = appendBlock(shard, ada, packed(ada, ada.messages.slice(0, 20)))
    expect(await shard.run(held)).toEqual({ added: 0, known: 20, rejected: [] })
    expect(await status(shard, ada)).toMatchObject({ sequence: 30, uncheckedFrom: 6 })
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    await shard.stop()
  })
})

describe('a block that is refused', () => {
  const ada = new Author('ada')
  ada.take(30)
  const ben = new Author('ben')
  ben.take(3)
  const adas = (from: number, to: number) => packed(ada, ada.messages.slice(from, to))
  const bitFlipped = () => {
    const { block, dictionaries } = adas(0, 30)
    const bytes = new Uint8Array(block.slice(0))
    bytes[bytes.length >> 1]! ^= 1
    return { block: bytes.buffer, dictionaries }
  }
  const other = new Author('ada')
  other.take(9)
  other.write({ type: 'post', text: 'another tenth' })
  other.take(5)

  const refusals: readonly (readonly [string, () => ReturnType<typeof packed>, number, RegExp])[] =
    [
      ['is of another feed', () => packed(ben, ben.messages), 0, /^ARCHIVE_BLOCK_AUTHOR$/],
      ['leaves a gap', () => adas(10, 30), 5, /^ARCHIVE_BLOCK_GAP$/],
      [
        'goes on from another message',
        () => packed(other, other.messages.slice(10)),
        10,
        /^ARCHIVE_BLOCK_FORK$/,
      ],
      [
        'lacks its dictionary',
        () => ({ ...adas(0, 30), dictionaries: [] }),
        0,
        /^ARCHIVE_DICTIONARY_MISSING$/,
      ],
      ['is damaged', bitFlipped, 0, /^ARCHIVE_/],
      [
        'is no block',
        () => ({ block: new ArrayBuffer(900), dictionaries: [] }),
        0,
        /^ARCHIVE_BLOB_MALFORMED$/,
      ],
    ]

  for (const [what, make, held, code] of refusals) {
    test(`${what}: a code, and the feed is as it was`, async () => {
      const shard = await opened()
      if (held > 0) await shard.append(ada, ada.messages.slice(0, held))
      expect(await shard.codeOf(appendBlock(shard, ada, make()))).toMatch(code)
      const { sequence, uncheckedFrom } = await status(shard, ada)
      expect([sequence, uncheckedFrom]).toEqual([held, undefined])
      await shard.stop()
    })
  }

  test('ends with another message than its bundle promises', async () => {
    const shard = await opened()
    const lastMessage = ada.messages[3]!.key
    const code = shard.codeOf(appendBlock(shard, ada, adas(0, 30), { lastMessage }))
    expect(await code).toBe('ARCHIVE_BLOCK_CLAIM')
    expect(await status(shard, ada)).toMatchObject({ sequence: 0 })
    await shard.stop()
  })

  test('is one of the own feed', async () => {
    const shard = await opened({ own: ada.keys })
    const code = shard.codeOf(appendBlock(shard, ada, adas(0, 30)))
    expect(await code).toBe('ARCHIVE_OWN_FEED')
    await shard.stop()
  })
})

describe('a block of a third party', () => {
  test('is taken with all signatures checked, and needs no further check', async () => {
    const ada = new Author('ada')
    ada.take(100)
    const shard = await opened()
    const answer = appendBlock(shard, ada, packed(ada, ada.messages), { trust: 'signatures' })
    expect(await shard.run(answer)).toEqual({ added: 100, known: 0, rejected: [] })
    expect((await status(shard, ada)).uncheckedFrom).toBeUndefined()
    expect(textsOf(await read(shard, ada))).toEqual(textsOfAuthor(ada))
    await shard.stop()
  })

  test('is taken up to the first false text', async () => {
    const ada = new Author('ada')
    ada.take(100)
    const shard = await opened()
    const block = packed(ada, falsified(ada.messages, 70))
    const answer = await shard.run(appendBlock(shard, ada, block, { trust: 'signatures' }))
    expect(answer).toMatchObject({ added: 70, refused: [{ sequence: 71, reason: 'SIGNATURE' }] })
    expect(await status(shard, ada)).toMatchObject({ sequence: 70 })
    await shard.stop()
  })
})

describe('an archive message', () => {
  const ada = new Author('ada')
  ada.take(5)
  const id = (sigil: string, text: string) =>
    `${sigil}${Buffer.from(sha256(Buffer.from(text))).toString('base64')}.sha256`
  const content = {
    type: 'archive',
    version: 1,
    bundle: id('&', 'bundle'),
    size: 400,
    first: 1,
    last: 5,
    lastMessage: ada.messages[4]!.key,
  }
  const ownBuffer = (bytes: Uint8Array) => new Uint8Array(bytes).buffer

  test('says what it promises once its signature is checked', async () => {
    const shard = await opened()
    const { compact } = ada.sign(content, ada.head)
    const { type: _type, version: _version, ...claim } = content
    expect(await shard.run(shard.feed(ada).readArchive(ownBuffer(compact)))).toEqual({
      ...claim,
      held: 0,
    })
    await shard.stop()
  })

  test('is refused where it is another’s, changed, of another kind, or tells of the future', async () => {
    const shard = await opened()
    const ben = new Author('ben')
    const good = ada.sign(content, ada.head)
    const changed = Buffer.from(good.compact.toString().replace('"size":400', '"size":401'))
    const messages = [
      ben.sign(content, null).compact,
      changed,
      ada.sign({ type: 'post', text: 'hello' }, ada.head).compact,
      ada.sign({ ...content, last: 6 }, ada.head).compact,
      Buffer.from('{'),
    ]
    for (const message of messages) {
      const code = shard.codeOf(shard.feed(ada).readArchive(ownBuffer(message)))
      expect(await code).toBe('ARCHIVE_MESSAGE_INVALID')
    }
    await shard.stop()
  })
})

test('a kill after the first slice leaves no message that passes for checked', async () => {
  const ada = new Author('ada')
  ada.take(200)
  const shard = await opened()
  await shard.run(appendBlock(shard, ada, packed(ada, ada.messages), { through: 200 }))
  const fs = shard.fs
  const again = await opened({ fs })
  const { sequence, uncheckedFrom } = await status(again, ada)
  expect([sequence, uncheckedFrom]).toEqual([200, 1])
  await again.run(again.feed(ada).append(batchOf(ada, ada.messages)))
  await again.stop()
})

function feedPath({ keys }: Author): string {
  const hex = Buffer.from(keys.publicKey).toString('hex')
  return `/data/feeds/${hex.slice(0, 2)}/${hex.slice(2)}/feed.json`
}
