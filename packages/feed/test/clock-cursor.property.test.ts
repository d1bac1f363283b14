import { feedIdFromBytes } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClockChunk } from '../src/protocol.js'
import { Author, TestShard } from './shard-fixture.js'

/** Puts a clock together from what a stream tells. */
class ClockReader {
  readonly clock = new Map<string, number>()
  readonly stream: AsyncIterableIterator<ClockChunk>
  chunkCount = 0
  isSynced = false
  isEnded = false
  /** Chunks that told what the reader knew already. */
  repeatCount = 0

  constructor(stream: AsyncIterableIterator<ClockChunk>) {
    this.stream = stream
    // The shard stops under its readers.
    this.#read().catch(() => undefined)
  }

  async #read() {
    for await (const chunk of this.stream) {
      if ('sync' in chunk) {
        this.isSynced = true
        continue
      }
      this.chunkCount += 1
      for (const [index, sequence] of chunk.sequences.entries()) {
        const id = feedIdFromBytes(chunk.authors.subarray(index * 32, index * 32 + 32))
        if ((this.clock.get(id) ?? 0) === sequence) this.repeatCount += 1
        if (sequence === 0) this.clock.delete(id)
        else this.clock.set(id, sequence)
      }
    }
    this.isEnded = true
  }
}

async function heldClock(shard: TestShard) {
  const feeds = await shard.run(shard.shard.feeds())
  const held = feeds.filter(({ sequence }) => sequence > 0)
  return new Map(held.map(({ id, sequence }) => [id as string, sequence]))
}

describe('the clock of a shard', () => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant('append' as const),
      who: fc.nat(3),
      from: fc.nat(5),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ op: fc.constant('rebuild' as const), who: fc.nat(3) }),
    fc.record({ op: fc.constant('open' as const), who: fc.constant(0) }),
  )

  test('tells every reader what is held, whatever is appended, merged and rebuilt', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const authors = ['a', 'b', 'c', 'd'].map((name) => new Author(name))
        for (const author of authors) author.take(12)
        const shard = await TestShard.open()
        const readers = [new ClockReader(shard.shard.clock(true))]
        for (const { op, who, ...range } of steps) {
          const author = authors[who]!
          if (op === 'open') readers.push(new ClockReader(shard.shard.clock(true)))
          if (op === 'rebuild') await shard.run(shard.feed(author).rebuild())
          if ('from' in range) {
            const { from, count } = range
            await shard.append(author, author.messages.slice(from, from + count), true)
          }
        }
        await shard.simulation.runUntilIdle()
        const held = await heldClock(shard)
        for (const reader of readers) {
          expect(reader.isSynced).toBe(true)
          expect(reader.clock).toEqual(held)
          expect(reader.repeatCount).toBe(0)
        }
        const once = new ClockReader(shard.shard.clock())
        await shard.simulation.runUntilIdle()
        expect([once.clock, once.isSynced, once.isEnded]).toEqual([held, false, true])
        await shard.stop()
      }),
      { numRuns: 60 },
    )
  })

  test('goes down where messages turn out to be damaged', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(ada, ada.take(3))
    const reader = new ClockReader(shard.shard.clock(true))
    await shard.simulation.advance(5000)
    expect(reader.clock.get(ada.id)).toBe(3)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    shard.fs.corrupt(path, shard.fs.stat(path)!.sizeBytes - 10)
    await shard.run(shard.feed(ada).rebuild())
    await shard.simulation.runUntilIdle()
    expect(reader.clock.get(ada.id)).toBe(2)
    await shard.stop()
  })

  test('tells of many messages that are stored in one turn with one chunk', async () => {
    const authors = Array.from({ length: 40 }, (_, index) => new Author(`author ${index}`))
    const shard = await TestShard.open()
    const reader = new ClockReader(shard.shard.clock(true))
    await shard.simulation.runUntilIdle()
    for (const author of authors) await shard.append(author, author.take(1))
    await shard.simulation.runUntilIdle()
    const { chunkCount } = reader
    await shard.append(authors[0]!, authors[0]!.take(20))
    await shard.simulation.runUntilIdle()
    expect(reader.clock.get(authors[0]!.id)).toBe(21)
    expect(reader.chunkCount - chunkCount).toBe(1)
    await shard.stop()
  })
})
