import type { FeedId, MessageKey } from '@dunbar/core'
import { boxPrivate } from '@dunbar/formats'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { entryOf } from '../src/append-work.js'
import { PrivateIndex } from '../src/private-index.js'
import {
  Author,
  type FoundTangle,
  foundTangle,
  framesOf,
  TestShard,
  tangleOf,
} from './shard-fixture.js'
import { open } from './store-fixture.js'

const keysOfRows = ({ rows, frames }: FoundTangle): MessageKey[] => {
  expect(framesOf(frames).map(({ key }) => key)).toEqual(rows.map(({ key }) => key))
  return rows.map(({ key }) => key)
}

const boxed = (content: object, ...recipients: FeedId[]) =>
  boxPrivate(Buffer.from(JSON.stringify(content)), recipients)

const post = (fields: object = {}) => ({ type: 'post', text: 'secret words', ...fields })

/** A private thread of two, with what looks like a part of it and is none. */
function sample() {
  const [own, friend, stranger] = [new Author('own'), new Author('friend'), new Author('stranger')]
  const root = own.write(boxed(post(), own.id, friend.id))
  const inThread = post({ root: root.key, branch: root.key })
  const reply = friend.write(boxed(inThread, own.id))
  const fork = friend.write(boxed(post({ root: reply.key, fork: root.key }), own.id))
  const publicReply = friend.write(inThread)
  const unreadable = stranger.write(boxed(inThread, friend.id, stranger.id))
  const garbage = stranger.write(`${'A'.repeat(400)}.box`)
  const elsewhere = friend.write(boxed(post(), own.id))
  return { own, friend, stranger, root, reply, fork, publicReply, unreadable, garbage, elsewhere }
}

async function appendAll(shard: TestShard, authors: readonly Author[]): Promise<void> {
  for (const author of authors) await shard.append(author, author.messages)
}

describe('a private thread', () => {
  test('is what the node can read of it, as ciphertext, and nothing else', async () => {
    const { own, friend, stranger, root, reply, fork } = sample()
    const shard = await TestShard.open({ own: own.keys })
    await appendAll(shard, [own, friend, stranger])
    const found = await shard.run(tangleOf(shard, { root: root.key, private: true }))
    expect(keysOfRows(found).sort()).toEqual([root.key, reply.key, fork.key].sort())
    expect(found.rows.find(({ key }) => key === reply.key)).toMatchObject({
      author: friend.id,
      timestamp: reply.timestamp,
      root: root.key,
      branch: [root.key],
      isPrivate: true,
    })
    expect(Buffer.from(found.frames).toString('latin1')).not.toContain('secret words')
    await shard.stop()
  })

  test('keeps to itself: the public thread has the root, as ciphertext, and the public reply', async () => {
    const { own, friend, stranger, root, publicReply } = sample()
    const shard = await TestShard.open({ own: own.keys })
    await appendAll(shard, [own, friend, stranger])
    const found = await shard.run(tangleOf(shard, { root: root.key }))
    expect(keysOfRows(found).sort()).toEqual([root.key, publicReply.key].sort())
    await shard.stop()
  })

  test('is empty to a node that is no recipient', async () => {
    const { own, friend, stranger, root } = sample()
    const shard = await TestShard.open({ own: new Author('somebody else').keys })
    await appendAll(shard, [own, friend, stranger])
    expect(keysOfRows(await shard.run(tangleOf(shard, { root: root.key, private: true })))).toEqual(
      [],
    )
    await shard.stop()
  })

  test('grows with what arrives after the first question', async () => {
    const { own, friend, stranger, root, reply, fork } = sample()
    const shard = await TestShard.open({ own: own.keys })
    const ask = async () =>
      keysOfRows(await shard.run(tangleOf(shard, { root: root.key, private: true }))).sort()
    expect(await ask()).toEqual([])
    await appendAll(shard, [own])
    expect(await ask()).toEqual([root.key])
    await appendAll(shard, [friend, stranger])
    expect(await ask()).toEqual([root.key, reply.key, fork.key].sort())
    await shard.run(shard.feed(friend).rebuild())
    expect(await ask()).toEqual([root.key, reply.key, fork.key].sort())
    await shard.stop()
  })

  test('live, gives what arrives from then on, once each', async () => {
    const { own, friend, stranger, root, reply, fork } = sample()
    const shard = await TestShard.open({ own: own.keys })
    await appendAll(shard, [own])
    const seen: MessageKey[] = []
    const stream = shard.shard.tangleLive({ root: root.key, private: true })
    const reading = (async () => {
      for await (const chunk of stream) seen.push(...keysOfRows(foundTangle([chunk])))
    })()
    await shard.simulation.runUntilIdle()
    await shard.append(friend, friend.messages.slice(0, 1))
    await shard.simulation.runUntilIdle()
    expect(seen).toEqual([reply.key])
    await appendAll(shard, [stranger, friend])
    await shard.simulation.runUntilIdle()
    expect(seen).toEqual([reply.key, fork.key])
    await stream.return?.()
    await shard.run(reading)
    await shard.stop()
  })
})

describe('an index of private messages', () => {
  const indexOf = (author: Author, maxRows: number) => {
    const { store } = open(new MemoryFileSystem())
    const feed = store.addFeed(author.keys.publicKey)
    const write = (content: object | string) => {
      const message = author.write(content)
      store.append(feed, [entryOf(message, 1_700_000_000_000)])
      return message
    }
    const index = new PrivateIndex(store, author.keys, () => Promise.resolve(), maxRows)
    return { index, write }
  }

  test('refuses to answer where it would leave a readable message out', async () => {
    const own = new Author('own')
    const other = new Author('other')
    const { index, write } = indexOf(own, 3)
    const root = write(boxed(post(), own.id))
    const replies = [1, 2].map(() => write(boxed(post({ root: root.key }), own.id)))
    write(boxed(post({ root: root.key }), other.id))
    write(post({ root: root.key }))
    const whole = [root, ...replies].map(({ key }) => key)
    const { chunk } = index.read(root.key, await index.find(root.key), Number.POSITIVE_INFINITY)
    expect(keysOfRows(foundTangle([chunk]))).toEqual(whole)
    write(boxed(post({ root: root.key }), own.id))
    const full = {
      code: 'PRIVATE_INDEX_FULL',
      message: 'more than 3 readable private messages',
      data: { maxRows: 3 },
    }
    await expect(index.find(root.key)).rejects.toMatchObject(full)
  })
})
