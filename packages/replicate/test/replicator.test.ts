import { createPublishMark } from '@dunbar/feed'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { PeerClocks } from '../src/peer-clocks.js'
import { Author, dialAs, keysOf, TestNode, until } from './test-node.js'

/** Nodes with real shards and real sockets. */

async function pair(feeds: readonly Author[] = [], options = {}) {
  const ids = feeds.map(({ id }) => id)
  const one = await TestNode.start('one', { feeds: ids, ...options })
  const two = await TestNode.start('two', { feeds: ids, ...options })
  return { one, two }
}

describe('two nodes', () => {
  test('exchange what either has, whoever dials', async () => {
    const alice = new Author('alice')
    const bob = new Author('bob')
    const { one, two } = await pair([alice, bob])
    await one.store(alice, alice.write(300))
    await two.store(bob, bob.write(200))
    await one.dial(two)
    await Promise.all([two.holds(alice.id, 300), one.holds(bob.id, 200)])
    expect(one.replicator.status().peers).toMatchObject([{ mode: 'ebt', id: two.id, refused: [] }])
    expect(one.replicator.status().peers[0]!.received).toBe(200)
  })

  test('pass a message on as soon as it is written', async () => {
    const { one, two } = await pair()
    one.set.request(two.id, true)
    two.set.request(one.id, true)
    await one.dial(two)
    for (const text of ['first', 'second', 'third']) {
      await one.publish(text)
      await two.publish(text)
    }
    await Promise.all([two.holds(one.id, 3), one.holds(two.id, 3)])
    expect(one.replicator.status()).toMatchObject({ behind: 0, missing: 0, stalled: [] })
  })

  test('mention only what has changed when they meet again, and tell what they hold', async () => {
    const alice = new Author('alice')
    const { one, two } = await pair([alice])
    await one.store(alice, alice.write(5))
    for (let round = 1; round <= 3; round++) {
      const { connection } = await one.dial(two)
      await two.holds(alice.id, 4 + round)
      const received = () => two.replicator.status().peers[0]!.received
      // What is stored may be read before the session hears of it.
      await until(() => received() > 0)
      expect(received()).toBe(round === 1 ? 5 : 1)
      await connection.close()
      await until(() => two.replicator.status().peers.length === 0)
      await one.store(alice, alice.write(1))
    }
    const kept = two.fs.list('/data/derived/peer-clocks')
    expect(kept.filter((name) => name.endsWith('.clock'))).toHaveLength(1)
  })

  test('fetch again what a power cut took out of the middle of a feed', async () => {
    const alice = new Author('alice')
    const one = await TestNode.start('one', { feeds: [alice.id] })
    await one.store(alice, alice.write(8))
    const before = await TestNode.start('two', { feeds: [alice.id] })
    for (const at of [0, 2, 4, 6]) await before.store(alice, alice.messages.slice(at, at + 2))
    let holeCount = 0
    for (const fs of (before.fs as MemoryFileSystem).crashImages('power cut')) {
      if (!fs.origin.includes('missing')) continue
      const two = await TestNode.start('two', { feeds: [alice.id], fs })
      const { sequence, messages } = await two.feed(alice.id).status()
      if (messages > sequence) holeCount += 1
      await two.dial(one)
      await two.holds(alice.id, 8)
      expect(await two.feed(alice.id).status(), fs.origin).toMatchObject({
        sequence: 8,
        messages: 8,
        state: 'ok',
      })
      expect((await two.feed(alice.id).verify()).damaged, fs.origin).toEqual([])
      await two.stop()
    }
    expect(holeCount).toBeGreaterThan(0)
  })

  test('take up a feed that is requested while they are connected', async () => {
    const alice = new Author('alice')
    const { one, two } = await pair()
    await one.store(alice, alice.write(20))
    one.set.request(alice.id, true)
    await one.dial(two)
    await until(() => two.replicator.status().peers[0]?.mode === 'ebt')
    two.set.request(alice.id, true)
    await two.holds(alice.id, 20)
  })

  test('go on when both dial each other at once', async () => {
    const alice = new Author('alice')
    const { one, two } = await pair([alice])
    await one.store(alice, alice.write(50))
    const [first] = await Promise.all([one.dial(two), two.dial(one)])
    await two.holds(alice.id, 50)
    await first.connection.close()
    await one.store(alice, alice.write(1))
    await two.holds(alice.id, 51)
  })

  test('rely on no clock of a peer that is still connected', async () => {
    const alice = new Author('alice')
    const { one, two } = await pair([alice])
    await one.store(alice, alice.write(1))
    const [older, newer] = await Promise.all([one.dial(two), two.dial(one)])
    await two.holds(alice.id, 1)
    const spoken = () => two.replicator.status().peers.filter(({ mode }) => mode === 'ebt').length
    await until(() => spoken() === 2)
    const clocks = () =>
      two.fs.list('/data/derived/peer-clocks').filter((name) => name.endsWith('.clock'))
    await older.connection.close()
    await until(() => two.replicator.status().peers.length === 1)
    expect(clocks()).toEqual([])
    await newer.connection.close()
    await until(() => two.replicator.status().peers.length === 0)
    expect(clocks()).toHaveLength(1)
  })

  test('speak of the own feed where its mark was lost, though both know that they are equal', async () => {
    const fs = new MemoryFileSystem()
    fs.makeFolder('/data')
    await createPublishMark(fs, '/data/publish-mark', keysOf('one').publicKey)
    const one = await TestNode.start('one', { fs })
    const two = await TestNode.start('two', { feeds: [one.id] })
    const three = await TestNode.start('three', { feeds: [one.id] })
    await one.publish('first')
    for (const friend of [two, three]) {
      const { connection } = await one.dial(friend)
      await friend.holds(one.id, 1)
      await until(() => friend.replicator.status().peers[0]?.received === 1)
      await connection.close()
    }
    await one.stop()
    fs.remove('/data/publish-mark')
    const clocks = new PeerClocks({
      files: fs,
      folder: '/data/derived/peer-clocks',
      maxPeers: 10,
      maxBytes: 1_000,
      isFriend: () => true,
      logger: { log: () => {} },
      now: () => 0,
    })
    await clocks.open()
    for (const friend of [two, three]) clocks.save(friend.id, [[one.id, 1, 1]])
    await clocks.close()
    const again = await TestNode.start('one', { fs, feeds: [two.id, three.id] })
    const state = async () => (await again.feed(one.id).status()).publish!.state
    expect(await state()).toBe('recovering')
    await again.dial(two)
    await again.dial(three)
    while ((await state()) !== 'safe') await new Promise((resolve) => setImmediate(resolve))
    await again.publish('second')
    expect(await again.held(one.id)).toBe(2)
  })

  test('confirm to each other how far their own feeds are known', async () => {
    const { one, two } = await pair()
    two.set.request(one.id, true)
    await one.publish('first')
    await one.dial(two)
    await two.holds(one.id, 1)
    await one.peers[0]!.connection.close()
    await one.dial(two)
    await until(() => one.replicator.status().peers[0]?.mode === 'ebt')
    expect(await one.feed(one.id).status()).toMatchObject({ publish: { state: 'safe', held: 1 } })
  })
})

