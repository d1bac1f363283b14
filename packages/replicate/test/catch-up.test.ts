import { blobIdFromBytes, sha256 } from '@dunbar/core'
import { FeedClient } from '@dunbar/feed'
import { type Method, RawJson } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { archive, MemoryArchives } from './archive-fixture.js'
import { Author, dialAs, keysOf, TestNode, until } from './test-node.js'

/** Archives between peers, and peers that say what they like of them. */

async function archivedFeed(name = 'author') {
  const author = new Author(name)
  author.write(120)
  const archived = archive(author)
  return { author, ...archived }
}

const refusedOf = (node: TestNode) => node.replicator.status().archives?.refused ?? {}

describe('a peer that gives something else than the archive', () => {
  type Bytes = () => Iterable<Uint8Array>
  async function* given(bytes: Bytes) {
    yield* bytes()
  }

  /** A peer that has the archive message, and gives what a test likes. */
  async function attackedBy(bytes: Bytes, messages?: readonly Uint8Array[]) {
    const { author, message } = await archivedFeed()
    const victim = await TestNode.start('victim', {
      feeds: [author.id],
      archives: new MemoryArchives(),
    })
    const methods: Method[] = [
      {
        name: 'archive.bundles',
        type: 'source',
        handler: async function* () {
          for (const each of messages ?? [message.compact]) yield new RawJson(each)
        },
      },
      { name: 'archive.getBlock', type: 'source', handler: () => given(bytes) },
    ]
    const attacker = await dialAs(keysOf('attacker'), victim, methods)
    await until(() => Object.keys(refusedOf(victim)).length > 0 || isNotWaiting(victim))
    const honest = await TestNode.start('honest', { feeds: [author.id] })
    await honest.store(author, author.messages)
    await victim.dial(honest)
    await victim.holds(author.id, author.messages.length)
    return { victim, attacker, author }
  }
  const isNotWaiting = (node: TestNode) => {
    const { archives, peers } = node.replicator.status()
    return peers.length > 0 && archives?.waiting === 0
  }

  const piece = Buffer.alloc(65_536, 1)
  const cases: readonly (readonly [string, Bytes, string])[] = [
    [
      'bytes without an end',
      function* () {
        for (;;) yield piece
      },
      'ARCHIVE_BLOB_TOO_LARGE',
    ],
    ['other bytes', () => [piece.subarray(0, 100)], 'ARCHIVE_BLOB_WRONG'],
    ['nothing', () => [], 'ARCHIVE_BLOB_WRONG'],
  ]
  for (const [what, bytes, code] of cases) {
    test(`${what}: a code, and the feed comes from another peer`, async () => {
      const { victim } = await attackedBy(bytes)
      expect(refusedOf(victim)).toEqual({ [code]: 1 })
      expect(victim.replicator.status().archives).toMatchObject({ waiting: 0, messages: 0 })
    })
  }

  test('another’s message, or one that is changed, is no archive message', async () => {
    const author = new Author('author')
    author.write(120)
    const { message } = archive(author)
    const changed = Buffer.from(message.compact)
    changed.write('"last":119', changed.indexOf('"last":120'))
    const { victim } = await attackedBy(() => [], [changed])
    expect(refusedOf(victim)).toEqual({ ARCHIVE_MESSAGE_INVALID: 1 })
  })

  test('messages of feeds that nobody asked about count against the peer', async () => {
    const stranger = new Author('stranger')
    stranger.write(1)
    const { victim } = await attackedBy(() => [], [stranger.messages[0]!.compact])
    expect(refusedOf(victim)).toEqual({})
  })
})

test('a peer that does not know the methods is asked once, and replicates as before', async () => {
  const { author } = await archivedFeed()
  const old = await TestNode.start('old', { feeds: [author.id] })
  await old.store(author, author.messages)
  const node = await TestNode.start('node', {
    feeds: [author.id],
    archives: new MemoryArchives(),
  })
  await node.dial(old)
  await node.holds(author.id, author.messages.length)
  expect(refusedOf(node)).toEqual({})
})

test('a peer takes the archive, and what came since by EBT', async () => {
  const { author, archives } = await archivedFeed()
  author.write(30)
  const giver = await TestNode.start('giver', { feeds: [author.id], archives })
  await giver.store(author, author.messages)
  const taker = await TestNode.start('taker', {
    feeds: [author.id],
    archives: new MemoryArchives(),
  })
  await taker.dial(giver)
  await taker.holds(author.id, author.messages.length)
  // What is stored may be read before the session hears of it.
  await until(() => taker.replicator.status().peers[0]!.received >= 31)
  const { archives: caughtUp, peers } = taker.replicator.status()
  expect(caughtUp).toMatchObject({ feeds: 1, messages: 120, refused: {} })
  // What came as an archive is not sent once more.
  expect(peers).toMatchObject([{ received: 31, useless: 0 }])
})

test('blobs that are here already are taken, wherever they lie in memory', async () => {
  const { author, archives } = await archivedFeed()
  const giver = await TestNode.start('giver', { feeds: [author.id], archives })
  await giver.store(author, author.messages)
  const own = new MemoryArchives()
  for (const [id, bytes] of archives.blobs) {
    // As a small file is read: somewhere in the pool of buffers.
    const pool = Buffer.alloc(bytes.length + 64)
    pool.set(bytes, 32)
    own.keepBlob(id, pool.subarray(32, 32 + bytes.length))
  }
  const taker = await TestNode.start('taker', { feeds: [author.id], archives: own })
  await taker.dial(giver)
  await taker.holds(author.id, author.messages.length)
  expect(taker.replicator.status().archives).toMatchObject({ feeds: 1, refused: {} })
})

