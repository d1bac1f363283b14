import { CodedError } from '@dunbar/core'
import type { Method } from '@dunbar/wire'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  connect,
  type Fork,
  type Message,
  type MessageValue,
  type SyncMarker,
} from '../src/index.js'
import { MemoryNode } from './memory-node.js'

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('connect', () => {
  it('finds the node by its folder, and by $DUNBAR_PATH', async () => {
    const { path } = await MemoryNode.start()
    const first = await connect({ path })
    expect(await first.whoami()).toEqual({ id: '@me.ed25519' })
    await first.close()
    expect(await first.closed).toBeNull()
    const before = process.env.DUNBAR_PATH
    process.env.DUNBAR_PATH = path
    try {
      const second = await connect()
      expect(await second.manifest()).toMatchObject({ tangle: { read: 'source' } })
      await second.close()
    } finally {
      if (before === undefined) delete process.env.DUNBAR_PATH
      else process.env.DUNBAR_PATH = before
    }
  })

  it('says so where no node runs', async () => {
    await expect(connect({ path: '/nowhere' })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      data: { reason: 'ENOENT' },
    })
  })
})

describe('a client', () => {
  it('publishes, and gets values or whole messages', async () => {
    const { path } = await MemoryNode.start()
    const client = await connect({ path })
    const message = await client.publish({ type: 'post', text: 'hello' })
    expect(message).toMatchObject({ key: '%1', value: { content: { text: 'hello' } } })
    expect(await client.get('%1')).toEqual(message.value)
    expect(await client.get('%1', { meta: true })).toEqual(message)
    expect(await client.get({ id: '%1', meta: true })).toEqual(message)
    await expect(client.get('%2')).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
      data: { code: 'NOT_FOUND' },
    })
    await client.close()
  })

  it('streams messages, and says between old and new where the stream is live', async () => {
    const node = await MemoryNode.start()
    const client = await connect({ path: node.path })
    for (let i = 0; i < 3; i++) await client.publish({ type: 'post', text: `${i}` })
    expect((await collect(client.createLogStream())).map(({ key }) => key)).toEqual([
      '%1',
      '%2',
      '%3',
    ])
    expect(await collect(client.createLogStream({ limit: 2 }))).toHaveLength(2)
    expect(await collect(client.messagesByType('post'))).toHaveLength(3)
    const seen: unknown[] = []
    for await (const item of client.createLogStream({ live: true })) {
      seen.push('sync' in item ? 'sync' : item.key)
      if ('sync' in item) await client.publish({ type: 'post', text: 'new' })
      else if (item.key === '%4') break
    }
    expect(seen).toEqual(['%1', '%2', '%3', 'sync', '%4'])
    await client.close()
  })

  it('keeps its signal to itself and ends the stream by it', async () => {
    const node = await MemoryNode.start()
    const client = await connect({ path: node.path })
    const stop = new AbortController()
    const items = client.createUserStream({ id: '@x', live: true, signal: stop.signal })
    for await (const item of items) {
      expect(item).toEqual({ sync: true })
      stop.abort()
    }
    expect(node.seenOptions).toEqual([{ id: '@x', live: true }])
    await client.close()
  })

  it('follows the forks of feeds, and keeps its signal to itself', async () => {
    const fork = { id: '@x', sequence: 3, kept: '%1', refused: '%2' }
    const seen: unknown[] = []
    const { path } = await MemoryNode.start([
      {
        name: 'feeds.forked',
        type: 'source',
        async *handler(args) {
          seen.push(args)
          yield fork
        },
      },
    ])
    const client = await connect({ path })
    const { signal } = new AbortController()
    expect(await collect(client.feeds.forked())).toEqual([fork])
    expect(await collect(client.feeds.forked({ old: false, signal }))).toEqual([fork])
    expect(seen).toEqual([[], [{ old: false }]])
    await client.close()
  })

  it('gives bytes to those who want no values', async () => {
    const node = await MemoryNode.start()
    const client = await connect({ path: node.path })
    for (let i = 0; i < 3; i++) await client.publish({ type: 'post' })
    const bytes = await collect(client.rawSource('createLogStream', {}))
    const texts = node.messages.map((message) => JSON.stringify(message))
    expect(bytes.map((item) => Buffer.from(item).toString())).toEqual(texts)
    const lines = await collect(client.node.export())
    expect(Buffer.concat(lines).toString()).toBe(texts.map((text) => `${text}\n`).join(''))
    await client.close()
  })

  it('knows what its streams give', async () => {
    const { path } = await MemoryNode.start()
    const client = await connect({ path })
    const live = true as boolean
    const root = '%1'
    expectTypeOf(client.createLogStream()).toEqualTypeOf<AsyncIterableIterator<Message>>()
    expectTypeOf(client.createLogStream({ live: true })).toEqualTypeOf<
      AsyncIterableIterator<Message | SyncMarker>
    >()
    expectTypeOf(client.tangle.read({ root, live })).toEqualTypeOf<
      AsyncIterableIterator<Message | SyncMarker>
    >()
    expectTypeOf(client.tangle.read({ root, live: true, sync: false })).toEqualTypeOf<
      AsyncIterableIterator<Message>
    >()
    expectTypeOf(client.feeds.forked()).toEqualTypeOf<AsyncIterableIterator<Fork>>()
    expectTypeOf(client.feeds.forked({ live })).toEqualTypeOf<
      AsyncIterableIterator<Fork | SyncMarker>
    >()
    expectTypeOf(client.createUserStream({ id: '@x', keys: false })).toEqualTypeOf<
      AsyncIterableIterator<MessageValue>
    >()
    await client.close()
  })
})

