import { type FeedId, feedIdFromBytes, messageKeyFromBytes, sha256 } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BlockSource, operators, query } from '../src/index.js'
import { chain, author as chainAuthor, generatedFeeds, open, pack } from './feeds.js'

type Condition = ReturnType<typeof operators.and>

/** A message as a reader of JSON sees it. */
interface Plain {
  readonly key: string
  readonly author: string
  readonly sequence: number
  readonly timestamp: number
  readonly content: unknown
  readonly json: string
}

/** A condition, and the same as a test over plain messages. */
interface Pair {
  readonly condition: Condition
  readonly holds: (message: Plain) => boolean
  readonly name: string
}

const ids = [0, 1, 2].map((at) => messageKeyFromBytes(sha256(Buffer.from(`message ${at}`))))
const feeds = [0, 1].map((at) => feedIdFromBytes(sha256(Buffer.from(`feed ${at}`))))

const link = fc.constantFrom(...ids, ...feeds)
const content = fc.oneof(
  fc.constantFrom('AAAA.box', 'AAAB.box', '', ids[0]!),
  fc.record(
    {
      type: fc.constantFrom('post', 'vote', 'about', 'contact', 't'.repeat(60), 7, null, '\ud800'),
      root: fc.constantFrom(...ids, null),
      branch: fc.oneof(link, fc.array(link, { maxLength: 2 })),
      channel: fc.constantFrom('news', 'x', ''),
      vote: fc.record({ link, value: fc.constantFrom(1, -1) }, { requiredKeys: [] }),
      contact: link,
      about: link,
      mentions: fc.oneof(
        fc.array(fc.oneof(fc.record({ link }), link, fc.constant({})), { maxLength: 3 }),
        fc.constant('none'),
        fc.record({ link }),
      ),
      reply: fc.dictionary(link, link, { maxKeys: 2 }),
      tangles: fc.record({ group: fc.record({ root: link }) }),
      a: fc.record({ b: fc.record({ c: fc.constantFrom(0, 1, 'c', null, true) }) }),
      'a.b': fc.constantFrom(1, 2),
      __proto__: fc.constant('own'),
    },
    { requiredKeys: [] },
  ),
  fc.constantFrom({}, [], null, 3, [{ type: 'post' }]),
)

const draft = fc.record({
  content,
  timestamp: fc.constantFrom(1, 2, 2.5, 3, -4, 0, 1.5e12),
  // Whatever stands beside the fields of a message makes it one that is stored as its text.
  foreign: fc.constantFrom<Readonly<Record<string, unknown>>>({}, {}, {}, { more: true }),
})