describe('a chain of nodes', () => {
  test('passes feeds on from end to end, live messages included', async () => {
    const alice = new Author('alice')
    const feeds = [alice.id]
    const nodes = await Promise.all(
      ['one', 'two', 'three'].map((name) => TestNode.start(name, { feeds })),
    )
    const [one, two, three] = nodes as [TestNode, TestNode, TestNode]
    await one.dial(two)
    await three.dial(two)
    await one.store(alice, alice.write(10))
    await three.holds(alice.id, 10)
    await one.store(alice, alice.write(1))
    await three.holds(alice.id, 11)
  })
})

describe('blocks', () => {
  test('of an author keep its messages from a peer, over EBT and history streams', async () => {
    const alice = new Author('alice')
    const bob = new Author('bob')
    const { one, two } = await pair([alice, bob])
    one.set.block(alice.id, two.id)
    await one.store(alice, alice.write(3))
    await one.store(bob, bob.write(3))
    await two.dial(one)
    await two.holds(bob.id, 3)
    expect(await two.held(alice.id)).toBe(0)
    const { connection } = two.peers[0]!
    expect(await connection.call('ebt.clock', [{ format: 'classic' }])).toEqual({ [bob.id]: 3 })
    const items: unknown[] = []
    for await (const item of connection.source('createHistoryStream', [{ id: alice.id }])) {
      items.push(item)
    }
    expect(items).toEqual([])
  })

  test('of a peer end the session with it', async () => {
    const { one, two } = await pair()
    await one.dial(two)
    await until(() => one.replicator.status().peers[0]?.mode === 'ebt')
    one.set.block(one.id, two.id)
    expect(one.replicator.status().peers).toEqual([])
  })
})

