import type { MessageKey } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { entryOf } from '../src/append-work.js'
import type { TangleChunk } from '../src/protocol.js'
import { TangleCursor, TangleReader } from '../src/tangle-reader.js'
import {
  Author,
  type FoundTangle,
  foundTangle,
  framesOf,
  TestShard,
  tangleOf,
} from './shard-fixture.js'
import { open } from './store-fixture.js'

const keysOfRows = ({ rows, frames }: FoundTangle) => {
  expect(framesOf(frames).map(({ key }) => key)).toEqual(rows.map(({ key }) => key))
  return rows.map(({ key }) => key)
}

/** A key that the index can't tell from another: the first eight bytes are the same. */
function lookalike(key: MessageKey): MessageKey {
  const bytes = Buffer.from(key.slice(1, 45), 'base64')
  bytes[20] = bytes[20]! ^ 0xff
  return `%${bytes.toString('base64')}.sha256` as MessageKey
}

async function sample() {
  const [ada, ben] = [new Author('ada'), new Author('ben')]
  const root = ada.write({ type: 'post', text: 'root' })
  const reply = ben.write({ type: 'post', root: root.key, branch: root.key })
  const fork = ada.write({ type: 'post', root: reply.key, fork: root.key, branch: [reply.key] })
  const mention = ben.write({ type: 'post', mentions: [{ link: root.key }] })
  const twin = ada.write({ type: 'post', root: lookalike(root.key), branch: root.key })
  const grouped = ben.write({
    type: 'post',
    tangles: { group: { root: root.key, previous: [reply.key] } },
  })
  const secret = ada.write(`${'A'.repeat(64)}.box`)
  const shard = await TestShard.open()
  await shard.append(ada, ada.messages)
  await shard.append(ben, ben.messages)
  return { ada, ben, root, reply, fork, mention, twin, grouped, secret, shard }
}

describe('a tangle', () => {
  test('is its root and all that name it as root or fork, and nothing else', async () => {
    const { root, reply, fork, shard } = await sample()
    const found = await shard.run(tangleOf(shard, { root: root.key }))
    expect(keysOfRows(found).sort()).toEqual([root.key, reply.key, fork.key].sort())
    expect(found.rows.find(({ key }) => key === fork.key)).toMatchObject({
      author: fork.author,
      timestamp: fork.timestamp,
      root: reply.key,
      fork: root.key,
      branch: [reply.key],
      isPrivate: false,
    })
    await shard.stop()
  })

  test('leaves out what the index takes for it by a shared fingerprint', async () => {
    const { root, twin, shard } = await sample()
    const found = await shard.run(tangleOf(shard, { root: root.key }))
    expect(keysOfRows(found)).not.toContain(twin.key)
    expect(keysOfRows(await shard.run(tangleOf(shard, { root: lookalike(root.key) })))).toEqual([
      twin.key,
    ])
    await shard.stop()
  })

  test('by name is that of the v2 tangle, with its own root and previous', async () => {
    const { root, reply, grouped, shard } = await sample()
    const found = await shard.run(tangleOf(shard, { root: root.key, name: 'group' }))
    expect(keysOfRows(found).sort()).toEqual([root.key, grouped.key].sort())
    expect(found.rows.find(({ key }) => key === grouped.key)).toMatchObject({
      root: root.key,
      branch: [reply.key],
    })
    expect(keysOfRows(await shard.run(tangleOf(shard, { root: root.key, name: 'other' })))).toEqual(
      [root.key],
    )
    await shard.stop()
  })

  test('of a private root is there and says that it is private', async () => {
    const { secret, shard } = await sample()
    const { rows } = await shard.run(tangleOf(shard, { root: secret.key }))
    expect(rows).toMatchObject([{ key: secret.key, isPrivate: true, root: null, branch: [] }])
    await shard.stop()
  })

  test('that is large comes in chunks, between which others are answered', async () => {
    const ada = new Author('ada')
    const root = ada.write({ type: 'post', text: 'root' })
    const text = 'x'.repeat(7_000)
    for (let count = 0; count < 60; count++) ada.write({ type: 'post', text, root: root.key })
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    const stream = shard.shard.tangle({ root: root.key }, { credit: 1 })
    const chunks: TangleChunk[] = []
    for (;;) {
      const step = await shard.run(stream.next())
      if (step.done === true) break
      chunks.push(step.value)
      expect(step.value.frames.byteLength).toBeLessThanOrEqual(128 * 1024)
      expect((await shard.run(shard.shard.status())).messages).toBe(61)
    }
    expect(chunks.length).toBeGreaterThan(3)
    expect(keysOfRows(foundTangle(chunks))).toEqual(ada.messages.map(({ key }) => key))
    await shard.stop()
  })

  test('of more bytes than its bound gives the oldest', async () => {
    const { store } = open(new MemoryFileSystem())
    const ada = new Author('ada')
    const feed = store.addFeed(ada.keys.publicKey)
    const root = ada.write({ type: 'post', text: 'root' })
    for (let count = 0; count < 9; count++) ada.write({ type: 'post', root: root.key })
    store.append(
      feed,
      ada.messages.map((message) => entryOf(message, 1_700_000_000_000)),
    )
    const cursor = new TangleCursor(new TangleReader(store), root.key, undefined, 2_000)
    const keys: string[] = []
    for (let pulled = cursor.pull(); pulled !== 'end'; pulled = cursor.pull()) {
      keys.push(...keysOfRows(foundTangle([pulled.value as TangleChunk])))
    }
    expect(keys.length).toBeLessThan(10)
    expect(keys.length).toBeGreaterThan(1)
    expect(keys).toEqual(ada.messages.slice(0, keys.length).map(({ key }) => key))
  })

  test('is the same when it is read again after the indexes of a feed were folded again', async () => {
    const { ada, root, shard } = await sample()
    const before = keysOfRows(await shard.run(tangleOf(shard, { root: root.key }))).sort()
    await shard.run(shard.feed(ada).rebuild())
    expect(keysOfRows(await shard.run(tangleOf(shard, { root: root.key }))).sort()).toEqual(before)
    await shard.stop()
  })

  test('live gives each message that arrives once, a late root too, and no stranger', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const root = ada.write({ type: 'post', text: 'root' })
    const replies = [1, 2, 3].map(() => ben.write({ type: 'post', root: root.key }))
    const twin = ben.write({ type: 'post', root: lookalike(root.key) })
    const shard = await TestShard.open()
    await shard.append(ben, replies.slice(0, 1))
    const seen: string[] = []
    const stream = shard.shard.tangleLive({ root: root.key })
    const reading = (async () => {
      for await (const chunk of stream) seen.push(...keysOfRows(foundTangle([chunk])))
    })()
    await shard.simulation.runUntilIdle()
    await shard.append(ben, replies.slice(1, 2))
    await shard.append(ada, [root])
    await shard.append(ben, [replies[2]!, twin])
    await shard.simulation.runUntilIdle()
    expect(seen).toEqual([replies[1]!.key, root.key, replies[2]!.key])
    await stream.return?.()
    await shard.run(reading)
    await shard.stop()
  })

  test.each(['', 'x', `%${'A'.repeat(43)}B.sha256`, 5, null])(
    'refuses the root %j',
    async (root) => {
      const shard = await TestShard.open()
      expect(await shard.codeOf(tangleOf(shard, { root: root as MessageKey }))).toBe(
        'REQUEST_INVALID',
      )
      expect(await shard.codeOf(shard.shard.tangleLive({ root: root as MessageKey }).next())).toBe(
        'REQUEST_INVALID',
      )
      expect(shard.events).toEqual([])
      await shard.stop()
    },
  )
})
