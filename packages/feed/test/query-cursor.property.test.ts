import type { ClassicMessage } from '@dunbar/formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IngestWriter } from '../src/ingest-batch.js'
import type { Order, ShardQuery } from '../src/protocol.js'
import { Author, batchOf, collect, Follower, pushAll, TestShard } from './shard-fixture.js'

const START = 1_700_000_000_000
const authors = [0, 1, 2].map((number) => new Author(`author ${number}`))
/** So long that a few messages fill a chunk. */
const TEXT_LENGTH = 7000
const types = ['post', 'vote', 'contact']

interface Item {
  readonly author: number
  readonly type: string
  readonly received: number
  readonly claimed: number
}

interface Held extends Item {
  readonly id: Author['id']
  readonly message: ClassicMessage
  readonly row: number
}

/** Messages of three authors in the order in which they arrive. */
function written(items: readonly Item[]): Held[] {
  const writers = authors.map(({ keys }) => {
    const writer = new Author('any')
    return Object.assign(writer, { keys })
  })
  return items.map((item, row) => {
    const writer = writers[item.author]!
    const message = writer.write(
      { type: item.type, text: `${row}`.padEnd(TEXT_LENGTH, '.') },
      START + item.claimed,
    )
    return { ...item, id: writer.id, message, row }
  })
}

const numberOf = (order: Order, held: Held) =>
  order === 'received'
    ? START + held.received
    : Math.min(START + held.received, START + held.claimed)

/** The slow, obvious way: filter, sort, cut. */
function expected(held: readonly Held[], query: ShardQuery): Set<string>[] {
  const at = (each: Held) => numberOf(query.order, each)
  const found = held.filter(
    (each) =>
      (query.author === undefined || each.id === query.author) &&
      (query.type === undefined || each.type === query.type) &&
      (query.gt === undefined || at(each) > query.gt) &&
      (query.gte === undefined || at(each) >= query.gte) &&
      (query.lt === undefined || at(each) < query.lt) &&
      (query.lte === undefined || at(each) <= query.lte),
  )
  found.sort((left, right) => (query.reverse ? at(right) - at(left) : at(left) - at(right)))
  // Those with one number may come in any order among themselves.
  const groups: { at: number; keys: Set<string> }[] = []
  for (const each of found) {
    const last = groups.at(-1)
    if (last?.at === at(each)) last.keys.add(each.message.key)
    else groups.push({ at: at(each), keys: new Set([each.message.key]) })
  }
  return groups.map(({ keys }) => keys)
}

function expectInGroups(keys: readonly string[], groups: readonly Set<string>[], limit: number) {
  const total = groups.reduce((sum, group) => sum + group.size, 0)
  expect(keys).toHaveLength(Math.min(total, limit))
  expect(new Set(keys).size).toBe(keys.length)
  let from = 0
  for (const group of groups) {
    for (const key of keys.slice(from, from + group.size)) expect(group.has(key)).toBe(true)
    from += group.size
  }
}

const item = fc.record({
  author: fc.nat(2),
  type: fc.constantFrom(...types),
  received: fc.nat(40),
  claimed: fc.nat(40),
})
const bound = fc.oneof(
  fc.integer({ min: START - 1, max: START + 41 }),
  fc.constantFrom(Infinity, -Infinity, 1e300, -5.5),
)
const query = fc.record(
  {
    order: fc.constantFrom<Order>('received', 'claimed'),
    author: fc.constantFrom(...authors.map(({ id }) => id)),
    type: fc.constantFrom(...types, 'unheard-of'),
    gt: bound,
    gte: bound,
    lt: bound,
    lte: bound,
    reverse: fc.boolean(),
    limit: fc.oneof(fc.nat(30), fc.constantFrom(0.5, 2.5, 1e300, -1)),
  },
  { requiredKeys: ['order'] },
) as fc.Arbitrary<ShardQuery>

const batchFor = (each: Held) => batchOf({ id: each.id }, [each.message], START + each.received)