/** The value at a path, by plain steps. */
function at(value: unknown, path: readonly string[]): unknown {
  let found: unknown = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
    if (!Object.keys(found).includes(name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}

const contains = (value: unknown, id: string): boolean =>
  JSON.stringify(value ?? null).includes(JSON.stringify(id))

const leafCondition: fc.Arbitrary<Pair> = fc.oneof(
  fc.constantFrom('post', 'vote', 'none', 't'.repeat(60), '\ud800').map((type) => ({
    name: `type ${type}`,
    condition: operators.type(type),
    holds: ({ content }: Plain) => at(content, ['type']) === type,
  })),
  fc.constantFrom(chainAuthor, ...feeds).map((author) => ({
    name: `author ${author}`,
    condition: operators.author(author),
    holds: (message: Plain) => message.author === author,
  })),
  fc
    .record({
      comparison: fc.constantFrom('gt', 'gte', 'lt', 'lte'),
      field: fc.constantFrom('timestamp', 'sequence'),
      limit: fc.constantFrom(-5, -4, 0, 1, 2, 2.5, 3, 7, 1.5e12, 2e12),
    })
    .map(({ comparison, field, limit }) => ({
      name: `${field} ${comparison} ${limit}`,
      condition: operators[comparison](limit, field),
      holds: (message: Plain) => {
        const value = message[field]
        if (comparison === 'gt') return value > limit
        if (comparison === 'gte') return value >= limit
        return comparison === 'lt' ? value < limit : value <= limit
      },
    })),
  fc
    .record({
      path: fc.constantFrom(
        ['channel'],
        ['root'],
        ['vote', 'link'],
        ['vote', 'value'],
        ['a', 'b', 'c'],
        ['a', 'b'],
        ['a.b'],
        ['reply', ids[0]!],
        ['tangles', 'group', 'root'],
        ['type'],
        ['__proto__'],
        ['toString'],
        [],
      ),
      value: fc.constantFrom(
        'news',
        '',
        ...ids,
        ...feeds,
        1,
        0,
        -1,
        null,
        true,
        'own',
        undefined,
        'post',
      ),
    })
    .map(({ path, value }) => ({
      name: `${path.join('.')} is ${value}`,
      condition: operators.equal(['content', ...path], value),
      holds: ({ content }: Plain) => at(content, path) === value,
    })),
  link.map((id) => ({
    name: `mentions ${id}`,
    condition: operators.mentions(id),
    holds: ({ content }: Plain) => {
      const list = at(content, ['mentions'])
      return Array.isArray(list) && list.some((item) => at(item, ['link']) === id)
    },
  })),
  link.map((id) => ({
    name: `branch includes ${id}`,
    condition: operators.includes('content.branch', id),
    holds: ({ content }: Plain) => {
      const list = at(content, ['branch'])
      return Array.isArray(list) && list.includes(id)
    },
  })),
  link.map((id) => ({
    name: `refers to ${id}`,
    condition: operators.refersTo(id),
    holds: ({ content }: Plain) => contains(content, id),
  })),
  fc.constantFrom<Pair>(
    {
      name: 'encrypted',
      condition: operators.isEncrypted(),
      holds: ({ content }) => typeof content === 'string',
    },
    {
      name: 'root',
      condition: operators.isRoot(),
      holds: ({ content }) => at(content, ['root']) === undefined,
    },
    {
      name: 'vote object',
      condition: operators.predicate('content.vote', (vote) => typeof vote === 'object'),
      holds: ({ content }) => typeof at(content, ['vote']) === 'object',
    },
    {
      name: 'no vote',
      condition: operators.predicate('content.vote', (vote) => vote === undefined),
      holds: ({ content }) => at(content, ['vote']) === undefined,
    },
  ),
)

const { condition: anyCondition } = fc.letrec<{ condition: Pair }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leafCondition,
    tie('condition').map(({ condition, holds, name }) => ({
      name: `not (${name})`,
      condition: operators.not(condition),
      holds: (message: Plain) => !holds(message),
    })),
    fc.array(tie('condition'), { maxLength: 3 }).map((parts) => ({
      name: `and (${parts.map(({ name }) => name).join(', ')})`,
      condition: operators.and(...parts.map(({ condition }) => condition)),
      holds: (message: Plain) => parts.every(({ holds }) => holds(message)),
    })),
    fc.array(tie('condition'), { maxLength: 3 }).map((parts) => ({
      name: `or (${parts.map(({ name }) => name).join(', ')})`,
      condition: operators.or(...parts.map(({ condition }) => condition)),
      holds: (message: Plain) => parts.some(({ holds }) => holds(message)),
    })),
  ),
}))

type Messages = ReturnType<typeof chain>

/** The messages of a feed in blocks of so many, and as plain messages. */
function packed(feed: FeedId, all: Messages, blockLength: number, messageHashes: boolean) {
  const parts: (readonly [FeedId, Messages])[] = []
  for (let from = 0; from < all.length; from += blockLength) {
    parts.push([feed, all.slice(from, from + blockLength)])
  }
  const { blocks, dictionary } = pack(parts, { messageHashes })
  const sources = blocks.map((block) => ({
    sketch: open(block, dictionary).sketch,
    open: () => open(block, dictionary),
  }))
  const plain = all.map(({ key, value }): Plain => {
    const { author, sequence, timestamp, content } = value as Plain
    const json = JSON.stringify(value)
    return { key: messageKeyFromBytes(key), author, sequence, timestamp, content, json }
  })
  return { sources, plain }
}

function inOrder(plain: readonly Plain[], isDescending: boolean): Plain[] {
  const ascending = [...plain].sort(
    (left, right) =>
      left.timestamp - right.timestamp ||
      (left.author === right.author
        ? left.sequence - right.sequence
        : left.author < right.author
          ? -1
          : 1),
  )
  return isDescending ? ascending.reverse() : ascending
}

