import type { ClassicMessage } from '@dunbar/formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extractLinks } from '../src/links.js'
import type { LinkChunk, LinkQuery, LinkRow } from '../src/protocol.js'
import { Author, batchOf, framesOf, keysOf, TestShard } from './shard-fixture.js'

const START = 1_700_000_000_000
const [ada, ben] = [keysOf('ada').id, keysOf('ben').id]
const blob = `&${'A'.repeat(43)}=.sha256`
const message = `%${'B'.repeat(42)}A=.sha256`
const targets = [ada, ben, blob, message]

const content = fc.oneof(
  fc.record({ type: fc.constant('vote'), vote: fc.record({ link: fc.constantFrom(...targets) }) }),
  fc.record({ type: fc.constant('contact'), contact: fc.constantFrom(...targets) }),
  fc.record({
    type: fc.constant('post'),
    root: fc.constantFrom(...targets, null),
    mentions: fc.array(fc.record({ link: fc.constantFrom(...targets) }), { maxLength: 3 }),
  }),
  fc.constant({ type: 'post', text: 'no link' }),
)
const item = fc.record({ author: fc.constantFrom('ada', 'ben'), content, received: fc.nat(30) })
const query = fc.record(
  {
    dest: fc.constantFrom(...targets, '@', '%', '&', 'nothing'),
    source: fc.constantFrom(ada, ben, '@', keysOf('nobody').id, 'nothing'),
    rel: fc.constantFrom('vote', 'contact', 'root', 'mentions', 'unheard-of'),
    reverse: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<LinkQuery>

interface Held {
  readonly author: Author
  readonly message: ClassicMessage
  readonly received: number
}

function written(
  items: readonly {
    readonly author: string
    readonly content: object
    readonly received: number
  }[],
): Held[] {
  const authors = new Map(['ada', 'ben'].map((name) => [name, new Author(name)]))
  return items.map(({ author: name, content: given, received }) => {
    const author = authors.get(name)!
    return { author, message: author.write(given), received: START + received }
  })
}

const isWanted = (filter: string | undefined, id: string) =>
  filter === undefined || (filter.length === 1 ? id.startsWith(filter) : id === filter)

/** The slow, obvious way: look at every link of every message. */
function expected(
  held: readonly Held[],
  { dest, source, rel }: LinkQuery,
): (LinkRow & { at: number })[] {
  return held.flatMap(({ message: { key, author, content: given }, received }) =>
    extractLinks(given)
      .filter(({ target, relation }) => isWanted(dest, target) && (rel ?? relation) === relation)
      .filter(() => isWanted(source, author))
      .map(({ target, relation }) => ({
        source: author,
        dest: target,
        rel: relation,
        key,
        at: received,
      })),
  )
}

async function read(shard: TestShard, asked: LinkQuery) {
  const rows: (LinkRow & { at: number })[] = []
  const stream = shard.shard.links(asked)
  for (;;) {
    const { done, value } = await shard.run(stream.next())
    if (done) return rows
    if ('links' in value) rows.push(...rowsOf(value))
  }
}

function rowsOf(chunk: Extract<LinkChunk, { readonly links: unknown }>) {
  const frames = framesOf(chunk.frames)
  expect(frames.map(({ key }) => key)).toEqual(chunk.links.map(({ key }) => key))
  return chunk.links.map((link, at) => ({ ...link, at: chunk.order[at]! }))
}

const sorted = (rows: readonly (LinkRow & { at: number })[]) =>
  rows.map((row) => JSON.stringify(row)).sort()

const ingest = async (shard: TestShard, held: readonly Held[]) => {
  for (const { author, message: each, received } of held) {
    await shard.run(shard.shard.ingest(batchOf(author, [each], received)))
  }
}

describe('links', () => {
  test('are those that looking at every message finds, by arrival', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 30 }),
        fc.array(query, { minLength: 1, maxLength: 8 }),
        async (items, queries) => {
          const held = written(items)
          const shard = await TestShard.open()
          await ingest(shard, held)
          for (const asked of queries) {
            const rows = await read(shard, asked)
            expect(sorted(rows)).toEqual(sorted(expected(held, asked)))
            const times = rows.map(({ at }) => at)
            const inOrder = [...times].sort((left, right) => left - right)
            expect(times).toEqual(asked.reverse ? inOrder.reverse() : inOrder)
          }
          await shard.stop()
        },
      ),
      { numRuns: 100 },
    )
  }, 60_000)

  test('live, come once each, whatever arrives while they are read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { minLength: 1, maxLength: 30 }),
        fc.nat(30),
        query,
        fc.boolean(),
        async (items, early, asked, old) => {
          const held = written(items)
          const shard = await TestShard.open()
          await ingest(shard, held.slice(0, early))
          const rows: (LinkRow & { at: number })[] = []
          const stream = shard.shard.links({ ...asked, live: true, old }, { credit: 1 })
          let syncCount = 0
          const reading = (async () => {
            for await (const chunk of stream) {
              if ('links' in chunk) rows.push(...rowsOf(chunk))
              else syncCount += 1
            }
          })()
          await ingest(shard, held.slice(early))
          await shard.simulation.runUntilIdle()
          expect(syncCount).toBe(old ? 1 : 0)
          expect(sorted(rows)).toEqual(sorted(expected(old ? held : held.slice(early), asked)))
          await stream.return?.()
          await shard.run(reading)
          await shard.stop()
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  test('pass over a message that is damaged on the disk', async () => {
    const held = written(
      [1, 2, 3].map((at) => ({
        author: 'ada',
        content: { type: 'vote', vote: { link: ben } },
        received: at,
      })),
    )
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000 } })
    await ingest(shard, held)
    await shard.run(shard.shard.sync())
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    shard.fs.corrupt(path, 52 + held[0]!.message.compact.length + 60)
    const keys = (await read(shard, { dest: ben })).map(({ key }) => key)
    expect(keys).toEqual([held[0]!.message.key, held[2]!.message.key])
    await shard.stop()
  })

  test('are looked for in many messages without holding the shard up', async () => {
    const author = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(author, author.take(2000))
    const stream = shard.shard.links({ dest: '&' }, { credit: 1 })
    let statusAt = -1
    let chunkCount = 0
    const status = shard.shard.status().then(() => {
      statusAt = chunkCount
    })
    const reading = (async () => {
      for await (const _ of stream) chunkCount += 1
    })()
    await shard.run(Promise.all([reading, status]))
    expect(chunkCount).toBeGreaterThan(10)
    expect(statusAt).toBeLessThan(chunkCount)
    await shard.stop()
  })

  test.each([{ dest: 5 }, { source: '' }, { rel: {} }])('refuses %j', async (asked) => {
    const shard = await TestShard.open()
    const stream = shard.shard.links(asked as unknown as LinkQuery)
    expect(await shard.codeOf(stream.next())).toBe('REQUEST_INVALID')
    expect(shard.events).toEqual([])
    await shard.stop()
  })
})
