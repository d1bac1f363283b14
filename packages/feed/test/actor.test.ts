import { createClassic } from '@dunbar/formats'
import { describe, expect, test } from 'vitest'
import type { FeedCall } from '../src/protocol.js'
import { feedActorName } from '../src/shard-host.js'
import {
  Author,
  badlySigned,
  batchOf,
  changed,
  collect,
  cpuActor,
  Follower,
  framesOf,
  keysOf,
  reasonsOf,
  TestShard,
  tangleOf,
} from './shard-fixture.js'

const names = (shard: TestShard) => {
  const found: string[] = []
  const visit = (node: unknown) => {
    const { name, children = [] } = node as { name: string; children?: unknown[] }
    found.push(name)
    children.forEach(visit)
  }
  visit(shard.kernel.inspect().tree)
  return found
}

const isAlive = (shard: TestShard, author: Author) =>
  names(shard).includes(feedActorName(author.id))

describe('appending', () => {
  test('stores messages in order and gives them back byte for byte', async () => {
    const author = new Author('ada')
    const messages = author.take(150)
    const shard = await TestShard.open()
    expect(await shard.append(author, messages)).toEqual({ added: 150, known: 0, rejected: [] })
    const frames = await shard.run(collect(shard.feed(author).read({})))
    expect(frames.map(({ message }) => message)).toEqual(
      messages.map(({ compact }) => Buffer.from(compact).toString()),
    )
    expect(frames.map(({ key }) => key)).toEqual(messages.map(({ key }) => key))
    await shard.stop()
  })

  test('counts known messages and stores them once', async () => {
    const author = new Author('ada')
    const messages = author.take(5)
    const shard = await TestShard.open()
    await shard.append(author, messages)
    const { bytes } = await shard.run(shard.feed(author).status())
    const indented = messages.map(({ value }) => Buffer.from(JSON.stringify(value, null, 2)))
    expect(await shard.append(author, [...messages, ...indented])).toEqual({
      added: 0,
      known: 10,
      rejected: [],
    })
    expect((await shard.run(shard.feed(author).status())).bytes).toBe(bytes)
    await shard.stop()
  })

  const author = new Author('ada')
  const [first, second, third] = author.take(3)
  const wrong: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    ['previous of another kind', { previous: author.id }, 'PREVIOUS'],
    ['previous of another message', { previous: third!.key }, 'SIGNATURE'],
    ['sequence of no message', { sequence: 0 }, 'SEQUENCE'],
    ['sequence ahead', { sequence: 7 }, 'GAP'],
    ['author', { author: new Author('eve').id }, 'AUTHOR_MISMATCH'],
    ['author of no feed', { author: 'eve' }, 'AUTHOR'],
    ['timestamp', { timestamp: 'soon' }, 'TIMESTAMP'],
    ['timestamp that was not signed', { timestamp: 1 }, 'SIGNATURE'],
    ['hash', { hash: 'sha1' }, 'HASH'],
    ['content', { content: null }, 'CONTENT'],
    ['content without a type', { content: {} }, 'CONTENT_TYPE'],
    ['content that was not signed', { content: { type: 'post', text: 'x' } }, 'SIGNATURE'],
    ['signature', { signature: 'x' }, 'SIGNATURE_FORM'],
    ['field more', { extra: 1 }, 'FIELDS'],
  ]
  test.each(wrong)(
    'rejects a message with a wrong %s, and nothing else is lost',
    async (_, fields, reason) => {
      const shard = await TestShard.open()
      const result = await shard.append(author, [first!, changed(second!, fields), second!, third!])
      expect({ ...result, rejected: reasonsOf(result.rejected) }).toMatchObject({
        added: 3,
        known: 0,
        rejected: [`${reason}×1`],
      })
      expect(await shard.sequencesOf(author)).toEqual([1, 2, 3])
      await shard.stop()
    },
  )

  test('keeps what is before a bad signature; what follows is a gap', async () => {
    const ada = new Author('ada')
    const messages = ada.take(200)
    const other = new Author('eve').take(1)[0]!
    for (const services of [[], [cpuActor()]]) {
      const shard = await TestShard.open({ services })
      const result = await shard.append(ada, [
        ...messages.slice(0, 149),
        badlySigned(messages[149]!, other),
        ...messages.slice(150),
      ])
      expect(result.added).toBe(149)
      expect(reasonsOf(result.rejected)).toEqual(['GAP×50', 'SIGNATURE×1'])
      expect(await shard.append(ada, messages.slice(149))).toEqual({
        added: 51,
        known: 0,
        rejected: [],
      })
      await shard.stop()
    }
  })

  test('sends batches of a long run to the cpu pool while a core is idle, and a short one nowhere', async () => {
    const ada = new Author('ada')
    const messages = ada.take(700)
    let batchCount = 0
    const { verifySignatureBatch } = await import('../src/signature-batch.js')
    const pool = cpuActor((batch) => {
      batchCount += 1
      return verifySignatureBatch(batch)
    })
    const shard = await TestShard.open({ services: [pool] })
    await shard.append(ada, messages.slice(0, 31))
    expect(batchCount).toBe(0)
    expect((await shard.append(ada, messages.slice(31))).added).toBe(669)
    expect(batchCount).toBeGreaterThan(0)
    await shard.stop()
  })

  test('leaves the cpu pool alone until a feed that peers send has proved to be long', async () => {
    const ada = new Author('ada')
    let batchCount = 0
    const { verifySignatureBatch } = await import('../src/signature-batch.js')
    const pool = cpuActor((batch) => {
      batchCount += 1
      return verifySignatureBatch(batch)
    })
    const shard = await TestShard.open({ services: [pool] })
    const bring = (count: number) => shard.run(shard.shard.ingest(batchOf(ada, ada.take(count))))
    expect((await bring(1_024)).added).toBe(1_024)
    expect((await bring(1_024)).added).toBe(1_024)
    expect(batchCount).toBe(0)
    expect((await bring(400)).added).toBe(400)
    expect(batchCount).toBeGreaterThan(0)
    await shard.stop()
  })

  test('says once that the pool did not answer, and checks the rest by itself', async () => {
    const ada = new Author('ada')
    const messages = ada.take(1200)
    const shard = await TestShard.open()
    expect((await shard.append(ada, messages)).added).toBe(1200)
    expect(shard.log.filter(({ text }) => text.includes('cpu pool'))).toHaveLength(1)
    await shard.stop()
  })

  test('a stranger whose messages are all refused leaves no feed', async () => {
    const shard = await TestShard.open()
    const eve = new Author('eve')
    const result = await shard.append(eve, [Buffer.from('no message'), ...eve.take(2).slice(1)])
    expect(result.added).toBe(0)
    expect(await shard.run(shard.shard.feeds())).toEqual([])
    expect(shard.fs.list('/data/feeds')).toEqual([])
    await shard.stop()
  })

  test('gives messages without an arrival one that rises, and keeps the others', async () => {
    const ada = new Author('ada')
    const messages = ada.take(6)
    const shard = await TestShard.open()
    await shard.append(ada, messages.slice(0, 3))
    await shard.run(shard.feed(ada).append(batchOf(ada, [messages[3]!], 1234.5)))
    const infinite = batchOf(ada, [messages[4]!], Number.POSITIVE_INFINITY)
    expect((await shard.run(shard.feed(ada).append(infinite))).added).toBe(1)
    const received = (await shard.run(collect(shard.feed(ada).read({})))).map(
      (frame) => frame.received,
    )
    expect(received[0]).toBeLessThan(received[1]!)
    expect(received[1]).toBeLessThan(received[2]!)
    expect(received[3]).toBe(1234.5)
    expect(received[4]).toBeGreaterThan(received[2]!)
    await shard.stop()
  })

  test('refuses bytes that are no batch, and goes on', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    const torn = batchOf(ada, ada.take(2)).slice(0, -1)
    expect(await shard.codeOf(shard.feed(ada).append(torn))).toBe('FRAME_TORN')
    expect((await shard.append(ada, ada.messages)).added).toBe(2)
    expect(shard.events).toEqual([])
    await shard.stop()
  })

  test('keys named __proto__ and constructor are stored exactly and do nothing', async () => {
    const ada = new Author('ada')
    const text =
      '{"type":"post","__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"root":{"__proto__":1},"tangles":{"__proto__":{"root":null}}}'
    const message = ada.write(JSON.parse(text))
    const shard = await TestShard.open()
    expect((await shard.append(ada, [message])).added).toBe(1)
    const [frame] = await shard.run(collect(shard.feed(ada).read({})))
    expect(frame!.message).toBe(Buffer.from(message.compact).toString())
    expect(frame!.message).toContain(text)
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
    expect(
      await shard.run(tangleOf(shard, { root: message.key, name: '__proto__' })),
    ).toMatchObject({
      rows: [{ key: message.key, root: null }],
    })
    await shard.stop()
  })
})

