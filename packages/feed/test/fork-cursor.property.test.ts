import { feedIdToBytes } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ForkChunk, ForkQuery, ForkRow } from '../src/protocol.js'
import { Author, framesOf, TestShard } from './shard-fixture.js'

/** Keeps what a stream tells. One that reads slowly takes a chunk when it is let. */
class ForkReader {
  readonly told: ForkRow[] = []
  chunkCount = 0
  /** How much was told before the marker; null where there was none. */
  syncAt: number | null = null
  isEnded = false
  readonly #stream: AsyncIterableIterator<ForkChunk>
  #permits: number
  #resume: () => void = () => undefined

  constructor(shard: TestShard, query: ForkQuery, isSlow = false) {
    this.#stream = shard.shard.forkStream(query, isSlow ? { credit: 1 } : {})
    this.#permits = isSlow ? 1 : Number.POSITIVE_INFINITY
    // The shard stops under its readers.
    this.#read().catch(() => undefined)
  }

  let(chunkCount: number): void {
    this.#permits += chunkCount
    this.#resume()
  }

  async #read(): Promise<void> {
    for (;;) {
      while (this.#permits === 0) {
        await new Promise<void>((resolve) => {
          this.#resume = resolve
        })
      }
      this.#permits -= 1
      const { done, value } = await this.#stream.next()
      if (done) break
      if ('sync' in value) this.syncAt = this.told.length
      else {
        this.chunkCount += 1
        this.told.push(...value.forks)
      }
    }
    this.isEnded = true
  }
}

const byIdBytes = (a: Author, b: Author) => Buffer.compare(feedIdToBytes(a.id), feedIdToBytes(b.id))

/** What each feed says when it is asked, feeds by id bytes. */
async function forksOf(shard: TestShard, authors: readonly Author[]): Promise<ForkRow[]> {
  const rows: ForkRow[] = []
  for (const author of authors.toSorted(byIdBytes)) {
    for (const { sequence, kept, refused } of await shard.run(shard.feed(author).forks())) {
      const [keptKey, refusedKey] = [framesOf(kept)[0]!.key, framesOf(refused)[0]!.key]
      rows.push({ id: author.id, sequence, kept: keptKey, refused: refusedKey } as ForkRow)
    }
  }
  return rows
}

async function rebuildAll(shard: TestShard): Promise<void> {
  const stream = shard.shard.rebuild()
  while (!(await shard.run(stream.next())).done);
}

const ofFeed = (rows: readonly ForkRow[], { id }: Author) => rows.filter((row) => row.id === id)

/** Messages of the author for the place behind the given one, all different. */
const sidesOf = (author: Author, at: number, count: number, name: unknown) =>
  Array.from({ length: count }, (_, index) =>
    author.sign({ type: 'post', text: `side ${name} ${index}` }, author.messages[at]!),
  )

