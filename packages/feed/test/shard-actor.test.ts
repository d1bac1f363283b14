import { messageKeyToBytes } from '@dunbar/core'
import { generateMessages } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { IngestWriter } from '../src/ingest-batch.js'
import type { ShardCall } from '../src/protocol.js'
import { feedActorName, shardActorName } from '../src/shard-host.js'
import {
  Author,
  badlySigned,
  batchOf,
  collect,
  framesOf,
  keysOf,
  pushAll,
  reasonsOf,
  TestShard,
} from './shard-fixture.js'

describe('ingesting', () => {
  test('takes messages of many feeds in one batch and adds up what became of them', async () => {
    const messages = [...generateMessages({ feeds: 12, messages: 400, seed: 5 })]
    const writer = new IngestWriter()
    for (const { author, value, timestamp } of messages) {
      pushAll(writer, { id: author }, [value], timestamp)
    }
    const batch = writer.finish()
    const shard = await TestShard.open()
    expect(await shard.run(shard.shard.ingest(batch.slice(0)))).toEqual({
      added: 400,
      known: 0,
      rejected: [],
    })
    expect(await shard.run(shard.shard.ingest(batch))).toEqual({
      added: 0,
      known: 400,
      rejected: [],
    })
    const frames = await shard.run(collect(shard.shard.query({ order: 'received' })))
    expect(frames.map(({ key }) => key)).toEqual(messages.map(({ key }) => key))
    expect(frames.map(({ received }) => received)).toEqual(
      messages.map(({ timestamp }) => timestamp),
    )
    await shard.stop()
  })

  test('tells live readers of a bulk in few pieces, and of all with the answer to its batch', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    const clock = shard.shard.clock(true)[Symbol.asyncIterator]()
    expect((await shard.run(clock.next())).value).toEqual({ sync: true })
    await shard.run(shard.shard.ingest(batchOf(ada, ada.take(100)), true))
    const { value } = await shard.run(clock.next())
    expect([...(value as { sequences: Uint32Array }).sequences]).toEqual([100])
    await shard.stop()
  })

  test('tells the first refusal of each feed, and of 100 feeds at most', async () => {
    const [ada, ben, cleo] = [new Author('ada'), new Author('ben'), new Author('cleo')]
    const [adas, bens] = [ada.take(3), ben.take(4)]
    const writer = new IngestWriter()
    pushAll(writer, ada, [adas[0]!, badlySigned(adas[1]!, bens[0]!), adas[2]!])
    pushAll(writer, ben, [bens[0]!, bens[3]!, badlySigned(bens[1]!, adas[0]!)])
    pushAll(writer, cleo, [Buffer.from('{}')])
    const shard = await TestShard.open()
    const { refused } = await shard.run(shard.shard.ingest(writer.finish()))
    expect(new Map(refused!.map(({ author, ...rest }) => [author, rest]))).toEqual(
      new Map([
        [ada.id, { sequence: 2, reason: 'SIGNATURE' }],
        [ben.id, { sequence: 4, reason: 'GAP' }],
        [cleo.id, { sequence: 0, reason: 'FIELDS' }],
      ]),
    )
    const many = new IngestWriter()
    for (let count = 0; count < 120; count++) {
      pushAll(many, new Author(`stranger ${count}`), [Buffer.from('{}')])
    }
    expect((await shard.run(shard.shard.ingest(many.finish()))).refused).toHaveLength(100)
    await shard.stop()
  })

  test('counts what it refuses by reason, feed by feed, and loses nothing else', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const [adas, bens] = [ada.take(4), ben.take(4)]
    const writer = new IngestWriter()
    pushAll(writer, ada, [adas[0]!, badlySigned(adas[1]!, bens[0]!), adas[2]!])
    pushAll(writer, ben, bens)
    pushAll(writer, ben, [adas[1]!, Buffer.from('{}')])
    const shard = await TestShard.open()
    const result = await shard.run(shard.shard.ingest(writer.finish()))
    expect({ ...result, rejected: reasonsOf(result.rejected) }).toMatchObject({
      added: 5,
      known: 0,
      rejected: ['AUTHOR_MISMATCH×1', 'FIELDS×1', 'GAP×1', 'SIGNATURE×1'],
    })
    await shard.stop()
  })

  test('refuses messages of feeds that live in another shard', async () => {
    const authors = Array.from({ length: 8 }, (_, number) => new Author(`author ${number}`))
    const writer = new IngestWriter()
    for (const author of authors) pushAll(writer, author, author.take(2))
    const shard = await TestShard.open({ data: { shards: 2 } })
    const result = await shard.run(shard.shard.ingest(writer.finish()))
    const here = authors.filter(({ keys }) => keys.publicKey[0]! % 2 === 0)
    expect(here.length).toBeGreaterThan(0)
    expect(here.length).toBeLessThan(8)
    expect(result.added).toBe(2 * here.length)
    expect(reasonsOf(result.rejected)).toEqual([`ACTOR_UNKNOWN×${16 - 2 * here.length}`])
    await shard.stop()
  })

  test('refuses bytes that are no batch', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    const torn = batchOf(ada, ada.take(2)).slice(0, -1)
    expect(await shard.codeOf(shard.shard.ingest(torn))).toBe('FRAME_TORN')
    expect(await shard.run(shard.shard.ingest(new ArrayBuffer(0)))).toEqual({
      added: 0,
      known: 0,
      rejected: [],
    })
    await shard.stop()
  })

  test('a full disk is told as the reason, and what has room later is taken', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.run(shard.shard.ingest(batchOf(ada, ada.take(1))))
    shard.fs.failAt(shard.fs.callCount, 'ENOSPC')
    const more = ada.take(3)
    const result = await shard.run(shard.shard.ingest(batchOf(ada, more)))
    expect({ added: result.added, rejected: reasonsOf(result.rejected) }).toEqual({
      added: 0,
      rejected: ['STORE_FULL×3'],
    })
    shard.fs.heal()
    expect((await shard.run(shard.shard.ingest(batchOf(ada, more)))).added).toBe(3)
    await shard.stop()
  })

  test('queries and the own post are answered while it goes on', async () => {
    const own = new Author('own')
    const authors = [0, 1, 2, 3].map((number) => new Author(`author ${number}`))
    const writer = new IngestWriter()
    for (const author of authors) pushAll(writer, author, author.take(500))
    const shard = await TestShard.open({ own: own.keys, lookMs: 1 })
    let isIngested = false
    const ingested = shard.shard.ingest(writer.finish()).then((result) => {
      isIngested = true
      return result
    })
    const turn = () =>
      new Promise<void>((resolve) => {
        shard.simulation.schedule('test', 'turn', 0, resolve)
      })
    let storedCount = 0
    while (storedCount < 10) {
      await shard.run(turn())
      storedCount = (await shard.run(shard.shard.status())).messages
    }
    expect(storedCount).toBeLessThan(1000)
    await shard.publish(own.keys, { type: 'post', text: 'first' })
    const stream = shard.shard.query({ order: 'received', limit: 10 })
    expect(await shard.run(collect(stream))).toHaveLength(10)
    expect(await shard.sequencesOf(own)).toEqual([1])
    expect(isIngested).toBe(false)
    expect((await shard.run(shard.shard.status())).messages).toBeLessThan(2001)
    expect((await shard.run(ingested)).added).toBe(2000)
    await shard.stop()
  })
})