describe('messages out of order', () => {
  test('are stored, served, and joined to the chain when it reaches them', async () => {
    const ada = new Author('ada')
    const m = ada.take(6)
    const shard = await TestShard.open()
    expect((await shard.append(ada, [m[2]!, m[4]!], true)).added).toBe(2)
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ sequence: 0, messages: 2 })
    expect(await shard.run(shard.feed(ada).latest())).toBeNull()
    expect((await shard.append(ada, [m[0]!, m[1]!])).added).toBe(2)
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ sequence: 3, messages: 4 })
    expect((await shard.append(ada, m)).added).toBe(2)
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ sequence: 6, messages: 6 })
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3, 4, 5, 6])
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs })
    expect(await again.run(again.feed(ada).status())).toMatchObject({ sequence: 6, messages: 6 })
    expect(await again.run(again.feed(ada).verify())).toEqual({ messages: 6, damaged: [] })
    await again.stop()
  })

  test('twice in one batch are stored once', async () => {
    const ada = new Author('ada')
    const m = ada.take(3)
    const shard = await TestShard.open()
    expect(await shard.append(ada, [m[2]!, m[2]!, m[0]!, m[1]!, m[2]!], true)).toEqual({
      added: 3,
      known: 2,
      rejected: [],
    })
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3])
    await shard.stop()
  })

  test('of another branch never move the head', async () => {
    const ada = new Author('ada')
    const m = ada.take(3)
    const side = ada.sign({ type: 'post', text: 'side' }, m[0]!)
    const after = ada.sign({ type: 'post', text: 'after side' }, side)
    const shard = await TestShard.open()
    await shard.append(ada, [after], true)
    await shard.append(ada, [m[0]!, m[1]!])
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ sequence: 2, messages: 3 })
    await shard.stop()
  })
})