describe('the forks of a shard', () => {
  const who = fc.nat(3)
  const step = fc.oneof(
    fc.record({ op: fc.constant('append' as const), who, count: fc.integer({ min: 1, max: 5 }) }),
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('fork' as const),
        who,
        count: fc.integer({ min: 1, max: 7 }),
        at: fc.nat(7),
      }),
    },
    fc.record({ op: fc.constant('rebuild' as const), who }),
    fc.record({ op: fc.constant('rebuildAll' as const) }),
    fc.record({
      op: fc.constant('open' as const),
      query: fc.record({ live: fc.constant(true), old: fc.boolean() }),
      isSlow: fc.boolean(),
    }),
    fc.record({ op: fc.constant('let' as const), count: fc.integer({ min: 1, max: 3 }) }),
  )

  test('are told to every reader once each, however slowly it reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        const authors = ['a', 'b', 'c', 'd'].map((name) => new Author(name))
        for (const author of authors) author.take(8)
        const shard = await TestShard.open()
        const readers: { query: ForkQuery; held: ForkRow[]; reader: ForkReader }[] = []
        const open = async (query: ForkQuery, isSlow: boolean) => {
          const held = await forksOf(shard, authors)
          readers.push({ query, held, reader: new ForkReader(shard, query, isSlow) })
          await shard.simulation.runUntilIdle()
        }
        for (const author of authors) await shard.append(author, author.messages.slice(0, 2))
        for (const author of authors.slice(1)) await shard.append(author, sidesOf(author, 0, 1, ''))
        for (const isSlow of [true, false]) await open({ live: true }, isSlow)
        for (const [turn, each] of steps.entries()) {
          if (each.op === 'open') await open(each.query, each.isSlow)
          else if (each.op === 'rebuildAll') await rebuildAll(shard)
          else if (each.op === 'let') for (const { reader } of readers) reader.let(each.count)
          else {
            const author = authors[each.who]!
            if (each.op === 'rebuild') await shard.run(shard.feed(author).rebuild())
            else if (each.op === 'append') {
              const { sequence } = await shard.run(shard.feed(author).status())
              await shard.append(author, author.messages.slice(sequence, sequence + each.count))
            } else await shard.append(author, sidesOf(author, each.at, each.count, turn))
          }
          await shard.simulation.runUntilIdle()
        }
        for (const { reader } of readers) reader.let(Number.POSITIVE_INFINITY)
        await shard.simulation.runUntilIdle()
        const all = await forksOf(shard, authors)
        for (const { query, held, reader } of readers) {
          const isOld = query.old ?? true
          for (const author of authors) {
            const old = ofFeed(held, author)
            const wanted = ofFeed(all, author).slice(isOld ? 0 : old.length)
            expect(ofFeed(reader.told, author)).toEqual(wanted)
            const before = ofFeed(reader.told.slice(0, reader.syncAt ?? 0), author)
            if (isOld) expect(before.slice(0, old.length)).toEqual(old)
          }
          expect(reader.syncAt === null).toBe(!isOld)
          expect(reader.isEnded).toBe(false)
        }
        const once = new ForkReader(shard, {})
        await shard.simulation.runUntilIdle()
        expect([once.told, once.syncAt, once.isEnded]).toEqual([all, null, true])
        await shard.stop()
      }),
      { numRuns: 60 },
    )
  })

  test('are told of after a restart as well', async () => {
    const ada = new Author('ada')
    ada.take(3)
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    await shard.append(ada, sidesOf(ada, 0, 2, ''))
    const held = await forksOf(shard, [ada])
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs })
    const reader = new ForkReader(again, { live: true })
    await again.simulation.runUntilIdle()
    expect(reader.told).toEqual(held)
    expect(held.map(({ sequence }) => sequence)).toEqual([2, 2])
    expect(reader.syncAt).toBe(2)
    await again.append(ada, sidesOf(ada, 1, 1, ''))
    await again.simulation.runUntilIdle()
    expect(reader.told.map(({ sequence }) => sequence)).toEqual([2, 2, 3])
    await again.stop()
  })

  test('that come at once in one feed are one chunk, sixteen at most', async () => {
    const ada = new Author('ada')
    ada.take(3)
    const shard = await TestShard.open()
    await shard.append(ada, ada.messages)
    const reader = new ForkReader(shard, { live: true })
    await shard.simulation.runUntilIdle()
    const sides = sidesOf(ada, 0, 20, '')
    await shard.append(ada, [...sides, ...sides])
    await shard.simulation.runUntilIdle()
    expect([reader.chunkCount, reader.syncAt]).toEqual([1, 0])
    expect(reader.told).toEqual(
      sides.slice(0, 16).map(({ key }) => ({
        id: ada.id,
        sequence: 2,
        kept: ada.messages[1]!.key,
        refused: key,
      })),
    )
    await shard.stop()
  })

  test('are those of a shard as it is, for one who does not stay', async () => {
    const shard = await TestShard.open()
    const none = new ForkReader(shard, { old: false })
    await shard.simulation.runUntilIdle()
    expect([none.told, none.syncAt, none.isEnded]).toEqual([[], null, true])
    await shard.stop()
  })
})
