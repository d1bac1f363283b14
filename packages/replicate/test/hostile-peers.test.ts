import type { RpcConnection } from '@dunbar/wire'
import { RawJson } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { feedId } from './ebt-network.js'
import { Author, dialAs, keysOf, TestNode, until } from './test-node.js'

/** Peers that say what they like. */

/** A session whose items the test decides. */
class Script {
  readonly connection: RpcConnection
  readonly heard: Record<string, unknown>[] = []
  /** Why it ended; null while it goes on. */
  failure: Error | 'end' | null = null
  #items: unknown[] = []
  #wake: () => void = () => {}

  constructor(connection: RpcConnection, options: unknown = { version: 3, format: 'classic' }) {
    this.connection = connection
    void this.#read(connection.duplex('ebt.replicate', [options], this.#input()))
  }

  say(...items: unknown[]): void {
    this.#items.push(...items)
    this.#wake()
  }

  /** All notes that came, the last one of each feed. */
  get notes(): Record<string, unknown> {
    return Object.assign({}, ...this.heard.filter((item) => item.sequence === undefined))
  }

  async *#input(): AsyncGenerator<unknown> {
    for (;;) {
      yield* this.#items.splice(0)
      if (this.#items.length > 0) continue
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #read(items: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const item of items) this.heard.push(item as Record<string, unknown>)
      this.failure = 'end'
    } catch (error) {
      this.failure = error as Error
    }
  }
}

async function attacked(author: Author, limits = {}) {
  const node = await TestNode.start('victim', { feeds: [author.id], limits })
  const peer = await dialAs(keysOf('attacker'), node)
  const script = new Script(peer.connection)
  await until(() => script.heard.length > 0)
  return { node, script, status: () => node.replicator.status().peers[0]! }
}

/** A well-behaved peer still gets what it asks for. */
async function expectServed(node: TestNode, author: Author): Promise<void> {
  const friend = await TestNode.start('friend', { feeds: [author.id] })
  await friend.dial(node)
  author.write(1)
  await friend.store(author, author.messages)
  await node.holds(author.id, author.messages.length)
}

describe('notes', () => {
  test('about 65,000 unknown feeds are refused once, and the node goes on', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice, { strangerFeeds: 10_000 })
    const clock = Object.fromEntries(Array.from({ length: 65_000 }, (_, at) => [feedId(at), 2]))
    script.say(clock, clock, clock)
    script.say({ [alice.id]: 0 })
    await expectServed(node, alice)
    const refused = () => Object.values(script.notes).filter((note) => note === -1)
    await until(() => refused().length >= 10_000)
    expect(refused()).toHaveLength(10_000)
    expect(node.replicator.status()).toMatchObject({ feeds: 2, behind: 0 })
  })

  test('with values that mean nothing change nothing', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice, { stallMs: 30, tickMs: 10 })
    const { id } = alice
    for (const value of ['1e300', '0.5', '2147483648', '"7"', 'null', '[]', '{}', 'NaN', '']) {
      script.say(new RawJson(Buffer.from(`{"${id}":${value}}`)))
    }
    script.say({ [id]: -5 }, { '@no feed': 4, constructor: 3, __proto__: 2 }, [], 7, 'text', null)
    script.say({ clock: { [id]: 3 } })
    await until(() => node.replicator.status().behind > 0)
    expect(node.replicator.status()).toMatchObject({ behind: 1, missing: 1 })
    await expectServed(node, alice)
  })

  test('that claim more than there is only cost a moment of one feed', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice, { stallMs: 30, tickMs: 10 })
    script.say({ [alice.id]: 2 ** 31 - 2 })
    await until(() => node.replicator.status().stalled.length > 0)
    expect(node.replicator.status().stalled[0]).toMatchObject({
      id: alice.id,
      claimed: 2 ** 30 - 1,
    })
    await expectServed(node, alice)
  })
})