describe('work of the node', () => {
  const work = (name: string, items: readonly unknown[]): Method => ({
    name,
    type: 'source',
    async *handler(args) {
      if (args.length > 0 && (args[0] as { file: unknown }).file === 'none') {
        throw new CodedError('SOURCE_UNREADABLE', 'nothing there')
      }
      yield* items
    },
  })

  it('shows progress and ends with its result', async () => {
    const { path } = await MemoryNode.start([
      work('node.import', [
        { event: 'note', text: 'a ssb-db2 store' },
        { event: 'progress', read: 1, bytes: 2, totalBytes: 3 },
        {
          event: 'done',
          result: { read: 1, added: 1, known: 0, feeds: 1, rejected: [], seconds: 0 },
        },
      ]),
      work('node.verify', [
        { event: 'progress', done: 1, total: 2, messages: 5 },
        { event: 'done', result: { messages: 5, feeds: 2, damaged: [], seconds: 0 } },
      ]),
      work('node.rebuild', [
        { event: 'done', result: { messages: 5, feeds: 2, failed: [], seconds: 0 } },
      ]),
    ])
    const client = await connect({ path })
    expect(await collect(client.node.import('/some/file'))).toEqual([
      { event: 'progress', read: 1, bytes: 2, totalBytes: 3 },
      {
        event: 'done',
        notes: ['a ssb-db2 store'],
        read: 1,
        added: 1,
        known: 0,
        feeds: 1,
        rejected: [],
        seconds: 0,
      },
    ])
    expect(await collect(client.node.verify())).toEqual([
      { event: 'progress', feeds: 1, totalFeeds: 2, messages: 5 },
      { event: 'done', messages: 5, feeds: 2, damaged: [], seconds: 0 },
    ])
    expect(await collect(client.node.rebuild())).toEqual([
      { event: 'done', messages: 5, feeds: 2, failed: [], seconds: 0 },
    ])
    await expect(collect(client.node.import('none'))).rejects.toMatchObject({
      data: { code: 'SOURCE_UNREADABLE' },
    })
    await client.close()
  })
})