describe('a fork', () => {
  test('takes a good signature: nobody but the author can make a feed look forked', async () => {
    const ada = new Author('ada')
    const m = ada.take(3)
    const eve = new Author('eve').take(1)[0]!
    const side = ada.sign({ type: 'post', text: 'side' }, m[0]!)
    const shard = await TestShard.open()
    await shard.append(ada, m)
    const forged = [
      badlySigned(m[1]!, eve),
      badlySigned(side, eve),
      changed(m[1]!, { timestamp: 5 }),
    ]
    expect(reasonsOf((await shard.append(ada, forged)).rejected)).toEqual(['SIGNATURE×3'])
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ forked: false })
    expect(await shard.run(shard.feed(ada).forks())).toEqual([])
    await shard.stop()
  })

  test('is kept on the disk with both sides, and the feed goes on serving', async () => {
    const ada = new Author('ada')
    const m = ada.take(4)
    const side = ada.sign({ type: 'post', text: 'side' }, m[0]!)
    const shard = await TestShard.open()
    await shard.append(ada, m.slice(0, 3))
    expect(reasonsOf((await shard.append(ada, [side, side])).rejected)).toEqual(['FORK×2'])
    await shard.run(shard.shard.sync())
    for (const image of shard.fs.crashImages('fork', { maxImages: 20 })) {
      const again = await TestShard.open({ fs: image })
      const status = await again.run(again.feed(ada).status())
      expect(status, image.origin).toMatchObject({ forked: true, sequence: 3, state: 'ok' })
      const [evidence, ...more] = await again.run(again.feed(ada).forks())
      expect(more).toEqual([])
      expect(framesOf(evidence!.kept)[0]!.key).toBe(m[1]!.key)
      expect(framesOf(evidence!.refused)[0]!.key).toBe(side.key)
      expect(await again.sequencesOf(ada)).toEqual([1, 2, 3])
      expect((await again.append(ada, [m[3]!])).added).toBe(1)
      await again.stop()
    }
    await shard.stop()
  })
})