describe('a peer without EBT', () => {
  const without = ['ebt.replicate', 'ebt.replicateFormat']

  test('is asked for streams of history by who dials it', async () => {
    const alice = new Author('alice')
    const bob = new Author('bob')
    const feeds = [alice.id, bob.id]
    const one = await TestNode.start('one', { feeds })
    const old = await TestNode.start('old', { feeds, without })
    await old.store(alice, alice.write(150))
    await old.store(bob, bob.write(10))
    await one.dial(old)
    await Promise.all([one.holds(alice.id, 150), one.holds(bob.id, 10)])
    await old.store(alice, alice.write(1))
    await one.holds(alice.id, 151)
    expect(one.replicator.status().peers).toMatchObject([{ mode: 'history', received: 161 }])
  })

  test('is asked when it dials and does not begin, and may send out of order and wrapped', async () => {
    const alice = new Author('alice')
    const one = await TestNode.start('one', { feeds: [alice.id], limits: { ebtPatienceMs: 1 } })
    const messages = alice.write(7).map(({ key, value }) => ({ key, value, timestamp: 1 }))
    const asked: unknown[] = []
    await dialAs(keysOf('old'), one, [
      {
        name: 'createHistoryStream',
        type: 'source',
        async *handler(args) {
          asked.push(args[0])
          if ((args[0] as { id: string }).id !== alice.id) return
          for (const at of [0, 2, 1, 6, 5, 4, 3]) yield messages[at]
        },
      },
    ])
    await one.holds(alice.id, 7)
    expect(asked).toContainEqual({ id: alice.id, sequence: 1, live: true, keys: false })
  })

  test('that asks for many streams of history is asked as well', async () => {
    const authors = Array.from({ length: 8 }, (_, at) => new Author(`author ${at}`))
    const one = await TestNode.start('one', { feeds: [authors[0]!.id] })
    const [first] = authors as [Author]
    const [message] = first.write(1)
    const { connection } = await dialAs(keysOf('old'), one, [
      {
        name: 'createHistoryStream',
        type: 'source',
        async *handler(args) {
          if ((args[0] as { id: string }).id === first.id) yield message!.value
        },
      },
    ])
    for (const { id } of authors) {
      for await (const item of connection.source('createHistoryStream', [{ id }])) void item
    }
    await one.holds(first.id, 1)
  })

  test('is left by the stream of a feed that is not wanted any more', async () => {
    const alice = new Author('alice')
    const one = await TestNode.start('one', { feeds: [alice.id], limits: { ebtPatienceMs: 1 } })
    const open = new Set<string>()
    await dialAs(keysOf('old'), one, [
      {
        name: 'createHistoryStream',
        type: 'source',
        async *handler(args, { signal }) {
          const { id } = args[0] as { id: string }
          open.add(id)
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          open.delete(id)
        },
      },
    ])
    await until(() => open.has(one.id) && open.has(alice.id))
    one.set.request(alice.id, false)
    await until(() => !open.has(alice.id))
    expect([...open]).toEqual([one.id])
  })

  test('is asked for more feeds than there are streams, in rounds', async () => {
    const authors = Array.from({ length: 30 }, (_, at) => new Author(`author ${at}`))
    const feeds = authors.map(({ id }) => id)
    const limits = { askedHistoryStreams: 6, historyRoundMs: 20 }
    const one = await TestNode.start('one', { feeds, limits })
    const old = await TestNode.start('old', { feeds, without })
    for (const author of authors) await old.store(author, author.write(3))
    await one.dial(old)
    await Promise.all(feeds.map((id) => one.holds(id, 3)))
    for (const author of authors) await old.store(author, author.write(1))
    await Promise.all(feeds.map((id) => one.holds(id, 4)))
  })
})

describe('streams of history that wait for a shard', () => {
  test('all go on when it has taken what was sent', async () => {
    const authors = Array.from({ length: 5 }, (_, at) => new Author(`author ${at}`))
    const feeds = authors.map(({ id }) => id)
    const limits = { askedHistoryStreams: 12, historyRoundMs: 3_600_000, peerBytes: 1 }
    const one = await TestNode.start('one', { feeds, limits })
    const without = ['ebt.replicate', 'ebt.replicateFormat']
    const old = await TestNode.start('old', { feeds, without })
    for (const author of authors) await old.store(author, author.write(3))
    await one.dial(old)
    await Promise.all(feeds.map((id) => one.holds(id, 3)))
    for (const author of authors) await old.store(author, author.write(1))
    await Promise.all(feeds.map((id) => one.holds(id, 4)))
  })
})

