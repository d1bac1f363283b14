import type { MemoryFileSystem } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import { readRecord } from '../src/feed-record.js'
import { appendBlock, falsified, packed } from './block-fixture.js'
import { Author, cpuActor, TestShard } from './shard-fixture.js'
import { putFile } from './store-fixture.js'

/** A `feed.json` that the disk has damaged: what it said is not known any more. */

const folderOf = ({ keys }: Pick<Author, 'keys'>): string => {
  const hex = Buffer.from(keys.publicKey).toString('hex')
  return `/data/feeds/${hex.slice(0, 2)}/${hex.slice(2)}`
}

const opened = (options: Parameters<typeof TestShard.open>[0] = {}) =>
  TestShard.open({ services: [cpuActor()], ...options })

const status = (shard: TestShard, author: Author) => shard.run(shard.feed(author).status())

/** Makes the record unreadable, or puts an unreadable one where there is none. */
const damage = (fs: MemoryFileSystem, author: Pick<Author, 'keys'>): void =>
  putFile(fs, `${folderOf(author)}/feed.json`, new Uint8Array(Buffer.from('{"version":1,')))

test('false messages whose mark was lost with it are found, never passed on, and cut off', async () => {
  const ada = new Author('ada')
  ada.take(60)
  const shard = await opened()
  const block = packed(ada, falsified(ada.messages, 30))
  await shard.run(appendBlock(shard, ada, block, { through: 60 }))
  await shard.stop()
  damage(shard.fs, ada)

  const again = await opened({ fs: shard.fs })
  expect(await status(again, ada)).toMatchObject({ sequence: 60, uncheckedFrom: 1 })
  expect(await again.sequencesOf(ada, { isPassedOn: true })).toEqual([])
  await again.simulation.advance(5_000)
  expect(await status(again, ada)).toMatchObject({ sequence: 30, messages: 30, state: 'ok' })
  expect((await status(again, ada)).uncheckedFrom).toBeUndefined()
  await again.stop()
})

test('true messages are passed on as soon as they are checked, and archives of the feed not trusted', async () => {
  const ada = new Author('ada')
  ada.take(60)
  const shard = await opened()
  await shard.append(ada, ada.messages.slice(0, 50))
  await shard.stop()
  damage(shard.fs, ada)

  const again = await opened({ fs: shard.fs })
  expect(await status(again, ada)).toMatchObject({ sequence: 50, uncheckedFrom: 1 })
  await again.append(ada, ada.messages.slice(50, 55))
  await again.simulation.advance(5_000)
  expect((await status(again, ada)).uncheckedFrom).toBeUndefined()
  expect(await again.sequencesOf(ada, { isPassedOn: true })).toHaveLength(55)
  const archive = appendBlock(again, ada, packed(ada, ada.messages), { through: 60 })
  expect(await again.codeOf(archive)).toBe('ARCHIVE_DISTRUSTED')
  expect(readRecord(again.fs, folderOf(ada))).toMatchObject({
    ok: true,
    record: { distrust: 'RECORD_DAMAGED' },
  })
  await again.stop()
})

test('own messages are checked too, and none of them is deleted', async () => {
  const own = new Author('own')
  const shard = await opened({ own: own.keys })
  for (const text of ['one', 'two', 'three']) await shard.publish(own.keys, { type: 'post', text })
  await shard.stop()
  damage(shard.fs, own)

  const again = await opened({ fs: shard.fs, own: own.keys, data: { hmacKey: new Uint8Array(32) } })
  await again.simulation.advance(5_000)
  expect(await status(again, own)).toMatchObject({ sequence: 3, messages: 3 })
  expect((await status(again, own)).uncheckedFrom).toBeUndefined()
  await again.stop()
})
