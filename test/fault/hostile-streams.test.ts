import { generateKeys } from '@dunbar/core'
import { type Method, RawJson } from '@dunbar/wire'
import { expect, test } from 'vitest'
import { AttackedNode } from '../fixtures/attacked-node.js'
import { STREAM_FLAGS } from '../fixtures/raw-connection.js'
import { Author, CLASSIC, EbtScript } from '../fixtures/replication-script.js'
import { collect } from '../fixtures/running-node.js'

/** Peers that open more streams than they need, with words that mean nothing, or never read them. */

/** Above what the idle node takes: 64 MiB that it may hold, and what is garbage by then. */
const MAX_GROWTH_BYTES = 96 * 2 ** 20

const refusal = (error: unknown) => (error as { data?: { message?: string } }).data?.message

test('streams of history without end are given up to a number, and all are given back', async () => {
  const node = await AttackedNode.start()
  const { connection } = await node.dial()
  const streams = Array.from({ length: 1_000 }, () =>
    connection.source('createHistoryStream', [{ id: node.alice.id, live: true }]),
  )
  const outcomes = streams.map((stream) => stream.next().then(() => 'over', refusal))
  const words = new Set(await Promise.all(outcomes.slice(64)))
  expect(words).toEqual(new Set(['too many open streams, 64 are allowed']))
  await node.expectServing()
  for (const stream of streams.slice(0, 64)) void stream.return?.()
  await Promise.all(outcomes)
  const message = node.alice.write(1)[0]!
  node.friendSays({ [node.alice.id]: 2 }, message.value)
  await node.holds(node.alice.id, 1)
  // Its streams are given back once they are tidied up.
  for (let found: unknown[] = []; found.length === 0; ) {
    const again = connection.source('createHistoryStream', [{ id: node.alice.id }])
    found = await collect(again).catch(() => [])
  }
  await node.expectServing()
})

test('sessions without end are refused after a number, and the last one given goes on', async () => {
  const node = await AttackedNode.start()
  const caller = await node.dial()
  const given: EbtScript[] = []
  for (let count = 0; count < 300; count++) {
    const session = new EbtScript(caller)
    const isGiven = await session.hears(() => true).then(() => true, refusal)
    if (isGiven === true) given.push(session)
    else expect(isGiven).toBe('sessions were asked for too often, wait a minute')
  }
  expect(given).toHaveLength(60)
  const [message] = node.alice.write(1)
  given.at(-1)!.say({ [node.alice.id]: 2 }, message!.value)
  await node.holds(node.alice.id, 1)
  const { network } = await node.status()
  expect(network.replication.refusedCalls).toEqual({ TOO_OFTEN: 240 })
  await node.expectServing()
})

test('sessions of another version or format are refused with the words that others know', async () => {
  const node = await AttackedNode.start()
  const caller = await node.dial()
  const wordsFor = async (options: unknown) => refusal(await new EbtScript(caller, options).ended)
  const version = 'expected ebt.replicate({version: 3})'
  for (const options of [null, {}, { version: 2 }, { version: '3' }, { version: [3] }]) {
    expect(await wordsFor(options)).toBe(version)
  }
  for (const format of ['indexed-v1', 'constructor', '__proto__', '', 7]) {
    expect(await wordsFor({ version: 3, format })).toBe(`Unknown format: ${format}`)
  }
  for (const format of [{ toString: 1, valueOf: 1 }, [], ['classic'], false, 'x'.repeat(50_000)]) {
    expect(await wordsFor({ version: 3, format })).toMatch(/^(Unknown format: .{0,64}|internal)/)
  }
  for (const options of ['text', 7, true, [CLASSIC]]) {
    expect(await wordsFor(options)).toBe('ebt.replicate: expected an object of options')
  }
  await node.expectServing()
})

test('clocks are given some times a minute', async () => {
  const node = await AttackedNode.start()
  const { connection } = await node.dial()
  const asked = Array.from({ length: 100 }, () =>
    connection.call('ebt.clock').then(() => '', refusal),
  )
  const words = await Promise.all(asked)
  expect(words.slice(0, 30)).toEqual(new Array(30).fill(''))
  expect(new Set(words.slice(30))).toEqual(
    new Set(['clocks were asked for too often, wait a minute']),
  )
  await node.expectServing()
})

