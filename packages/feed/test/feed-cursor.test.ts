import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReadRange } from '../src/protocol.js'
import { Author, Follower, TestShard } from './shard-fixture.js'

const author = new Author('ada')
/** Long ones, so that a few of them fill a chunk. */
const trunk = Array.from({ length: 40 }, (_, at) =>
  author.write({ type: 'post', text: `${at + 1}`.padEnd(7000, '.') }),
)

/** The slow, obvious way to read a range of what is held. */
function expected(held: readonly number[], head: number, range: ReadRange): number[] {
  const { from = 1, to = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY } = range
  if (range.old === false) return []
  let found = held.filter((sequence) => sequence >= from && sequence <= to)
  if (range.live) found = found.filter((sequence) => sequence <= head)
  found.sort((left, right) => (range.reverse ? right - left : left - right))
  return found.slice(0, Math.max(0, Math.floor(limit)))
}

const headOf = (held: ReadonlySet<number>) => {
  let head = 0
  while (held.has(head + 1)) head += 1
  return head
}

const numbers = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -2, max: 45 }) },
  { weight: 1, arbitrary: fc.constantFrom(0.5, 2.5, 1e300, -1e300, 2 ** 31, Infinity, -Infinity) },
)
const ranges = fc.record(
  { from: numbers, to: numbers, limit: numbers, reverse: fc.boolean() },
  { requiredKeys: [] },
)