describe('archives for peers', () => {
  async function serving() {
    const archived = await archivedFeed()
    const { author, archives } = archived
    const node = await TestNode.start('giver', { feeds: [author.id], archives })
    await node.store(author, author.messages)
    const reader = keysOf('reader')
    const { connection } = await dialAs(reader, node)
    const items = async (name: string, args: object) => {
      const found: unknown[] = []
      for await (const item of connection.source(name, [args])) found.push(item)
      return found
    }
    const offered = async () => items('archive.bundles', { feeds: [author.id] })
    // The node follows its own archive messages a turn behind.
    while ((await offered()).length === 0);
    const blob = async (args: object) =>
      Buffer.concat((await items('archive.getBlock', args)) as Buffer[])
    const codeOf = (name: string, args: object) =>
      items(name, args).then(
        () => null,
        (error: { message: string }) => error.message,
      )
    return { ...archived, node, reader, offered, blob, codeOf }
  }

  test('are the newest message of each feed, and the blobs behind it', async () => {
    const { author, archives, message, bundle, block, offered, blob } = await serving()
    expect(await offered()).toEqual([message.value])
    for (const id of [bundle, block]) {
      const bytes = await blob({ id, feed: author.id })
      expect(blobIdFromBytes(sha256(bytes))).toBe(id)
      expect(archives.blobs.has(id)).toBe(true)
    }
  })

  test('are no other blobs, and nothing of feeds that are not for the peer', async () => {
    const { author, archives, node, reader, block, offered, blob, codeOf } = await serving()
    const other = Buffer.from('another blob of the node')
    const id = blobIdFromBytes(sha256(other))
    archives.keepBlob(id, other)
    const refused = /no such blob is in an archive/
    expect(await codeOf('archive.getBlock', { id, feed: author.id })).toMatch(refused)
    expect(await codeOf('archive.getBlock', { id: block, feed: node.id })).toMatch(refused)
    node.set.block(author.id, reader.id)
    expect(await offered()).toEqual([])
    expect(await codeOf('archive.getBlock', { id: block, feed: author.id })).toMatch(refused)
    node.set.block(author.id, reader.id, false)
    expect((await blob({ id: block, feed: author.id })).length).toBeGreaterThan(0)
  })

  test('are asked for with arguments that are checked', async () => {
    const { author, block, codeOf } = await serving()
    const many = Array.from({ length: 501 }, () => author.id)
    for (const feeds of [undefined, 'all', ['@'], many]) {
      expect(await codeOf('archive.bundles', { feeds })).toMatch(/expected/)
    }
    for (const args of [{}, { id: block }, { id: 'x', feed: author.id }, { id: 7, feed: '@' }]) {
      expect(await codeOf('archive.getBlock', args)).toMatch(/expected/)
    }
  })
})

test('an archive that was found to be wrong is not offered to others', {
  timeout: 60_000,
}, async () => {
  const author = new Author('author')
  author.write(120)
  // The same ids, another text: ids hash the low byte of each unit.
  const said = author.messages.map(({ keyBytes, value }, at) => {
    const content = { type: 'post', text: `\u016dessage ${at + 1}` }
    return { keyBytes, value: at === 80 ? { ...value, content } : value }
  })
  const { archives } = archive(author, new MemoryArchives(), said)
  const giver = await TestNode.start('giver', { feeds: [author.id], archives })
  await giver.store(author, author.messages)
  const good = new Author('good')
  good.write(20)
  const taken = new MemoryArchives()
  const taker = await TestNode.start('taker', { feeds: [author.id, good.id], archives: taken })
  archive(good, taken)
  await taker.store(good, good.messages)
  await taker.dial(giver)
  await taker.holds(author.id, 80)
  expect(taker.replicator.status().archives).toMatchObject({ feeds: 1, refused: {} })
  const feed = new FeedClient(taker.kernel.router, author.id)
  for (;;) {
    const { sequence, uncheckedFrom } = await feed.status()
    if (sequence === 121 && uncheckedFrom === undefined) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await feed.forks()).toEqual([])
  const { connection } = await dialAs(keysOf('reader'), taker)
  const offered: unknown[] = []
  const feeds = [author.id, good.id]
  for await (const item of connection.source('archive.bundles', [{ feeds }])) offered.push(item)
  expect(offered).toMatchObject([{ author: good.id }])
})

test('a blob is asked of one peer after the other, and none that sent other bytes is asked again', async () => {
  const { author, archives, bundle, block } = await archivedFeed()
  const kept = new MemoryArchives()
  const taker = await TestNode.start('taker', { feeds: [author.id], archives: kept })
  await taker.store(author, author.messages)
  const none = new AbortController().signal
  const fetched = (id: typeof bundle) =>
    taker.replicator.fetchArchiveBlob(author.id, id, null, none)
  expect(await fetched(bundle)).toBeNull()
  let lieCount = 0
  const lie: Method = {
    name: 'archive.getBlock',
    type: 'source',
    handler: async function* () {
      lieCount += 1
      yield Buffer.alloc(100, 1)
    },
  }
  await dialAs(keysOf('liar'), taker, [lie])
  await until(() => taker.replicator.status().peers.length === 1)
  const giver = await TestNode.start('giver', { feeds: [author.id], archives })
  await giver.store(author, author.messages)
  await taker.dial(giver)
  await giver.holds(author.id, author.messages.length)
  await until(() => taker.replicator.status().peers.some(({ mode }) => mode === 'ebt'))
  for (const id of [bundle, block]) {
    expect(await fetched(id)).toEqual(archives.getBlob(id))
    expect(kept.hasBlob(id)).toBe(true)
  }
  expect(await fetched(blobIdFromBytes(sha256(Buffer.from('another'))))).toBeNull()
  expect(lieCount).toBe(1)
})