describe('messages', () => {
  test('that nobody asked for are dropped, and end the connection where they are many', async () => {
    const alice = new Author('alice')
    const bob = new Author('bob')
    const { node, script, status } = await attacked(alice, { uselessItems: 100 })
    const [message] = bob.write(1)
    for (let count = 0; count < 50; count++) script.say(message!.value)
    await until(() => status().useless === 50)
    expect(await node.held(bob.id)).toBe(0)
    for (let count = 0; count < 60; count++) script.say(message!.value)
    await script.connection.closed
    await expectServed(node, alice)
  })

  test('that come twice are stored once, and end the connection where it goes on', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice, { knownItems: 500 })
    const messages = alice.write(3)
    script.say({ [alice.id]: 7 })
    for (const { value } of [...messages, ...messages]) script.say(value)
    await node.holds(alice.id, 3)
    for (let count = 0; count < 600; count++) script.say(messages[0]!.value)
    await script.connection.closed
    await expectServed(node, alice)
  })

  test('out of order are not stored; those that follow are', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice)
    const [one, two, three] = alice.write(3)
    script.say({ [alice.id]: 7 }, three!.value, two!.value, one!.value, two!.value)
    await node.holds(alice.id, 2)
    script.say(three!.value)
    await node.holds(alice.id, 3)
  })

  test('with a bad signature end that feed with that peer alone', async () => {
    const alice = new Author('alice')
    const bob = new Author('bob')
    const { node, script, status } = await attacked(alice)
    node.set.request(bob.id, true)
    const [first] = alice.write(1)
    const [other] = bob.write(1)
    script.say({ [alice.id]: 3, [bob.id]: 3 })
    script.say({ ...first!.value, signature: other!.value.signature })
    await until(() => script.notes[alice.id] === -1)
    script.say(first!.value, other!.value)
    await node.holds(bob.id, 1)
    expect(await node.held(alice.id)).toBe(0)
    expect(status().refused).toMatchObject([{ reason: 'SIGNATURE', count: 1 }])
    await expectServed(node, alice)
  })

  test('with bad signatures, one feed after the other, end the connection', async () => {
    const authors = Array.from({ length: 30 }, (_, at) => new Author(`author ${at}`))
    const [alice] = authors as [Author]
    const { node, script } = await attacked(alice)
    for (const { id } of authors) node.set.request(id, true)
    const letGo: string[] = []
    node.replicator.onLetGo((id) => letGo.push(id))
    script.say(Object.fromEntries(authors.map(({ id }) => [id, 3])))
    await until(() => Object.keys(script.notes).length > 29)
    for (const author of authors) {
      const { value } = author.write(1)[0]!
      script.say({ ...value, content: { type: 'post', text: 'changed' } })
    }
    await script.connection.closed
    expect(node.replicator.status().letGo).toEqual({ 'refused-messages': 1 })
    expect(letGo).toEqual([node.peers[0]!.remoteId])
  })

  test('that fork a feed are kept as evidence and end that feed with that peer', async () => {
    const alice = new Author('alice')
    const { node, script, status } = await attacked(alice)
    const messages = alice.write(2)
    const fork = alice.sign(messages[0]!, 'another second message')
    await node.store(alice, messages)
    const third = alice.sign(fork, 'a third message')
    script.say({ [alice.id]: 7 }, third.value)
    await until(() => status().refused.length > 0)
    expect(status().refused).toMatchObject([{ reason: 'FORK' }])
    expect(await node.feed(alice.id).status()).toMatchObject({ sequence: 2, forked: true })
    expect(await node.feed(alice.id).forks()).toHaveLength(1)
  })

  test('longer than any message are refused', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice)
    const { value } = alice.write(1)[0]!
    script.say(
      { [alice.id]: 3 },
      { ...value, content: { type: 'post', text: 'x'.repeat(200_000) } },
    )
    await until(() => script.notes[alice.id] === -1)
    expect(await node.held(alice.id)).toBe(0)
  })

  test('of an author that blocks the peer are never sent', async () => {
    const alice = new Author('alice')
    const node = await TestNode.start('victim', { feeds: [alice.id] })
    node.set.block(alice.id, keysOf('attacker').id)
    await node.store(alice, alice.write(3))
    const { connection } = await dialAs(keysOf('attacker'), node)
    const script = new Script(connection)
    script.say({ [alice.id]: 0 })
    await until(() => script.notes[alice.id] === -1)
    script.say({ [alice.id]: 0 }, { [alice.id]: 2 }, {})
    const marker = feedId(5)
    script.say({ [marker]: 0 })
    await until(() => script.notes[marker] === -1)
    expect(script.heard.some(({ sequence }) => sequence !== undefined)).toBe(false)
  })
})

describe('sessions', () => {
  test('of another version or format are refused with the words that others know', async () => {
    const node = await TestNode.start('victim')
    const { connection } = await dialAs(keysOf('attacker'), node)
    const refusal = async (options: unknown) => {
      const script = new Script(connection, options)
      await until(() => script.failure !== null)
      return (script.failure as { data?: { message?: string } }).data?.message
    }
    expect(await refusal({ version: 2 })).toBe('expected ebt.replicate({version: 3})')
    expect(await refusal({})).toBe('expected ebt.replicate({version: 3})')
    expect(await refusal({ version: 3, format: 'indexed-v1' })).toBe('Unknown format: indexed-v1')
  })

  test('on one connection follow each other: the newest one counts', async () => {
    const alice = new Author('alice')
    const { node, script } = await attacked(alice)
    await node.store(alice, alice.write(2))
    const scripts = Array.from({ length: 20 }, () => new Script(script.connection))
    const last = scripts.at(-1)!
    await until(() => last.heard.length > 0)
    last.say({ [alice.id]: 0 })
    await until(() => last.heard.length > 2)
    expect(script.failure).not.toBeNull()
    expect(node.replicator.status().peers).toHaveLength(1)
  })

  test('hundreds of streams of history: so many are given as the peer may have, and all are given back', async () => {
    const alice = new Author('alice')
    const node = await TestNode.start('victim', {
      feeds: [alice.id],
      limits: { strangerHistoryStreams: 20 },
    })
    await node.store(alice, alice.write(2))
    const { connection } = await dialAs(keysOf('attacker'), node)
    const open = (options: object) =>
      connection.source('createHistoryStream', [{ id: alice.id, ...options }])
    let refused = 0
    for (let round = 0; round < 4; round++) {
      const streams = Array.from({ length: 100 }, () => open({ live: true }))
      const outcomes = await Promise.allSettled(streams.map((stream) => stream.next()))
      refused += outcomes.filter(({ status }) => status === 'rejected').length
      await Promise.all(streams.map((stream) => stream.return?.()))
    }
    expect(refused).toBe(4 * 80)
    const items: unknown[] = []
    for await (const item of open({})) items.push(item)
    expect(items).toHaveLength(2)
  })
})
