import { expect, test } from 'vitest'
import { Author, Follower, TestShard } from './shard-fixture.js'

test('a live query ends with INDEX_REBUILT instead of giving the messages of a rebuilt feed again', async () => {
  const ada = new Author('ada')
  const shard = await TestShard.open()
  await shard.append(ada, ada.take(3))
  const stream = shard.shard.query({ order: 'received', live: true })
  const given: unknown[] = []
  const reading = (async () => {
    for await (const chunk of stream) given.push(chunk)
  })().catch((error: { code: string }) => error.code)
  await shard.simulation.runUntilIdle()
  expect(given.at(-1)).toEqual({ sync: true })
  const count = given.length
  expect(await shard.run(shard.feed(ada).rebuild())).toEqual({ messages: 3 })
  await shard.append(ada, ada.take(1))
  expect(await shard.run(reading)).toBe('INDEX_REBUILT')
  expect(given).toHaveLength(count)
  await shard.stop()
})

test('a rebuild of a shard ends live queries with INDEX_REBUILT; a live reader of one feed goes on', async () => {
  const ada = new Author('ada')
  const shard = await TestShard.open()
  await shard.append(ada, ada.take(3))
  const query = new Follower(shard.shard.query({ order: 'received', live: true }))
  const reader = new Follower(shard.feed(ada).read({ live: true }))
  await shard.simulation.runUntilIdle()
  let last: unknown
  const rebuilding = async () => {
    for await (const chunk of shard.shard.rebuild()) last = chunk
  }
  await shard.run(rebuilding())
  expect(last).toEqual({ feeds: 1, totalFeeds: 1, messages: 3, failed: [] })
  await shard.simulation.runUntilIdle()
  expect([query.code, query.sequences]).toEqual(['INDEX_REBUILT', [1, 2, 3, 'sync']])
  await shard.append(ada, ada.take(1))
  await shard.simulation.runUntilIdle()
  expect([query.code, query.sequences]).toEqual(['INDEX_REBUILT', [1, 2, 3, 'sync']])
  expect([reader.code, reader.sequences]).toEqual([null, [1, 2, 3, 'sync', 4]])
  await reader.leave()
  await shard.stop()
})
