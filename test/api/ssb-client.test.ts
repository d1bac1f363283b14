import pull from 'pull-stream'
import ssbClient from 'ssb-client'
import ssbKeys from 'ssb-keys'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  generated,
  importLines,
  type Kvt,
  type RunningNode,
  runningNode,
} from '../fixtures/running-node.js'
import type { AtEnd } from '../fixtures/temporary-folder.js'

/** Every method of the node, called by the client library that existing apps use. */

const { lines, all } = generated(12, 600)
const byArrival = all
const byClaim = [...all].sort(
  (a, b) => Math.min(a.timestamp, a.value.timestamp) - Math.min(b.timestamp, b.value.timestamp),
)
const busiest = all[0]!.value.author
const ofBusiest = all.filter(({ value }) => value.author === busiest)
const posts = all.filter(({ value }) => value.content.type === 'post')
const replies = posts.filter(({ value }) => typeof value.content.root === 'string')

// biome-ignore lint/suspicious/noExplicitAny: the methods are the manifest's
async function connected(atEnd: AtEnd): Promise<RunningNode & { client: any }> {
  const running = await runningNode({}, atEnd)
  await importLines(running.peer, lines, atEnd)
  const keys = ssbKeys.loadSync(`${running.path}/secret`)
  const client = await ssbClient(keys, {
    remote: `unix:${running.node.socketPath}~noauth:${keys.public.replace('.ed25519', '')}`,
    caps: { shs: '1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=' },
  })
  return { ...running, client }
}

const pulled = <Item = Kvt>(source: unknown): Promise<Item[]> =>
  new Promise((resolve, reject) => {
    pull(
      source,
      pull.collect((error: Error | null, items: Item[]) =>
        error ? reject(error) : resolve(items),
      ),
    )
  })

/** Takes items until `until` says so, then leaves the stream. */
const pulledUntil = <Item>(source: unknown, until: (items: Item[]) => boolean): Promise<Item[]> =>
  new Promise((resolve, reject) => {
    const items: Item[] = []
    pull(
      source,
      pull.drain(
        (item: Item) => {
          items.push(item)
          if (!until(items)) return true
          resolve(items)
          return false
        },
        (error: unknown) => (error && error !== true ? reject(error) : undefined),
      ),
    )
  })

const isSync = (item: unknown) => (item as { sync?: boolean }).sync === true