describe('what is asked of a shard', () => {
  test('getByKey finds a message, and refuses what is no key', async () => {
    const ada = new Author('ada')
    const [first] = ada.take(2)
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    const frame = await shard.run(shard.shard.getByKey(messageKeyToBytes(first!.key)))
    expect(framesOf(frame!)[0]!.key).toBe(first!.key)
    expect(await shard.run(shard.shard.getByKey(new Uint8Array(32)))).toBeNull()
    const wrong = [new Uint8Array(31), new Uint8Array(0), 'key' as unknown as Uint8Array]
    for (const key of wrong) {
      expect(await shard.codeOf(shard.shard.getByKey(key))).toBe('REQUEST_INVALID')
    }
    await shard.stop()
  })

  test('contacts are the latest word of each author on each other one', async () => {
    const [ada, ben, eve] = ['ada', 'ben', 'eve'].map((name) => new Author(name)) as [
      Author,
      Author,
      Author,
    ]
    ada.write({ type: 'contact', contact: ben.id, following: true })
    ada.write({ type: 'contact', contact: eve.id, following: true })
    ada.write({ type: 'contact', contact: eve.id, blocking: true })
    ben.write({ type: 'contact', contact: ada.id, following: true })
    ben.write({ type: 'contact', contact: ada.id, following: false })
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    await shard.append(ben, ben.messages)
    const rows = await shard.run(shard.shard.contacts([ada.id, ben.id, eve.id]))
    const told = rows.map(({ source, dest, state }) => [source, dest, state].join(' ')).sort()
    expect(told).toEqual(
      [`${ada.id} ${ben.id} 1`, `${ada.id} ${eve.id} -1`, `${ben.id} ${ada.id} 0`].sort(),
    )
    expect(await shard.codeOf(shard.shard.contacts(['x' as Author['id']]))).toBe('REQUEST_INVALID')
    await shard.stop()
  })

  test('names are those that feeds gave themselves', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    ada.write({ type: 'about', about: ada.id, name: 'Ada' })
    ada.write({ type: 'about', about: ada.id, name: '__proto__' })
    ada.write({ type: 'about', about: ben.id, name: 'Benny' })
    ben.take(1)
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    await shard.append(ben, ben.messages)
    const asked = [ada.id, ben.id, keysOf('nobody').id]
    expect(await shard.run(shard.shard.names(asked))).toEqual([{ id: ada.id, name: '__proto__' }])
    expect(await shard.codeOf(shard.shard.names(null as unknown as []))).toBe('REQUEST_INVALID')
    await shard.stop()
  })

  test('feeds are told by id, with what is held of each', async () => {
    const authors = Array.from({ length: 6 }, (_, number) => new Author(`author ${number}`))
    const shard = await TestShard.open()
    for (const [at, author] of authors.entries()) await shard.append(author, author.take(at + 1))
    const feeds = await shard.run(shard.shard.feeds())
    expect(feeds.map(({ id }) => id)).toEqual(authors.map(({ id }) => id).sort())
    for (const { id, sequence, messages, bytes, state, forked } of feeds) {
      const author = authors.find((each) => each.id === id)!
      const logBytes = author.messages.reduce((sum, { compact }) => sum + 52 + compact.length, 0)
      expect({ sequence, messages, bytes, state, forked }).toEqual({
        sequence: author.messages.length,
        messages: author.messages.length,
        bytes: logBytes,
        state: 'ok',
        forked: false,
      })
    }
    expect(await shard.run(shard.shard.status())).toMatchObject({
      shard: 0,
      feeds: 6,
      messages: 21,
      quarantined: [],
      damaged: [],
    })
    await shard.stop()
  })

  test('sync answers when all that was appended is on the disk', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(5))
    expect(shard.fs.unsyncedCount).toBeGreaterThan(0)
    expect(await shard.run(shard.shard.sync())).toBeNull()
    expect(shard.fs.unsyncedCount).toBe(0)
    await shard.stop()
  })

  test('a sync that fails is refused, and the shard lives on', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(5))
    for (let call = 0; call < 12; call++) shard.fs.failAt(shard.fs.callCount + call, 'EIO')
    expect(await shard.codeOf(shard.shard.sync())).toBe('STORE_SYNC_FAILED')
    shard.fs.heal()
    expect((await shard.run(shard.shard.status())).quarantined).toEqual([ada.id])
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3, 4, 5])
    expect(await shard.codeOf(shard.feed(ada).append(batchOf(ada, ada.take(1))))).toBe(
      'FEED_QUARANTINED',
    )
    expect(shard.events).toEqual([])
    await shard.stop()
  })

  test('after a checkpoint a start reads no log', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(50))
    expect(await shard.run(shard.shard.checkpoint())).toBeNull()
    await shard.stop()
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    const fs = shard.fs.fork()
    fs.failReadsOf(path)
    const again = await TestShard.open({ fs })
    expect(await again.run(again.feed(ada).status())).toMatchObject({ sequence: 50 })
    await again.stop()
  })

  test('a call or stream that it does not know is refused', async () => {
    const shard = await TestShard.open()
    const { router } = shard.kernel
    const call = { op: 'constructor' } as unknown as ShardCall
    expect(await shard.codeOf(router.call(shardActorName(0), call))).toBe('UNKNOWN_CALL')
    expect(await shard.codeOf(router.stream(shardActorName(0), call).next())).toBe('UNKNOWN_CALL')
    expect(shard.events).toEqual([])
    await shard.stop()
  })

  test('names of no feed stand for nobody', async () => {
    const shard = await TestShard.open()
    for (const id of ['', 'x', '../../etc', `${keysOf('ada').id}x`]) {
      const asked = shard.kernel.router.call(feedActorName(id as Author['id']), { op: 'status' })
      expect(await shard.codeOf(asked)).toBe('ACTOR_UNKNOWN')
    }
    await shard.stop()
  })
})