describe('createHistoryStream', () => {
  const read = async (node: TestNode, options: object): Promise<unknown[]> => {
    const { connection } = await dialAs(keysOf('reader'), node)
    const items: unknown[] = []
    for await (const item of connection.source('createHistoryStream', [options])) items.push(item)
    return items
  }

  test('has the options, defaults and shapes of the network', async () => {
    const alice = new Author('alice')
    const one = await TestNode.start('one', { feeds: [alice.id] })
    const messages = alice.write(5)
    await one.store(alice, messages)
    const values = messages.map(({ value }) => value)
    const keys = messages.map(({ key }) => key)
    const { id } = alice
    expect(await read(one, { id })).toEqual(
      messages.map(({ key, value }) => ({ key, value, timestamp: expect.any(Number) })),
    )
    expect(await read(one, { id, keys: false })).toEqual(values)
    expect(await read(one, { id, values: false })).toEqual(keys)
    expect(await read(one, { id, sequence: 4, keys: false })).toEqual(values.slice(3))
    expect(await read(one, { id, seq: 5, keys: false })).toEqual(values.slice(4))
    expect(await read(one, { id, seq: 6, keys: false })).toEqual([])
    expect(await read(one, { id, limit: 2, values: false })).toEqual(keys.slice(0, 2))
    expect(await read(one, { id, limit: -1, values: false })).toEqual(keys)
    expect(await read(one, { id, limit: 0, values: false })).toEqual([])
    expect(await read(one, { id, reverse: true, values: false })).toEqual([...keys].reverse())
    expect(await read(one, { id: new Author('unknown').id })).toEqual([])
    await expect(read(one, { id: '@x' })).rejects.toMatchObject({ code: 'REMOTE_ERROR' })
    await expect(read(one, { id, keys: false, values: false })).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
    })
  })

  test('stays open for live messages, of an unknown feed too, with or without the old ones', async () => {
    const alice = new Author('alice')
    const one = await TestNode.start('one', { feeds: [alice.id] })
    const { connection } = await dialAs(keysOf('reader'), one)
    const { id } = alice
    const open = (options: object) =>
      connection.source('createHistoryStream', [{ id, live: true, values: false, ...options }])
    const empty = open({})
    const first = empty.next()
    const messages = alice.write(3)
    await one.store(alice, messages.slice(0, 1))
    expect((await first).value).toBe(messages[0]!.key)
    const later = open({ old: false })
    const second = later.next()
    expect((await open({}).next()).value).toBe(messages[0]!.key)
    await one.store(alice, messages.slice(1))
    expect((await second).value).toBe(messages[1]!.key)
  })
})

describe('local methods', () => {
  test('tell how a feed stands with each peer, as ssb-ebt does', async () => {
    const alice = new Author('alice')
    const { one, two } = await pair([alice])
    await one.store(alice, alice.write(4))
    await one.dial(two)
    await two.holds(alice.id, 4)
    const method = (name: string) => one.replicator.localMethods.find((each) => each.name === name)!
    const call = {} as Parameters<(typeof one.replicator.localMethods)[0]['handler']>[1]
    expect(method('ebt.peerStatus').handler([alice.id], call)).toMatchObject({
      id: alice.id,
      seq: 4,
      peers: { [two.id]: { seq: 0, replicating: { tx: true, sent: 4 } } },
    })
    expect(method('ebt.clock').handler([], call)).toEqual({ [alice.id]: 4 })
    method('ebt.block').handler([alice.id, two.id], call)
    await one.store(alice, alice.write(1))
    await until(() => {
      const status = method('ebt.peerStatus').handler([alice.id], call)
      return (status as { seq: number }).seq === 5
    })
    expect(method('ebt.peerStatus').handler([alice.id], call)).toMatchObject({
      peers: { [two.id]: { replicating: { tx: false, rx: false, sent: 4 } } },
    })
    method('ebt.request').handler([alice.id, false], call)
    expect(one.set.has(alice.id)).toBe(false)
    const upto: unknown[] = []
    for await (const item of method('replicate.upto').handler([], {
      ...call,
      signal: AbortSignal.timeout(1_000),
    }) as AsyncIterable<unknown>) {
      upto.push(item)
    }
    expect(upto).toEqual([{ id: one.id, sequence: 0 }])
  })
})