describe('ssb-client on the socket', () => {
  let running: Awaited<ReturnType<typeof connected>>
  // biome-ignore lint/suspicious/noExplicitAny: the methods are the manifest's
  let client: any

  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    running = await connected((run) => ends.unshift(run))
    client = running.client
    return async () => {
      await new Promise<void>((resolve) => client.close(true, () => resolve()))
      for (const end of ends) await end()
    }
  })

  test('learns who it talks to and what it can call', async () => {
    expect(await client.whoami()).toEqual({ id: running.node.id })
    const manifest = await client.manifest()
    expect(manifest).toMatchObject({
      whoami: 'sync',
      manifest: 'sync',
      status: 'sync',
      progress: 'sync',
      get: 'async',
      getLatest: 'async',
      publish: 'async',
      add: 'async',
      createLogStream: 'source',
      createUserStream: 'source',
      createHistoryStream: 'source',
      createFeedStream: 'source',
      messagesByType: 'source',
      links: 'source',
      tangle: { read: 'source', heads: 'async', branch: 'async' },
      feeds: { list: 'source', status: 'async' },
    })
  })

  test('get gives the value for a key, and the whole message with meta', async () => {
    const wanted = posts[3]!
    expect(await client.get(wanted.key)).toEqual(wanted.value)
    expect(await client.get({ id: wanted.key })).toEqual(wanted.value)
    expect(await client.get({ id: wanted.key, meta: true })).toEqual(wanted)
    await expect(client.get(`%${'A'.repeat(43)}=.sha256`)).rejects.toThrow('not found')
    await expect(client.get('nonsense')).rejects.toThrow('must be a message key')
  })

  test('getLatest gives the newest message of a feed, null for an unknown one', async () => {
    expect(await client.getLatest(busiest)).toEqual(ofBusiest.at(-1))
    expect(await client.getLatest(ssbKeys.generate().id)).toBeNull()
  })

  test('createLogStream gives all messages in order of arrival', async () => {
    expect(await pulled(client.createLogStream())).toEqual(byArrival)
    expect(await pulled(client.createLogStream({ reverse: true, limit: 7 }))).toEqual(
      byArrival.slice(-7).reverse(),
    )
    const middle = byArrival[300]!.timestamp
    expect(await pulled(client.createLogStream({ gt: middle }))).toEqual(byArrival.slice(301))
    expect(await pulled(client.createLogStream({ gte: middle, limit: 2 }))).toEqual(
      byArrival.slice(300, 302),
    )
    expect(await pulled(client.createLogStream({ lt: middle, keys: false }))).toEqual(
      byArrival.slice(0, 300).map(({ value }) => value),
    )
    expect(await pulled(client.createLogStream({ lte: middle, values: false }))).toEqual(
      byArrival.slice(0, 301).map(({ key }) => key),
    )
  })

  test('createFeedStream gives all messages in order of their claimed time', async () => {
    expect(await pulled(client.createFeedStream())).toEqual(byClaim)
    expect(await pulled(client.createFeedStream({ reverse: true, limit: 5 }))).toEqual(
      byClaim.slice(-5).reverse(),
    )
  })

  test('createUserStream gives the messages of one feed within bounds', async () => {
    expect(await pulled(client.createUserStream({ id: busiest }))).toEqual(ofBusiest)
    expect(await pulled(client.createUserStream({ id: busiest, gt: 2, lte: 5 }))).toEqual(
      ofBusiest.slice(2, 5),
    )
    expect(await pulled(client.createUserStream({ id: busiest, reverse: true, limit: 3 }))).toEqual(
      ofBusiest.slice(-3).reverse(),
    )
    await expect(pulled(client.createUserStream({}))).rejects.toThrow('id must be a feed id')
  })

  test('createHistoryStream begins at the sequence that is asked for', async () => {
    expect(await pulled(client.createHistoryStream({ id: busiest, seq: 4 }))).toEqual(
      ofBusiest.slice(3),
    )
    expect(
      await pulled(client.createHistoryStream({ id: busiest, sequence: 4, limit: 2, keys: false })),
    ).toEqual(ofBusiest.slice(3, 5).map(({ value }) => value))
    expect(await pulled(client.createHistoryStream(busiest, 2, false))).toEqual(ofBusiest.slice(1))
  })

  test('messagesByType gives the messages of a type in order of arrival', async () => {
    expect(await pulled(client.messagesByType('post'))).toEqual(posts)
    expect(await pulled(client.messagesByType({ type: 'post', reverse: true, limit: 2 }))).toEqual(
      posts.slice(-2).reverse(),
    )
    expect(await pulled(client.messagesByType('no-such-type'))).toEqual([])
    await expect(pulled(client.messagesByType({}))).rejects.toThrow('type must be given')
  })

  test('links gives who refers to a message, by relation', async () => {
    const root = replies[0]!.value.content.root
    const expected = all
      .filter(({ value }) => value.content.root === root)
      .map(({ key, value }) => ({ source: value.author, rel: 'root', dest: root, key }))
    expect(await pulled(client.links({ dest: root, rel: 'root' }))).toEqual(expected)
    const withValues = await pulled<{ value: Kvt['value'] }>(
      client.links({ dest: root, rel: 'root', values: true }),
    )
    expect(withValues.map(({ value }) => value.content.root)).toEqual(expected.map(() => root))
    expect(await pulled(client.links({ dest: root, rel: 'root', meta: false }))).toEqual(
      expected.map(({ key }) => key),
    )
    const contacts = await pulled<{ rel: string; dest: string }>(
      client.links({ source: busiest, dest: '@', rel: 'contact' }),
    )
    expect(contacts.map(({ dest }) => dest)).toEqual(
      ofBusiest
        .filter(({ value }) => value.content.type === 'contact')
        .map(({ value }) => value.content.contact),
    )
  })

  test('status and progress tell that everything is indexed', async () => {
    const { indexes } = await client.progress()
    expect(indexes.current).toBe(indexes.target)
    expect(await client.status()).toMatchObject({
      progress: { indexes },
      messages: all.length,
      damaged: [],
      quarantined: [],
    })
  })

  test('tangle.read gives the root first and every reply after what it answers', async () => {
    const root = replies[0]!.value.content.root
    const thread = await pulled(client.tangle.read({ root }))
    const members = all.filter(
      ({ key, value }) =>
        key === root || value.content.root === root || value.content.fork === root,
    )
    expect(thread.map(({ key }) => key).sort()).toEqual(members.map(({ key }) => key).sort())
    expect(thread[0]!.key).toBe(root)
    const place = new Map(thread.map(({ key }, index) => [key, index]))
    for (const [index, { value }] of thread.entries()) {
      for (const before of [value.content.branch ?? []].flat()) {
        if (place.has(before)) expect(place.get(before)!).toBeLessThan(index)
      }
    }
    expect(await pulled(client.tangle.read({ root, limit: 1 }))).toEqual([thread[0]])
    const heads = await client.tangle.heads(root)
    const named = new Set(
      members.flatMap(({ key, value }) =>
        key === root ? [] : [value.content.branch ?? []].flat(),
      ),
    )
    expect(heads).toEqual(
      members
        .filter(
          ({ key, value }) => !named.has(key) && (key === root || value.content.root === root),
        )
        .map(({ key }) => key)
        .sort(),
    )
    expect(await client.tangle.branch({ root })).toEqual(heads)
  })

  test('feeds.list and feeds.status tell what is held of each feed', async () => {
    const feeds = await pulled<{ id: string; sequence: number; messages: number; state: string }>(
      client.feeds.list(),
    )
    expect(feeds.filter(({ messages }) => messages > 0)).toHaveLength(12)
    expect(feeds.find(({ id }) => id === busiest)).toMatchObject({
      sequence: ofBusiest.length,
      messages: ofBusiest.length,
      state: 'ok',
      forked: false,
    })
    expect(await client.feeds.status(busiest)).toMatchObject({ sequence: ofBusiest.length })
  })

  test('publish signs, stores and gives the message; live streams get it after sync', async () => {
    const live = [
      client.createLogStream({ live: true, old: false }),
      client.createUserStream({ id: running.node.id, live: true }),
      client.messagesByType({ type: 'test-live', live: true }),
      client.createFeedStream({ live: true, gt: Date.now() + 1e9, old: true }),
    ]
    const fromLog = pulledUntil<Kvt>(live[0], (items) => items.length === 1)
    const fromUser = pulledUntil<Kvt>(live[1], (items) => items.length === 2)
    const fromType = pulledUntil<Kvt>(live[2], (items) => items.length === 2)
    const fromClaim = pulledUntil<Kvt>(live[3], (items) => items.some(isSync))
    expect(await fromClaim).toEqual([{ sync: true }])
    const history = client.createHistoryStream({ id: running.node.id, live: true })
    const fromHistory = pulledUntil<Kvt>(history, (items) => items.length === 1)
    const published = await client.publish({ type: 'test-live', text: 'é😀' })
    expect(published.value).toMatchObject({
      author: running.node.id,
      sequence: 1,
      previous: null,
      content: { type: 'test-live', text: 'é😀' },
    })
    expect(ssbKeys.verifyObj({ public: running.node.id.slice(1) }, null, published.value)).toBe(
      true,
    )
    expect(await fromLog).toEqual([published])
    expect(await fromUser).toEqual([{ sync: true }, published])
    expect(await fromType).toEqual([{ sync: true }, published])
    expect(await fromHistory).toEqual([published])
    expect(await client.getLatest(running.node.id)).toEqual(published)
  })

  test('add takes a message that the client signed, as the next of the own feed', async () => {
    const keys = ssbKeys.loadSync(`${running.path}/secret`)
    const latest = await client.getLatest(running.node.id)
    const value = ssbKeys.signObj(keys, null, {
      previous: latest.key,
      sequence: latest.value.sequence + 1,
      author: keys.id,
      timestamp: Date.now(),
      hash: 'sha256',
      content: { type: 'post', text: 'signed by the client' },
    })
    const added = await client.add(value)
    expect(added.value).toEqual(value)
    const next = await client.publish({ type: 'post', text: 'and on' })
    expect(next.value.previous).toBe(added.key)
    await expect(client.add({ ...value, sequence: 77 })).rejects.toThrow(/refused/)
  })

  test('publish boxes content for its recipients, and get opens it', async () => {
    const content = { type: 'post', text: 'for us', recps: [running.node.id] }
    const published = await client.publish(content)
    expect(published.value.content).toMatch(/\.box$/)
    expect(await client.get(published.key)).toEqual(published.value)
    const opened = await client.get({ id: published.key, private: true, meta: true })
    expect(opened.value.content).toEqual(content)
    expect(opened.meta).toMatchObject({ private: true, originalContent: published.value.content })
  })

  test('tangle.read stays open and gives replies as they are published', async () => {
    const root = await client.publish({ type: 'post', text: 'root' })
    const read = pulledUntil<Kvt>(
      client.tangle.read({ root: root.key, live: true }),
      (items) => items.length === 3,
    )
    const first = pulledUntil<Kvt>(client.tangle.read({ root: root.key, live: true }), (items) =>
      items.some(isSync),
    )
    expect(await first).toEqual([root, { sync: true }])
    const reply = await client.publish({
      type: 'post',
      text: 'reply',
      root: root.key,
      branch: await client.tangle.branch(root.key),
    })
    expect(await read).toEqual([root, { sync: true }, reply])
    expect(await client.tangle.heads(root.key)).toEqual([reply.key])
  })

  test('tangle.read gives a private thread in the clear, and only where it is asked for', async () => {
    const recps = [running.node.id]
    const root = await client.publish({ type: 'post', text: 'secret root', recps })
    const first = { type: 'post', text: 'secret reply', root: root.key, branch: root.key, recps }
    const reply = await client.publish(first)
    const leak = await client.publish({ type: 'post', text: 'public', root: root.key })
    const asked = { root: root.key, private: true }
    const thread = await pulled<Kvt & { meta: { private: boolean } }>(client.tangle.read(asked))
    expect(thread.map(({ key }) => key)).toEqual([root.key, reply.key])
    expect(thread[1]!.value.content).toEqual(first)
    expect(thread[1]!.meta.private).toBe(true)
    await expect(pulled(client.tangle.read({ root: root.key }))).rejects.toThrow('private')
    const live = pulledUntil<Kvt>(
      client.tangle.read({ ...asked, live: true }),
      (items) => items.length === 4,
    )
    const later = await client.publish({ ...first, text: 'later', branch: reply.key })
    const received = await live
    expect(received.filter((item) => !isSync(item)).map(({ key }) => key)).toEqual([
      root.key,
      reply.key,
      later.key,
    ])
    expect(thread.map(({ key }) => key)).not.toContain(leak.key)
  })

  test('archives are made, told and configured by plain calls, and preconditions are a duplex', async () => {
    const told = pulledUntil<{ event: string }>(client.archive.events(), (items) => {
      return items.at(-1)!.event === 'archived'
    })
    const asked: unknown[] = []
    let leave: (end: true) => void = () => {}
    pull(
      (end: unknown, callback: (end: unknown) => void) => {
        if (end) callback(end)
        else leave = callback
      },
      client.archive.preconditions(),
      pull.drain((item: unknown) => {
        asked.push(item)
      }),
    )
    expect(await client.archive.configure({ keepMessages: 2 })).toMatchObject({ keepMessages: 2 })
    const [made] = await client.archive.now({ partial: true })
    expect(made).toMatchObject({ first: 1, previous: null })
    expect((await told).map(({ event }) => event)).toEqual(['started', 'archived'])
    const { archived, preconditions } = await client.archive.status()
    expect({ archived, preconditions }).toEqual({ archived: made.last, preconditions: 1 })
    expect((await client.get(made.message)).content).toMatchObject({
      type: 'archive',
      bundle: made.bundle,
    })
    expect(asked).toEqual([{ ready: true }])
    leave(true)
  })

  test('tangle.read leaves out authors that the own feed blocks', async () => {
    const [reply] = replies
    const root = reply!.value.content.root
    const before = await pulled(client.tangle.read({ root }))
    const blocked = before.at(-1)!.value.author
    await client.publish({ type: 'contact', contact: blocked, blocking: true })
    if (before[0]!.value.author === blocked) {
      await expect(pulled(client.tangle.read({ root }))).rejects.toThrow(
        `Author Blocked:${blocked}`,
      )
    } else {
      expect(await pulled(client.tangle.read({ root }))).toEqual(
        before.filter(({ value }) => value.author !== blocked),
      )
    }
    await client.publish({ type: 'contact', contact: blocked, blocking: false })
    expect(await pulled(client.tangle.read({ root }))).toEqual(before)
  })
})
