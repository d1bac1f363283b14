import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from '@dunbar/core'
import { RawJson } from '@dunbar/wire'
import { expect, test } from 'vitest'
import { AttackedNode } from '../fixtures/attacked-node.js'
import { rawFrame, STREAM_FLAGS } from '../fixtures/raw-connection.js'
import { CLASSIC } from '../fixtures/replication-script.js'

/** Peers whose clocks lie. */

/** Above what the idle node takes: 64 MiB that it may hold, and what is garbage by then. */
const MAX_GROWTH_BYTES = 96 * 2 ** 20

/** Notes about feeds that nobody knows. */
function strangeNotes(count: number): RawJson {
  const notes: string[] = []
  for (let at = 0; at < count; at++) {
    notes.push(`"@${Buffer.from(randomBytes(32)).toString('base64')}.ed25519":2`)
  }
  return new RawJson(Buffer.from(`{${notes.join(',')}}`))
}

test('a million unknown feeds cost a bounded memory, and their peer its connection', async () => {
  const node = await AttackedNode.start()
  const peer = await node.dial()
  const session = await node.session(peer)
  const attack = async () => {
    for (let frame = 0; frame < 20; frame++) {
      session.say(strangeNotes(50_000))
      await new Promise(setImmediate)
    }
    await peer.connection.closed
  }
  expect(await node.growthWhile(attack())).toBeLessThan(MAX_GROWTH_BYTES)
  const { network } = await node.status()
  expect(network.replication).toMatchObject({ feeds: 3, letGo: { 'many-notes': 1 } })
  // What it said of feeds that are not replicated is kept nowhere.
  const kept = readdirSync(join(node.program.ready.path, 'derived', 'peer-clocks'))
  expect(kept).toEqual(['running'])
  await node.expectServing()
})

test('a million of them in one frame are refused at its header', async () => {
  const node = await AttackedNode.start()
  const peer = await node.hostile()
  peer.request(STREAM_FLAGS, 1, { name: ['ebt', 'replicate'], args: [CLASSIC], type: 'duplex' })
  const header = rawFrame(STREAM_FLAGS, 1, '')
  header.writeUInt32BE(58_000_000, 1)
  const attack = async () => {
    peer.sendInside(header, Buffer.alloc(58_000_000, 0x20))
    await peer.closed()
  }
  expect(await node.growthWhile(attack())).toBeLessThan(MAX_GROWTH_BYTES)
  const { network } = await node.statusWhere(({ network }) => network.peers.length === 1)
  expect(network.refused.broken).toEqual({ FRAME_TOO_LARGE: 1 })
  await node.expectServing()
})

test('values and names that mean nothing change nothing', async () => {
  const node = await AttackedNode.start()
  const session = await node.session()
  const { alice } = node
  const before = (await node.status()).network.replication.behind
  const values = ['1e300', '0.5', '-0.5', '2147483648', '1e999', '"7"', 'null', 'true', '', 'NaN']
  const nested = ['[]', '{}', '[[[[1]]]]', '{"sequence":7}', `{"${alice.id}":8}`]
  for (const value of [...values, ...nested]) {
    session.say(new RawJson(Buffer.from(`{"${alice.id}":${value}}`)))
  }
  session.say(
    { '@no feed': 4, constructor: 3, toString: 5, '': 1 },
    new RawJson(Buffer.from('{"@":1,"__proto__":{"polluted":2},"constructor":{"prototype":3}}')),
    new RawJson(Buffer.from(`{"@":1,"__proto__":2,"${alice.id.replace('@', '%')}":8}`)),
    new RawJson(Buffer.from(`{"${'@'.repeat(53)}":8,"@${'='.repeat(44)}.ed25519":8}`)),
    { clock: null },
    { clock: [alice.id, 8] },
    { clock: { clock: { [alice.id]: 8 } } },
    [],
    7,
    'text',
    null,
    Buffer.from('bytes'),
    { [alice.id]: -1e9 },
  )
  // Whatever was said before is read by then.
  session.say({ [node.friend.id]: 2 ** 20 })
  await session.hears((item) => item[node.friend.id] === 1)
  expect((await node.status()).network.replication.behind).toBe(before)
  await node.expectServing()
})

test('a clock that goes back has its peer served again from there', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const messages = alice.write(5)
  node.friendSays({ [alice.id]: 10 }, ...messages.map(({ value }) => value))
  await node.holds(alice.id, 5)
  const session = await node.session()
  session.say({ [alice.id]: 8 })
  await session.hearsMessage(alice.id, 5)
  expect(session.heard.some(({ author, sequence }) => author === alice.id && sequence === 4)).toBe(
    false,
  )
  session.say({ [alice.id]: 2 })
  await session.hearsMessage(alice.id, 2)
  await node.expectServing()
})

test('a clock far ahead of what is ever sent holds up no other peer and no other feed', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const liar = await node.session()
  liar.say({ [alice.id]: 2 ** 31 - 2 })
  // The liar is asked, and the friend is not any more.
  await node.friendHears((item) => item[alice.id] === 1)
  const messages = alice.write(3)
  node.friendSays({ [alice.id]: 7 })
  await node.expectServing()
  await node.friendHears((item) => item[alice.id] === 0)
  node.friendSays(...messages.map(({ value }) => value))
  await node.holds(alice.id, 3)
  await node.expectServing()
})

test('a stranger who claims more of the own feed than there is does not lock publishing', async () => {
  const node = await AttackedNode.start()
  const session = await node.session()
  const notes = Array.from({ length: 50_000 }, (_, at) => `"${node.id}":${at * 2}`)
  session.say(new RawJson(Buffer.from(`{${notes.join(',')}}`)), { [node.id]: 2 ** 31 - 2 })
  session.say({ [node.friend.id]: 2 ** 20 })
  await session.hears((item) => item[node.friend.id] === 1)
  expect((await node.status()).publish).toMatchObject({ state: 'safe', claimed: 0 })
  await node.expectServing()
})
