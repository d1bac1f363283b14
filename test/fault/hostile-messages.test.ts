import { randomBytes } from '@dunbar/core'
import { RawJson } from '@dunbar/wire'
import { expect, test } from 'vitest'
import { AttackedNode } from '../fixtures/attacked-node.js'
import { Author, EbtScript } from '../fixtures/replication-script.js'

/** Peers that send what they should not. */

const text = (json: string): RawJson => new RawJson(Buffer.from(json))

/** Before that, what is sent of a feed is what nobody asked for. */
const isAskedFor = (session: EbtScript, { id }: Author) => session.hears((item) => item[id] === 0)

test('what nobody asked for, what comes out of order and what is none is dropped and counted', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const [stranger, blocked] = [new Author(), new Author()]
  await node.api.call('publish', [{ type: 'contact', contact: blocked.id, blocking: true }])
  const peer = await node.dial()
  const session = await node.session(peer)
  const [one, two, three] = alice.write(3)
  session.say(stranger.write(1)[0]!.value, blocked.write(1)[0]!.value)
  session.say('text', 7, [], [one!.value], { value: 5 }, randomBytes(300))
  session.say(text('{"previous":null'), text('{"author":7,"sequence":1,"content":{}}'))
  session.say({ [alice.id]: 20 })
  await isAskedFor(session, alice)
  session.say(three!.value, two!.value)
  await node.peerWhere(session.id, ({ useless }) => useless === 12)
  session.say(one!.value, one!.value, three!.value, two!.value, one!.value, three!.value)
  await node.holds(alice.id, 3)
  const { useless, received } = await node.peerWhere(session.id, ({ useless }) => useless === 15)
  expect({ useless, received }).toEqual({ useless: 15, received: 3 })
  expect(await node.held(stranger.id)).toBe(0)
  expect(await node.held(blocked.id)).toBe(0)
  await node.expectServing()

  for (let count = 0; count < 1_000; count++) session.say(stranger.messages[0]!.value)
  await peer.connection.closed
  expect((await node.status()).network.replication.letGo).toEqual({ 'useless-items': 1 })
  await node.expectServing()
})

test('one message sent again and again ends its connection in the end', async () => {
  const node = await AttackedNode.start()
  const peer = await node.dial()
  const session = await node.session(peer)
  const [message] = node.alice.write(1)
  session.say({ [node.alice.id]: 20 })
  await isAskedFor(session, node.alice)
  session.say(message!.value)
  await node.holds(node.alice.id, 1)
  const repeated = new Array(60_000).fill(new RawJson(message!.compact))
  session.say(...repeated)
  await peer.connection.closed
  expect((await node.status()).network.replication.letGo).toEqual({ 'known-messages': 1 })
  await node.expectServing()
})

test('what is wrong in itself ends its feed with that peer, and the true feed comes from another', async () => {
  const node = await AttackedNode.start()
  const names = [
    'signature',
    'other',
    'hash',
    'long',
    'endless',
    'deep',
    'twice',
    'previous',
  ] as const
  const authors = Object.fromEntries(names.map((name) => [name, new Author()])) as Record<
    (typeof names)[number],
    Author
  >
  for (const { id } of Object.values(authors)) await node.replicate(id)
  const session = await node.session()
  session.say(Object.fromEntries(Object.values(authors).map(({ id }) => [id, 20])))
  for (const author of Object.values(authors)) await isAskedFor(session, author)
  const first = (author: Author) => author.write(1)[0]!.value
  const { signature, other, hash, long, endless, deep, twice, previous } = authors
  session.say(
    { ...first(signature), signature: first(new Author()).signature },
    // Signed by somebody else, in the name of one who is wanted.
    { ...first(new Author()), author: other.id },
    { ...first(hash), hash: 'sha512' },
    { ...first(long), content: { type: 'post', text: 'x'.repeat(10_000) } },
    { ...first(endless), content: { type: 'post', text: 'x'.repeat(200_000) } },
    text(
      JSON.stringify({ ...first(deep), content: 0 }).replace(
        '"content":0',
        `"content":{"type":"post","a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
      ),
    ),
    text(JSON.stringify(first(twice)).replace(/}$/, `,"author":"${node.alice.id}"}`)),
    { ...first(previous), previous: `%${Buffer.alloc(32).toString('base64')}.sha256` },
  )
  first(other)
  for (const { id } of Object.values(authors)) await session.hears((item) => item[id] === -1)
  const { refused, received } = await node.peerWhere(session.id, () => true)
  expect(received).toBe(0)
  expect(Object.fromEntries(refused.map(({ reason, count }) => [reason, count]))).toEqual({
    AUTHOR_MISMATCH: 1,
    HASH: 1,
    PREVIOUS: 1,
    SIGNATURE: 2,
    TOO_DEEP: 1,
    TOO_LONG: 2,
  })
  for (const { id, messages } of Object.values(authors)) {
    node.friendSays({ [id]: 2 })
    await node.friendHears((item) => item[id] === 0)
    node.friendSays(messages[0]!.value)
    await node.holds(id, 1)
  }
  await node.expectServing()
})

test('bad signatures end the connection, also where each comes in a session of its own', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const peer = await node.dial()
  const [message] = alice.write(1)
  let sessions = 0
  const endless = async () => {
    for (; ; sessions++) {
      const session = new EbtScript(peer)
      const timestamp = 1_600_000_000_001 + sessions
      session.say({ [alice.id]: 20 })
      // An even note asks.
      await session.hears((item) => item[alice.id] === 0)
      session.say({ ...message!.value, timestamp })
      await session.hears((item) => item[alice.id] === -1)
    }
  }
  await expect(endless()).rejects.toThrow(/connection is closed|session is over/)
  expect((await node.status()).network.replication.letGo).toEqual({ 'refused-messages': 1 })
  expect(sessions).toBeLessThan(30)
  node.friendSays({ [alice.id]: 2 })
  node.friendSays(message!.value)
  await node.holds(alice.id, 1)
  await node.expectServing()
})

test('a forked feed is kept with its evidence, and its peer is not blamed', async () => {
  const node = await AttackedNode.start()
  const { alice } = node
  const [one, two] = alice.write(2)
  node.friendSays({ [alice.id]: 4 }, one!.value, two!.value)
  await node.holds(alice.id, 2)
  const session = await node.session()
  const fork = alice.sign(one!, { type: 'post', text: 'another second one' })
  const third = alice.sign(fork, { type: 'post', text: 'a third one' })
  session.say({ [alice.id]: 20 }, third.value)
  await session.hears((item) => item[alice.id] === -1)
  const { refused } = await node.peerWhere(session.id, () => true)
  expect(refused).toMatchObject([{ reason: 'FORK', count: 1 }])
  expect(await node.held(alice.id)).toBe(2)
  expect((await node.status()).network.replication.letGo).toEqual({})
  await node.expectServing()
})