test('streams of history with absurd options give what those mean, or an error', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const messages = alice.write(3)
  node.friendSays({ [alice.id]: 6 }, ...messages.map(({ value }) => value))
  await node.holds(alice.id, 3)
  const { connection } = await node.dial()
  const count = async (options: unknown, ...more: unknown[]) => {
    const stream = connection.source('createHistoryStream', [options, ...more])
    return collect(stream).then((items) => items.length, refusal)
  }
  const { id } = alice
  expect(await count({ id, limit: -1 })).toBe(3)
  expect(await count({ id, limit: 0 })).toBe(0)
  expect(await count({ id, limit: 0.5 })).toBe(0)
  expect(await count({ id, limit: 1e300 })).toBe(3)
  expect(await count({ id, limit: -1e300 })).toBe(3)
  expect(await count({ id, sequence: -1 })).toBe(3)
  expect(await count({ id, sequence: -1e300, reverse: true, limit: 2 })).toBe(2)
  expect(await count({ id, sequence: 1e300 })).toBe(0)
  expect(await count({ id, sequence: 2 ** 53 })).toBe(0)
  expect(await count({ id, sequence: 1.5 })).toBe(2)
  expect(await count({ id, sequence: 4_294_967_297 })).toBe(0)
  expect(await count({ id, gt: 1e300, lt: -1, gte: {}, reverse: true })).toBe(3)
  expect(await count({ id, old: false })).toBe(0)
  expect(await count({ id, keys: false, values: true, __proto__: { live: true } })).toBe(3)
  expect(await count(id, 2)).toBe(2)
  expect(await count({ id: node.id.replace('@', '%') })).toMatch(/expected a feed id/)
  for (const [options, text] of [
    [{ id, limit: 'all' }, 'limit must be a number'],
    [{ id, sequence: {} }, 'sequence must be a number'],
    [{ id, live: 1 }, 'live must be true or false'],
    [{ id, keys: false, values: false }, 'keys or values must be asked for'],
    [{}, 'expected a feed id'],
    [{ id: { toString: 1 } }, 'expected a feed id'],
    [{ id: '@'.repeat(50_000) }, 'expected a feed id'],
    [[id], 'expected an object of options'],
  ] as const) {
    expect(await count(options)).toContain(text)
  }
  const before = (await node.status()).activeFeeds
  for (let asked = 0; asked < 200; asked++) expect(await count({ id: generateKeys().id })).toBe(0)
  expect((await node.status()).activeFeeds).toBe(before)
  await node.expectServing()
})

test('a peer that asks for everything and reads nothing holds up itself alone', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const content = { type: 'post', text: 'x'.repeat(7_500) }
  for (let count = 0; count < 3_000; count++) {
    alice.messages.push(alice.sign(alice.messages.at(-1) ?? null, content))
  }
  const { messages } = alice
  node.friendSays({ [alice.id]: 6_000 }, ...messages.map(({ compact }) => new RawJson(compact)))
  await node.holds(alice.id, 3_000)
  const deaf = await node.hostile()
  const attack = async () => {
    deaf.request(STREAM_FLAGS, 1, { name: ['ebt', 'replicate'], args: [CLASSIC], type: 'duplex' })
    deaf.request(STREAM_FLAGS, 1, { [alice.id]: 0, [node.friend.id]: 0, [node.id]: 0 })
    for (let number = 2; number <= 64; number++) {
      const args = [{ id: alice.id, live: true }]
      deaf.request(STREAM_FLAGS, number, { name: ['createHistoryStream'], args, type: 'source' })
    }
    const reader = await node.session()
    reader.say({ [alice.id]: 0 })
    await reader.hearsMessage(alice.id, 3_000)
    await node.expectServing()
  }
  expect(await node.growthWhile(attack())).toBeLessThan(MAX_GROWTH_BYTES)
  expect(deaf.isClosed).toBe(false)
})

test('an identity that connects twice has one connection, and its sessions go on there', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const keys = generateKeys()
  const older = await node.dial(keys)
  const olderSession = await node.session(older)
  olderSession.say({ [alice.id]: 20 })
  await node.statusWhere(({ network }) => network.replication.behind > 0)
  const newer = await node.dial(keys)
  await older.connection.closed
  const session = await node.session(newer)
  session.say({ [alice.id]: 2 }, alice.write(1)[0]!.value)
  await node.holds(alice.id, 1)
  const { network } = await node.status()
  expect(network.replication.peers.filter(({ id }) => id === keys.id)).toHaveLength(1)
  expect(network.peers).toHaveLength(2)
  await node.expectServing()
})

test('streams of history that leave out messages, asked of a peer without EBT, hold few of the others', async () => {
  const node = await AttackedNode.start()
  const authors = Array.from({ length: 100 }, () => new Author())
  for (const { id } of authors) await node.replicate(id)
  let askedCount = 0
  const history: Method = {
    name: 'createHistoryStream',
    type: 'source',
    async *handler([options]) {
      askedCount += 1
      const { id } = options as { id: string }
      for (let sequence = 3; ; sequence++) {
        const head = `{"previous":null,"author":"${id}","sequence":${sequence},`
        yield new RawJson(Buffer.from(`${head}"content":"${'x'.repeat(60_000)}"}`))
      }
    },
  }
  const peer = await node.dial(generateKeys(), [history])
  const attack = async () => {
    collect(peer.connection.source('createHistoryStream', [{ id: node.id }])).catch(() => {})
    // As many as are asked at once. A stream that is left counts until the other side has heard of that;
    // where it has not, further ones are refused, and their feeds wait for the next round, a minute.
    await node.statusWhere(({ network }) =>
      network.replication.peers.some(({ mode, useless }) => mode === 'history' && useless >= 60),
    )
  }
  expect(await node.growthWhile(attack())).toBeLessThan(MAX_GROWTH_BYTES)
  expect(askedCount).toBeGreaterThanOrEqual(60)
  await node.expectServing()
})
