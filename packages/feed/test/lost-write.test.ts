import type { ClassicMessage } from '@dunbar/formats'
import type { MemoryFileSystem } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import type { ClockChunk } from '../src/protocol.js'
import { Author, TestShard } from './shard-fixture.js'

/** What a power cut leaves of writes that were not synced: an earlier one may be lost and a later one kept. */

const ada = new Author('ada')
const messages = ada.take(8)
const OPENED = { data: { passivateAfterMs: 1000 } } as const

/** States of a disk after two synced messages and three writes of two that were not. */
async function* crashed(): AsyncGenerator<MemoryFileSystem> {
  const shard = await TestShard.open()
  await shard.append(ada, messages.slice(0, 2))
  await shard.run(shard.shard.checkpoint())
  for (const at of [2, 4, 6]) await shard.append(ada, messages.slice(at, at + 2))
  yield* shard.fs.crashImages('lost-write')
  await shard.stop()
}

/** How far the shard tells its peers that it holds the feed: from there on they send. */
async function toldHead(shard: TestShard): Promise<number> {
  let head = 0
  const reading = async () => {
    for await (const chunk of shard.shard.clock() as AsyncIterable<ClockChunk>) {
      if ('sequences' in chunk) head = chunk.sequences[0]!
    }
  }
  await shard.run(reading())
  return head
}

const chainOf = (held: readonly number[]): number => {
  const gap = held.findIndex((sequence, index) => sequence !== index + 1)
  return gap === -1 ? held.length : gap
}

test('a feed is a whole beginning after a lost write or says that it is damaged, and is whole once peers sent what follows the clock', async () => {
  let holeCount = 0
  for await (const fs of crashed()) {
    const shard = await TestShard.open({ fs, ...OPENED })
    const held = await shard.sequencesOf(ada)
    const head = await toldHead(shard)
    expect(head, fs.origin).toBe(chainOf(held))
    const hasHole = held.length > head
    if (hasHole) holeCount += 1
    const { state } = await shard.run(shard.feed(ada).status())
    expect(state, fs.origin).toBe(hasHole ? 'damaged' : 'ok')
    const found = await shard.run(shard.feed(ada).verify())
    const lost = hasHole ? [{ sequence: head + 1, reason: 'FRAME_DAMAGED' }] : []
    expect(found.damaged.slice(0, 1), fs.origin).toEqual(lost)

    await shard.append(ada, messages.slice(head) as ClassicMessage[])
    await expectWhole(shard, fs.origin)
    await shard.stop()
    const again = await TestShard.open({ fs, ...OPENED })
    await expectWhole(again, fs.origin)
    await again.stop()
  }
  expect(holeCount).toBeGreaterThan(2)
})

async function expectWhole(shard: TestShard, origin: string): Promise<void> {
  expect(await shard.sequencesOf(ada), origin).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(await toldHead(shard), origin).toBe(8)
  const { state } = await shard.run(shard.feed(ada).status())
  expect(state, origin).toBe('ok')
  expect((await shard.run(shard.feed(ada).verify())).damaged, origin).toEqual([])
}

test('a message that is found damaged is asked for again from the next start on', async () => {
  const shard = await TestShard.open(OPENED)
  await shard.append(ada, messages)
  await shard.run(shard.shard.checkpoint())
  await shard.simulation.advance(5000)
  const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
  shard.fs.corrupt(path, 52 + messages[0]!.compact.length + 52 + 100)
  expect(await shard.codeOf(shard.feed(ada).get(2))).toBe('STORE_ROW_DAMAGED')
  await shard.stop()

  const again = await TestShard.open({ fs: shard.fs, ...OPENED })
  expect(await toldHead(again)).toBe(1)
  await again.append(ada, messages.slice(1))
  await expectWhole(again, 'healed')
  await again.stop()
})
