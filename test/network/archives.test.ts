import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { blobIdFromBytes, sha256 } from '@dunbar/core'
import type { ClassicMessage } from '@dunbar/formats'
import type { Peer } from '@dunbar/wire'
import { describe, expect, test, vi } from 'vitest'
import { ArchivedFeed, packMessages, putBlob, putBlobs } from '../fixtures/archived-feed.js'
import { feedUpTo } from '../fixtures/peers.js'
import { collect, importLines, type RunningNode, runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

vi.setConfig({ testTimeout: 60_000 })

/** Newcomers that catch up from archives, over real connections. */

interface ArchiveStatus {
  readonly waiting: number
  readonly fetching: number
  readonly feeds: number
  readonly messages: number
  readonly refused: Readonly<Record<string, number>>
}

interface FeedLine {
  readonly id: string
  readonly sequence: number
  readonly state: string
  readonly uncheckedFrom?: number
}

const freshPath = () => {
  const path = join(temporaryFolder(), 'node')
  mkdirSync(path)
  return path
}

async function archivesOf(peer: Peer): Promise<ArchiveStatus> {
  const status = (await peer.call('status', [])) as {
    network: { replication: { archives: ArchiveStatus } }
  }
  return status.network.replication.archives
}

async function lineOf(peer: Peer, id: string): Promise<FeedLine | undefined> {
  return (await collect<FeedLine>(peer.source('feeds.list'))).find((line) => line.id === id)
}

/** A node that holds a feed, and blobs. */
async function archivist(
  feed: ArchivedFeed,
  prepare: (path: string) => void,
  others: readonly string[] = [],
): Promise<RunningNode> {
  const path = freshPath()
  prepare(path)
  const running = await runningNode({ path })
  await importLines(running.peer, [...feed.lines, ...others])
  await running.peer.call('ebt.request', [feed.keys.id, true])
  return running
}

async function newcomer(feed: ArchivedFeed, path = freshPath()): Promise<RunningNode> {
  const running = await runningNode({ path })
  await running.peer.call('ebt.request', [feed.keys.id, true])
  return running
}

const dial = ({ peer }: RunningNode, to: RunningNode) =>
  peer.call('conn.connect', [to.node.address])

async function untilChecked(peer: Peer, id: string): Promise<void> {
  for (;;) {
    const line = await lineOf(peer, id)
    if (line !== undefined && line.uncheckedFrom === undefined) return
  }
}

async function expectWhole({ peer }: RunningNode, feed: ArchivedFeed): Promise<void> {
  const held = await feedUpTo(peer, feed.keys.id, feed.messages.length)
  expect(held.map(({ value }) => JSON.stringify(value))).toEqual(
    feed.messages.map(({ compact }) => Buffer.from(compact).toString()),
  )
}

test('a newcomer fetches the blocks of an archive, goes on by EBT, and serves them on', async () => {
  const feed = new ArchivedFeed('catches up', 2_600)
  const first = feed.pack(feed.messages.slice(0, 1_500))
  const second = feed.pack(feed.messages.slice(1_500), first)
  feed.write({ ...second.content })
  feed.write({ type: 'post', text: 'after the archive' })
  const giver = await archivist(feed, (path) => {
    putBlobs(path, first)
    putBlobs(path, second)
  })
  const taker = await newcomer(feed)
  await dial(taker, giver)
  await expectWhole(taker, feed)
  expect(await archivesOf(taker.peer)).toMatchObject({ feeds: 1, messages: 2_600, refused: {} })
  await untilChecked(taker.peer, feed.keys.id)

  const third = await newcomer(feed)
  await dial(third, taker)
  await expectWhole(third, feed)
  expect(await archivesOf(third.peer)).toMatchObject({ feeds: 1, messages: 2_600, refused: {} })
  await untilChecked(third.peer, feed.keys.id)
  expect(await lineOf(third.peer, feed.keys.id)).toMatchObject({ sequence: 2_602, state: 'ok' })
})

/** The same ids, another text in one message: the low byte of ų is that of s. */
function falsified(messages: readonly ClassicMessage[], index: number) {
  return messages.map((message, at) => {
    if (at !== index) return message
    const text = Buffer.from(message.compact).toString().replace('somebody', '\u0173omebody')
    return { ...message, compact: Buffer.from(text) }
  })
}

describe('an archive that is wrong comes to nothing, and its feed comes by EBT', () => {
  const feedOf = (name: string) => new ArchivedFeed(name, 300)

  type Wrong = (feed: ArchivedFeed, path: string) => object
  const wrongs: readonly (readonly [string, Wrong, RegExp])[] = [
    [
      'another last message',
      (feed, path) => {
        const packed = feed.pack()
        putBlobs(path, packed)
        return { ...packed.content, lastMessage: feed.messages[7]!.key }
      },
      /^ARCHIVE_CLAIM_DIFFERS$/,
    ],
    [
      'blocks of another feed',
      (_feed, path) => {
        const packed = new ArchivedFeed('somebody else', 300).pack()
        putBlobs(path, packed)
        return packed.content
      },
      /^ARCHIVE_CLAIM_DIFFERS$/,
    ],
    [
      'a dictionary that is not there',
      (feed, path) => {
        const packed = feed.pack()
        const blobs = packed.blobs.filter(({ id }) => !packed.dictionaries.includes(id))
        putBlobs(path, { blobs })
        return packed.content
      },
      /^REMOTE_ERROR$/,
    ],
    [
      'bytes that are no bundle',
      (feed, path) => {
        const bytes = Buffer.alloc(5_000, 7)
        const bundle = blobIdFromBytes(sha256(bytes))
        putBlob(path, bundle, bytes)
        return { ...feed.pack().content, bundle, size: bytes.length }
      },
      // Already the giver does not find its way in it.
      /^REMOTE_ERROR$/,
    ],
    [
      'a longer range than its bundle',
      (feed, path) => {
        const packed = feed.pack(feed.messages.slice(0, 200))
        putBlobs(path, packed)
        return { ...packed.content, last: 300 }
      },
      /^ARCHIVE_CLAIM_DIFFERS$/,
    ],
  ]

  for (const [what, make, code] of wrongs) {
    test(`with ${what}`, async () => {
      const feed = feedOf(what)
      const path = freshPath()
      feed.write(make(feed, path))
      const giver = await runningNode({ path })
      await importLines(giver.peer, feed.lines)
      await giver.peer.call('ebt.request', [feed.keys.id, true])
      const taker = await newcomer(feed)
      await dial(taker, giver)
      await expectWhole(taker, feed)
      const { messages, refused } = await archivesOf(taker.peer)
      expect([messages, Object.keys(refused).length]).toEqual([0, 1])
      expect(Object.keys(refused)[0]).toMatch(code)
    })
  }

  test('with a false text under the right ids, once its signatures are checked', async () => {
    const feed = feedOf('false text')
    const packed = packMessages(feed.keys, falsified(feed.messages, 200))
    feed.write({ ...packed.content })
    const giver = await archivist(feed, (path) => putBlobs(path, packed))
    const taker = await newcomer(feed)
    await dial(taker, giver)
    await feedUpTo(taker.peer, feed.keys.id, 301)
    await untilChecked(taker.peer, feed.keys.id)
    await expectWhole(taker, feed)
    expect((await taker.peer.call('feeds.forks', [feed.keys.id])) as unknown[]).toEqual([])
    // Archives of this feed are not taken on its author's word again.
    const line = await lineOf(taker.peer, feed.keys.id)
    expect(line).toMatchObject({ sequence: 301, state: 'ok' })
  })
})
