import { expect, test } from 'vitest'
import { Author, TestShard } from './shard-fixture.js'

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