describe('what is asked of a feed', () => {
  test('get gives the message at a sequence, and null for what is no sequence', async () => {
    const ada = new Author('ada')
    const m = ada.take(3)
    const shard = await TestShard.open()
    await shard.append(ada, m)
    expect(framesOf((await shard.run(shard.feed(ada).get(2)))!)[0]!.key).toBe(m[1]!.key)
    for (const sequence of [0, -1, 4, 1.5, Number.NaN, 1e300, Number.POSITIVE_INFINITY]) {
      expect(await shard.run(shard.feed(ada).get(sequence))).toBeNull()
    }
    expect(await shard.run(shard.feed(new Author('nobody')).get(1))).toBeNull()
    await shard.stop()
  })

  test('a call or stream that it does not know is refused, and the actor lives on', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    const { router } = shard.kernel
    const unknown = { op: 'constructor' } as unknown as FeedCall
    expect(await shard.codeOf(router.call(feedActorName(ada.id), unknown))).toBe('UNKNOWN_CALL')
    const stream = router.stream(feedActorName(ada.id), { op: 'status' })
    expect(await shard.codeOf(stream.next())).toBe('UNKNOWN_CALL')
    expect(shard.events).toEqual([])
    await shard.stop()
  })

  test('publishing to a feed of another is refused', async () => {
    const shard = await TestShard.open({ own: keysOf('own') })
    const ada = new Author('ada')
    expect(await shard.codeOf(shard.feed(ada).publish('{"type":"post"}'))).toBe('NOT_OWN_FEED')
    await shard.stop()
  })

  test('status of a feed that is not held is that of an empty one', async () => {
    const shard = await TestShard.open()
    const ada = new Author('ada')
    expect(await shard.run(shard.feed(ada).status())).toEqual({
      id: ada.id,
      sequence: 0,
      messages: 0,
      bytes: 0,
      state: 'ok',
      forked: false,
      active: true,
    })
    await shard.stop()
  })
})

describe('an idle actor', () => {
  test('passivates, gives back its file, and comes back on mail', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, ada.take(3))
    await shard.run(shard.shard.sync())
    await shard.simulation.advance(600)
    await shard.run(shard.feed(ada).status())
    await shard.simulation.advance(600)
    expect(isAlive(shard, ada)).toBe(true)
    await shard.simulation.advance(1000)
    expect(isAlive(shard, ada)).toBe(false)
    expect(shard.fs.openFileCount).toBe(0)
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3])
    expect(isAlive(shard, ada)).toBe(true)
    await shard.stop()
  })

  test('passivates too where it was only ever read from', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, ada.take(3))
    await shard.simulation.advance(5000)
    expect(isAlive(shard, ada)).toBe(false)
    await shard.sequencesOf(ada)
    expect(isAlive(shard, ada)).toBe(true)
    await shard.simulation.advance(5000)
    expect(isAlive(shard, ada)).toBe(false)
    await shard.stop()
  })

  test('stays while a live stream is open, and goes when the reader left', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, ada.take(1))
    const follower = new Follower(shard.feed(ada).read({ live: true }))
    await shard.simulation.advance(20_000)
    expect(isAlive(shard, ada)).toBe(true)
    await shard.append(ada, ada.take(1))
    await shard.simulation.advance(20_000)
    expect(follower.sequences).toEqual([1, 'sync', 2])
    await follower.leave()
    await shard.simulation.advance(20_000)
    expect(isAlive(shard, ada)).toBe(false)
    await shard.stop()
  })

  test('a refused stream does not keep it', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, ada.take(1))
    expect(await shard.codeOf(shard.feed(ada).read({ limit: Number.NaN }).next())).toBe(
      'REQUEST_INVALID',
    )
    await shard.simulation.advance(20_000)
    expect(isAlive(shard, ada)).toBe(false)
    await shard.stop()
  })
})