/** One after the other, or all in one batch, in which case messages of different authors may change places. */
const ingest = async (shard: TestShard, held: readonly Held[], isBurst = false) => {
  if (isBurst) {
    const writer = new IngestWriter()
    for (const { id, message, received } of held) {
      pushAll(writer, { id }, [message], START + received)
    }
    await shard.run(shard.shard.ingest(writer.finish()))
    return
  }
  for (const each of held) await shard.run(shard.shard.ingest(batchFor(each)))
}

describe('a query', () => {
  test('gives what filtering and sorting a list gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 40 }),
        fc.array(query, { minLength: 1, maxLength: 8 }),
        async (items, queries) => {
          const held = written(items)
          const shard = await TestShard.open()
          await ingest(shard, held)
          for (const asked of queries) {
            const frames = await shard.run(collect(shard.shard.query(asked)))
            const limit = Math.max(0, Math.floor(asked.limit ?? Infinity))
            expectInGroups(
              frames.map(({ key }) => key),
              expected(held, asked),
              limit,
            )
          }
          await shard.stop()
        },
      ),
      { numRuns: 120 },
    )
  }, 60_000)

  test('live, gives what arrives while it reads neither twice nor not at all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { minLength: 12, maxLength: 40 }),
        fc.nat(100),
        fc.nat(20),
        fc.oneof(
          fc.record({
            order: fc.constantFrom<Order>('received', 'claimed'),
            reverse: fc.boolean(),
          }),
          query.map(({ limit: _limit, ...rest }) => rest),
        ),
        fc.boolean(),
        fc.boolean(),
        async (items, earlyPercent, between, asked: ShardQuery, old, isBurst) => {
          const early = Math.floor((items.length * earlyPercent) / 100)
          const held = written(items)
          const shard = await TestShard.open()
          await ingest(shard, held.slice(0, early))
          const follower = new Follower(
            shard.shard.query({ ...asked, live: true, old }, { credit: 1 }),
          )
          for (let step = 0; step < between; step++) await shard.simulation.advance(0)
          await ingest(shard, held.slice(early), isBurst)
          await shard.simulation.runUntilIdle()
          const keys = follower.keys
          const syncAt = keys.indexOf('sync')
          expect(syncAt === -1).toBe(!old)
          const before = keys.slice(0, Math.max(syncAt, 0))
          expectInGroups(before, old ? expected(held.slice(0, early), asked) : [], Infinity)
          const after = keys.slice(syncAt + 1)
          const wanted = new Set(expected(held.slice(early), asked).flatMap((group) => [...group]))
          const inOrder = held.slice(early).map(({ message }) => message.key as string)
          const live = inOrder.filter((key) => wanted.has(key))
          if (isBurst) expect([...after].sort()).toEqual([...live].sort())
          else expect(after).toEqual(live)
          await shard.stop()
        },
      ),
      { numRuns: 120 },
    )
  }, 60_000)

  test('live, is not held up by thousands of messages that it does not want', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const shard = await TestShard.open()
    const stream = shard.shard.query(
      { order: 'received', author: ben.id, live: true },
      { credit: 1 },
    )
    expect(await shard.run(stream.next())).toEqual({ done: false, value: { sync: true } })
    await shard.append(ada, ada.take(9000))
    await shard.append(ben, ben.take(1))
    const follower = new Follower(stream)
    await shard.simulation.runUntilIdle()
    expect(follower.keys).toEqual([ben.messages[0]!.key])
    await shard.stop()
  }, 60_000)

  test.each([
    { order: 'constructor' },
    { order: 'received', limit: Number.NaN },
    { order: 'received', gt: Number.NaN },
    { order: 'received', lte: '5' },
    { order: 'received', author: 'ada' },
    { order: 'received', author: 5 },
  ])('refuses %j, and the shard lives on', async (asked) => {
    const shard = await TestShard.open()
    const stream = shard.shard.query(asked as unknown as ShardQuery)
    expect(await shard.codeOf(stream.next())).toBe('REQUEST_INVALID')
    expect(shard.events).toEqual([])
    await shard.stop()
  })
})