async function expectSameAnswer(
  sources: readonly BlockSource[],
  plain: readonly Plain[],
  { condition, holds }: Pair,
  order: { readonly isDescending: boolean; readonly skip: number; readonly pageSize: number },
): Promise<void> {
  const { fromBlocks, where, ascending, descending, startFrom, paginate } = operators
  const { count, toPages, toPromise, toAsyncIter, positions, messages } = operators
  const from = fromBlocks(sources)
  const expected = inOrder(plain.filter(holds), order.isDescending)
  const direction = order.isDescending ? descending() : ascending()
  expect(await query(from, where(condition), count())).toBe(expected.length)
  const found = await query(from, where(condition), direction, toPromise(messages))
  expect(found.map(({ key, value }) => [key, JSON.stringify(value)])).toEqual(
    expected.map(({ key, json }) => [key, json]),
  )
  const rest = expected.slice(order.skip)
  const pages = query(
    from,
    where(condition),
    direction,
    startFrom(order.skip),
    paginate(order.pageSize),
    toPages(),
  )
  let at = 0
  for await (const page of pages) {
    const wanted = rest.slice(at, at + order.pageSize)
    expect(page.map((match) => JSON.stringify(match.content))).toEqual(
      wanted.map((message) => JSON.stringify(message.content)),
    )
    at += page.length
  }
  expect(at).toBe(rest.length)
  const places: unknown[] = []
  for await (const place of query(from, where(condition), direction, toAsyncIter(positions))) {
    places.push(place)
  }
  expect(places).toEqual(
    expected.map(({ author, sequence, timestamp }) => ({ author, sequence, timestamp })),
  )
}

const order = fc.record({
  isDescending: fc.boolean(),
  skip: fc.nat({ max: 4 }),
  pageSize: fc.integer({ min: 1, max: 5 }),
})

describe('a query', () => {
  it('answers as a filter over parsed messages does, whatever the content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { minLength: 1, maxLength: 24 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.array(anyCondition, { minLength: 1, maxLength: 6 }),
        order,
        async (drafts, blockLength, messageHashes, pairs, pages) => {
          const { sources, plain } = packed(chainAuthor, chain(drafts), blockLength, messageHashes)
          for (const pair of pairs) await expectSameAnswer(sources, plain, pair, pages)
        },
      ),
      { numRuns: 40 },
    )
  }, 60_000)

  it('answers so over many feeds whose times run beside each other', async () => {
    const all = [...generatedFeeds(12, 300, 7)].map(([feed, messages]) =>
      packed(feed, messages, 10, true),
    )
    const sources = all.flatMap(({ sources }) => sources)
    const plain = all.flatMap(({ plain }) => plain)
    const someone = plain[5]!.author as FeedId
    const middle = inOrder(plain, false)[150]!.timestamp
    const { and, or, not, type, author, gte, lt, isEncrypted } = operators
    const typeOf = ({ content }: Plain) => at(content, ['type'])
    const pairs: readonly Pair[] = [
      { name: 'all', condition: and(), holds: () => true },
      { name: 'posts', condition: type('post'), holds: (m) => typeOf(m) === 'post' },
      {
        name: 'posts of one',
        condition: and(type('post'), author(someone)),
        holds: (m) => typeOf(m) === 'post' && m.author === someone,
      },
      {
        name: 'votes and private messages of the later half',
        condition: and(or(type('vote'), isEncrypted()), gte(middle, 'timestamp')),
        holds: (m) =>
          (typeOf(m) === 'vote' || typeof m.content === 'string') && m.timestamp >= middle,
      },
      {
        name: 'early ones of others',
        condition: and(lt(10, 'sequence'), not(author(someone))),
        holds: (m) => m.sequence < 10 && m.author !== someone,
      },
    ]
    for (const pair of pairs) {
      for (const isDescending of [false, true]) {
        await expectSameAnswer(sources, plain, pair, { isDescending, skip: 3, pageSize: 40 })
      }
    }
  }, 60_000)
})