describe('trouble with the disk', () => {
  test('a full disk refuses the append, the node goes on, and takes it when there is room', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(3))
    shard.fs.failAt(shard.fs.callCount, 'ENOSPC')
    const more = ada.take(80)
    expect(await shard.codeOf(shard.feed(ada).append(batchOf(ada, more)))).toBe('STORE_FULL')
    expect(await shard.codeOf(shard.feed(ben).append(batchOf(ben, ben.take(1))))).toBe('STORE_FULL')
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3])
    expect(shard.events).toEqual([])
    shard.fs.heal()
    expect((await shard.append(ada, more)).added).toBe(80)
    expect((await shard.append(ben, ben.messages)).added).toBe(1)
    expect(await shard.run(shard.feed(ada).verify())).toEqual({ messages: 83, damaged: [] })
    await shard.stop()
  })

  test('a failing disk crashes the actor, and one that keeps crashing is set aside alone', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(3))
    await shard.append(ben, ben.take(3))
    const [next] = ada.take(1)
    for (let crash = 0; crash < 4; crash++) {
      shard.fs.failAt(shard.fs.callCount, 'EIO')
      expect(await shard.codeOf(shard.feed(ada).append(batchOf(ada, [next!])))).toBe('ACTOR_DOWN')
    }
    expect(await shard.codeOf(shard.feed(ada).status())).toBe('ACTOR_QUARANTINED')
    expect((await shard.append(ben, ben.take(1))).added).toBe(1)
    expect(await shard.run(shard.shard.feeds())).toMatchObject(
      [
        { id: ada.id, state: 'quarantined', sequence: 3 },
        { id: ben.id, state: 'ok', sequence: 4 },
      ].sort((left, right) => (left.id < right.id ? -1 : 1)),
    )
    expect((await shard.run(shard.shard.status())).quarantined).toEqual([ada.id])
    const result = await shard.run(shard.shard.ingest(batchOf(ada, [next!])))
    expect(reasonsOf(result.rejected)).toEqual(['ACTOR_QUARANTINED×1'])
    expect(shard.kernel.release(feedActorName(ada.id))).toBe(true)
    expect((await shard.append(ada, [next!])).added).toBe(1)
    expect((await shard.run(shard.shard.status())).quarantined).toEqual([])
    await shard.stop()
  })

  test('a crash in the middle of a run leaves the pool to others', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    let batchCount = 0
    const { verifySignatureBatch } = await import('../src/signature-batch.js')
    const pool = cpuActor((batch) => {
      batchCount += 1
      return verifySignatureBatch(batch)
    })
    const shard = await TestShard.open({ services: [pool] })
    await shard.append(ada, ada.take(1))
    const long = ada.take(300)
    shard.fs.failAt(shard.fs.callCount, 'EIO')
    expect(await shard.codeOf(shard.feed(ada).append(batchOf(ada, long)))).toBe('ACTOR_DOWN')
    batchCount = 0
    expect((await shard.append(ben, ben.take(400))).added).toBe(400)
    expect(batchCount).toBeGreaterThan(0)
    await shard.stop()
  })

  test('a message that was damaged on the disk is replaced when it comes again', async () => {
    const ada = new Author('ada')
    const m = ada.take(5)
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, m)
    await shard.run(shard.shard.sync())
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    shard.fs.corrupt(path, 52 + m[0]!.compact.length + 52 + 100)
    expect(await shard.codeOf(shard.feed(ada).get(2))).toBe('STORE_ROW_DAMAGED')
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ state: 'damaged' })
    expect(await shard.run(shard.feed(ada).verify())).toEqual({
      messages: 5,
      damaged: [{ sequence: 2, reason: 'FRAME_DAMAGED' }],
    })
    expect(await shard.append(ada, m)).toEqual({ added: 1, known: 4, rejected: [] })
    expect(await shard.run(shard.feed(ada).status())).toMatchObject({ sequence: 5, state: 'ok' })
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3, 4, 5])
    await shard.stop()
  })

  test('rebuild folds one feed again and tells how many messages it has', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(5))
    expect(await shard.run(shard.feed(ada).rebuild())).toEqual({ messages: 5 })
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3, 4, 5])
    expect(await shard.run(shard.feed(new Author('nobody')).rebuild())).toEqual({ messages: 0 })
    await shard.stop()
  })
})

test('a message of another network is refused by its signature', async () => {
  const ada = new Author('ada')
  const hmacKey = new Uint8Array(32).fill(3)
  const content = { type: 'post', text: 'elsewhere' }
  const elsewhere = createClassic({ keys: ada.keys, head: null, timestamp: 1, content, hmacKey })
  const shard = await TestShard.open()
  expect(reasonsOf((await shard.append(ada, [elsewhere])).rejected)).toEqual(['SIGNATURE×1'])
  const there = await TestShard.open({ data: { hmacKey } })
  expect((await there.append(ada, [elsewhere])).added).toBe(1)
  expect(await there.run(there.feed(ada).verify())).toEqual({ messages: 1, damaged: [] })
  await shard.stop()
  await there.stop()
})