describe('reading a feed', () => {
  test('gives what a list would, whatever range is asked and whatever holes there are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }),
        fc.array(ranges, { minLength: 1, maxLength: 6 }),
        async (sequences, asked) => {
          const shard = await TestShard.open()
          await shard.append(
            author,
            sequences.map((sequence) => trunk[sequence - 1]!),
            true,
          )
          for (const range of asked) {
            expect(await shard.sequencesOf(author, range)).toEqual(
              expected(sequences, headOf(new Set(sequences)), range),
            )
          }
          await shard.stop()
        },
      ),
      { numRuns: 150 },
    )
  }, 60_000)

  test('live, none is lost or doubled, in sequence order, wherever the reader stands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(Array.from({ length: 30 }, (_, at) => at + 1)),
        fc.integer({ min: 0, max: 30 }),
        fc.nat(8),
        fc.record({
          reverse: fc.boolean(),
          old: fc.boolean(),
          from: fc.integer({ min: 1, max: 8 }),
        }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        async (order, splitAt, between, given, sizes) => {
          const shard = await TestShard.open()
          const bySequence = (sequences: readonly number[]) =>
            sequences.map((sequence) => trunk[sequence - 1]!)
          const early = order.slice(0, splitAt)
          await shard.append(author, bySequence(early), true)
          const startHead = headOf(new Set(early))
          const range = { ...given, live: true }
          const follower = new Follower(shard.feed(author).read(range, { credit: 1 }))
          for (let step = 0; step < between; step++) await shard.simulation.advance(0)
          const late = order.slice(splitAt)
          const held = new Set(early)
          for (let at = 0, turn = 0; at < late.length; turn++) {
            const size = sizes[turn % sizes.length]!
            await shard.append(author, bySequence(late.slice(at, at + size)), true)
            for (const sequence of late.slice(at, at + size)) held.add(sequence)
            at += size
          }
          await shard.simulation.runUntilIdle()
          const chain = Array.from({ length: headOf(held) }, (_, at) => at + 1)
          const wanted = chain.filter(
            (sequence) => sequence >= given.from && (given.old || sequence > startHead),
          )
          const seen = follower.sequences.filter((sequence) => sequence !== 'sync')
          expect([...seen].sort((left, right) => left - right)).toEqual(wanted)
          expect(follower.sequences.filter((sequence) => sequence === 'sync')).toHaveLength(
            given.old ? 1 : 0,
          )
          if (!given.reverse) expect(seen).toEqual(wanted)
          await shard.stop()
        },
      ),
      { numRuns: 120 },
    )
  }, 60_000)

  test('says sync once between what is stored and what comes', async () => {
    const shard = await TestShard.open()
    await shard.append(author, trunk.slice(0, 3))
    const both = new Follower(shard.feed(author).read({ live: true }))
    const back = new Follower(shard.feed(author).read({ live: true, reverse: true }))
    const news = new Follower(shard.feed(author).read({ live: true, old: false }))
    await shard.simulation.runUntilIdle()
    await shard.append(author, trunk.slice(3, 5))
    await shard.simulation.runUntilIdle()
    expect(both.sequences).toEqual([1, 2, 3, 'sync', 4, 5])
    expect(back.sequences).toEqual([3, 2, 1, 'sync', 4, 5])
    expect(news.sequences).toEqual([4, 5])
    await shard.stop()
  })

  test('live ends at its limit and at its last sequence', async () => {
    const shard = await TestShard.open()
    await shard.append(author, trunk.slice(0, 2))
    const limited = new Follower(shard.feed(author).read({ live: true, limit: 3 }))
    const bounded = new Follower(shard.feed(author).read({ live: true, to: 4 }))
    await shard.simulation.runUntilIdle()
    expect([limited.isEnded, bounded.isEnded]).toEqual([false, false])
    await shard.append(author, trunk.slice(2, 8))
    await shard.simulation.runUntilIdle()
    expect(limited.sequences).toEqual([1, 2, 'sync', 3])
    expect(bounded.sequences).toEqual([1, 2, 'sync', 3, 4])
    expect([limited.isEnded, bounded.isEnded]).toEqual([true, true])
    await shard.stop()
  })

  test('live, of a feed that is not there yet, begins with its first message', async () => {
    const shard = await TestShard.open()
    const follower = new Follower(shard.feed(author).read({ live: true }))
    await shard.simulation.runUntilIdle()
    await shard.append(author, trunk.slice(0, 2))
    await shard.simulation.runUntilIdle()
    expect(follower.sequences).toEqual(['sync', 1, 2])
    await shard.stop()
  })

  test('a hole of a thousand million sequences costs nothing', async () => {
    const far = author.sign(
      { type: 'post', text: 'far' },
      { sequence: 2 ** 30 - 2, key: trunk[0]!.key },
    )
    const shard = await TestShard.open()
    await shard.append(author, [trunk[0]!, trunk[1]!, far], true)
    const last = 2 ** 30 - 1
    expect(await shard.sequencesOf(author)).toEqual([1, 2, last])
    expect(await shard.sequencesOf(author, { reverse: true })).toEqual([last, 2, 1])
    expect(await shard.sequencesOf(author, { from: 5, limit: 1 })).toEqual([last])
    expect(await shard.sequencesOf(author, { to: 1e9, reverse: true, limit: 1 })).toEqual([2])
    await shard.stop()
  })

  test('passes over messages that are damaged on the disk, both ways', async () => {
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await shard.append(author, trunk.slice(0, 6))
    await shard.run(shard.shard.sync())
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    const ends = trunk.slice(0, 6).map((message) => 52 + message.compact.length)
    let offset = 0
    for (const [at, bytes] of ends.entries()) {
      if (at === 2 || at === 5) shard.fs.corrupt(path, offset + 60)
      offset += bytes
    }
    expect(await shard.sequencesOf(author)).toEqual([1, 2, 4, 5])
    expect(await shard.sequencesOf(author, { reverse: true })).toEqual([5, 4, 2, 1])
    expect(await shard.sequencesOf(author, { from: 6 })).toEqual([])
    await shard.stop()
  })

  test.each([{ limit: Number.NaN }, { from: Number.NaN }, { to: Number.NaN }, { limit: '5' }])(
    'refuses %j',
    async (range) => {
      const shard = await TestShard.open()
      await shard.append(author, trunk.slice(0, 2))
      const stream = shard.feed(author).read(range as ReadRange)
      expect(await shard.codeOf(stream.next())).toBe('REQUEST_INVALID')
      expect(shard.events).toEqual([])
      await shard.stop()
    },
  )

  test('begins with a small chunk and gives larger ones, to a peer all of one size', async () => {
    const shard = await TestShard.open()
    await shard.append(author, trunk)
    const sizesOf = async (range: ReadRange) => {
      const kib: number[] = []
      for await (const chunk of shard.feed(author).read(range)) {
        if ('frames' in chunk) kib.push(chunk.frames.byteLength / 1024)
      }
      return kib
    }
    const own = await shard.run(sizesOf({}))
    const peers = await shard.run(sizesOf({ isPassedOn: true }))
    expect(own.map((kib, at) => kib <= [32, 64, 128, 128][at]!)).toEqual(own.map(() => true))
    expect(own[2]).toBeGreaterThan(64)
    expect(peers.slice(0, -1).filter((kib) => kib <= 32 || kib > 64)).toEqual([])
    await shard.stop()
  })

  test('ends with an error when its actor crashes', async () => {
    const shard = await TestShard.open()
    await shard.append(author, trunk.slice(0, 2))
    const follower = new Follower(shard.feed(author).read({ live: true }))
    await shard.simulation.runUntilIdle()
    shard.fs.failAt(shard.fs.callCount, 'EIO')
    await shard.codeOf(shard.append(author, trunk.slice(2, 3)))
    expect(follower.code).toBe('ACTOR_DOWN')
    await shard.stop()
  })
})
