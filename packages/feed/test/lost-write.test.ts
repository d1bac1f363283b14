import type { ClassicMessage } from '@dunbar/formats'
import type { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../src/frame.js'
import type { ClockChunk } from '../src/protocol.js'
import { Author, batchOf, TestShard } from './shard-fixture.js'

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

/** A shard that holds all eight, of which nothing is cached. */
async function filled(): Promise<TestShard> {
  const shard = await TestShard.open(OPENED)
  await shard.append(ada, messages)
  await shard.run(shard.shard.checkpoint())
  await shard.simulation.advance(5000)
  return shard
}

/** Flips a bit of a message's text on the disk; a second time makes it whole again. */
function flip({ fs }: TestShard, sequence: number): void {
  const path = [...fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
  const before = messages.slice(0, sequence - 1)
  fs.corrupt(path, before.reduce((bytes, { compact }) => bytes + 52 + compact.length, 52) + 100)
}

describe('a message that is found damaged while the shard runs', () => {
  test.each([1, 2, 5, 8])(
    'is asked for again, and takes its place when it comes: %i',
    async (at) => {
      const shard = await filled()
      const heads: number[] = []
      const following = async () => {
        for await (const chunk of shard.shard.clock(true) as AsyncIterable<ClockChunk>) {
          if ('sequences' in chunk) heads.push(chunk.sequences[0]!)
        }
      }
      const end = following().catch(({ code }) => code)
      flip(shard, at)
      expect(await shard.codeOf(shard.feed(ada).get(at))).toBe('STORE_ROW_DAMAGED')
      await shard.simulation.advance(100)
      expect(heads).toEqual([8, at - 1])
      expect(await shard.run(shard.feed(ada).status())).toMatchObject({
        sequence: at - 1,
        messages: 8,
        state: 'damaged',
      })
      await shard.append(ada, messages.slice(at - 1))
      await expectWhole(shard, 'healed')
      await shard.simulation.advance(100)
      expect(heads.at(-1)).toBe(8)
      await shard.stop()
      expect(await end).toBe('ACTOR_DOWN')
      const again = await TestShard.open({ fs: shard.fs, ...OPENED })
      await expectWhole(again, 'healed and opened again')
      await again.stop()
    },
  )

  test('is asked for again where verify is who finds it, several as well', async () => {
    const shard = await filled()
    for (const at of [3, 5, 7]) flip(shard, at)
    const { damaged } = await shard.run(shard.feed(ada).verify())
    expect(damaged.map(({ sequence }) => sequence)).toEqual([3, 5, 7])
    expect(await toldHead(shard)).toBe(2)
    await shard.append(ada, messages.slice(2))
    await expectWhole(shard, 'healed')
    await shard.stop()
  })

  test('is asked for again from the first one on, in whatever order they are read', async () => {
    const shard = await filled()
    for (const at of [1, 2, 3, 4, 5, 6, 7, 8]) flip(shard, at)
    for (const at of [8, 5, 2]) {
      expect(await shard.codeOf(shard.feed(ada).get(at))).toBe('STORE_ROW_DAMAGED')
      await shard.simulation.advance(100)
    }
    expect(await toldHead(shard)).toBe(0)
    await shard.append(ada, messages)
    await expectWhole(shard, 'healed')
    await shard.stop()
  })

  test('closes the chain again where the disk has it after all when it comes', async () => {
    const shard = await filled()
    flip(shard, 3)
    expect(await shard.codeOf(shard.feed(ada).get(3))).toBe('STORE_ROW_DAMAGED')
    await shard.simulation.advance(100)
    expect(await toldHead(shard)).toBe(2)
    flip(shard, 3)
    expect(await shard.append(ada, messages.slice(2, 4))).toMatchObject({ added: 0, known: 2 })
    await expectWhole(shard, 'whole after all')
    await shard.stop()
  })

  test('locks publishing where it is one of the own feed, until it is back and confirmed', async () => {
    const shard = await TestShard.open({ own: ada.keys, ...OPENED })
    const held: Uint8Array[] = []
    for (const text of ['one', 'two', 'three']) {
      const content = JSON.stringify({ type: 'post', text })
      const reader = new FrameReader(await shard.run(shard.feed(ada).publish(content)))
      reader.next()
      held.push(Uint8Array.from(reader.message))
    }
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    shard.fs.corrupt(path, 52 + 100)
    await shard.run(shard.feed(ada).verify())
    const { publish } = await shard.run(shard.feed(ada).status())
    expect(publish).toMatchObject({ state: 'recovering', held: 0 })
    await shard.run(shard.feed(ada).append(batchOf(ada, held)))
    await shard.run(shard.feed(ada).confirm(3))
    expect((await shard.run(shard.feed(ada).status())).publish).toMatchObject({
      state: 'safe',
      held: 3,
    })
    await shard.stop()
  })
})

test.each([
  ['a read', 'get'],
  ['verify', 'verify'],
] as const)(
  'messages in a block that %s finds damaged are asked for again, and take their places',
  async (_who, how) => {
    const shard = await filled()
    await shard.run(shard.feed(ada).seal({ keepMessages: 2, minMessages: 1 }))
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('.bipf2'))!
    shard.fs.corrupt(path, 100)
    const feed = shard.feed(ada)
    if (how === 'get') expect(await shard.codeOf(feed.get(4))).toBe('STORE_ROW_DAMAGED')
    else expect((await shard.run(feed.verify())).damaged).toHaveLength(6)
    await shard.simulation.advance(100)
    expect(await toldHead(shard)).toBe(0)
    expect(await shard.sequencesOf(ada)).toEqual([7, 8])
    await shard.append(ada, messages.slice(0, 6))
    await expectWhole(shard, 'healed')
    await shard.stop()
  },
)
