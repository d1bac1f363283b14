import { feedIdToBytes } from '@dunbar/core'
import { expect, test } from 'vitest'
import { ForkedFeed } from '../fixtures/forked-feed.js'
import { collect, importLines, runningNode } from '../fixtures/running-node.js'

const SHARDS = 3

const feedsWith = (messageCount: number, feedCount: number) =>
  Array.from({ length: feedCount }, () => new ForkedFeed(messageCount)).sort((a, b) =>
    Buffer.compare(feedIdToBytes(a.id), feedIdToBytes(b.id)),
  )

const linesOf = (feeds: readonly ForkedFeed[]) =>
  feeds.flatMap(({ messages }) => messages).map((message) => JSON.stringify(message))

test('feeds.forked gives the forks of all shards, then new ones as they are seen', async () => {
  const { peer } = await runningNode({ shards: SHARDS })
  const feeds = feedsWith(3, 8)
  await importLines(peer, linesOf(feeds))
  expect(await collect(peer.source('feeds.forked'))).toEqual([])
  const stored = []
  for (const feed of feeds.slice(0, 5)) {
    const side = feed.side(2)
    await expect(peer.call('add', [side])).rejects.toThrow(/FORK/)
    stored.push(feed.fork(side))
  }
  expect(await collect(peer.source('feeds.forked'))).toEqual(stored)

  const live = peer.source('feeds.forked', [{ live: true }])
  const unmarked = peer.source('feeds.forked', [{ live: true, sync: false }])
  const news = peer.source('feeds.forked', [{ live: true, old: false }])
  const take = async (stream: AsyncIterator<unknown>, count: number) => {
    const items: unknown[] = []
    while (items.length < count) items.push((await stream.next()).value)
    return items
  }
  expect(await take(live, 6)).toEqual([...stored, { sync: true }])
  expect(await take(unmarked, 5)).toEqual(stored)
  for (const feed of feeds) {
    const side = feed.side(3)
    await expect(peer.call('add', [side])).rejects.toThrow(/FORK/)
    for (const stream of [live, unmarked, news]) {
      expect(await take(stream, 1)).toEqual([feed.fork(side)])
    }
  }
  for (const stream of [live, unmarked, news]) await stream.return?.()
})

test('feeds.forked has what the same client adds right after opening it', async () => {
  const { peer } = await runningNode()
  const feed = new ForkedFeed(3)
  await importLines(peer, linesOf([feed]))
  for (let round = 0; round < 10; round++) {
    const stream = peer.source('feeds.forked', [{ live: true, old: false }])
    const first = stream.next()
    const side = feed.side(3, `round ${round}`)
    await expect(peer.call('add', [side])).rejects.toThrow(/FORK/)
    expect((await first).value).toEqual(feed.fork(side))
    await stream.return?.()
  }
})

test('feeds.forked refuses options that make no sense', async () => {
  const { peer } = await runningNode()
  await expect(collect(peer.source('feeds.forked', [{ live: 'maybe' }]))).rejects.toThrow(
    /live must be true or false/,
  )
})
