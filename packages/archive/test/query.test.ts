import { feedIdFromBytes, messageKeyFromBytes, sha256 } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { type Block, type BlockSource, operators, query } from '../src/index.js'
import { chain, author as chainAuthor, open, pack } from './feeds.js'

const {
  and,
  author,
  type,
  gt,
  gte,
  lt,
  lte,
  equal,
  mentions,
  refersTo,
  includes,
  absent,
  predicate,
  fromBlocks,
  where,
  ascending,
  descending,
  paginate,
  startFrom,
  count,
  toPromise,
  toPages,
  positions,
} = operators

const someone = feedIdFromBytes(sha256(Buffer.from('someone')))
const mentioned = messageKeyFromBytes(sha256(Buffer.from('mentioned')))

/** Posts with rising timestamps, in blocks of ten, and a list of the blocks that were opened. */
function posts(length: number, content: (at: number) => object = () => ({})) {
  const messages = chain(
    Array.from({ length }, (_, at) => ({
      content: { type: at % 2 === 0 ? 'post' : 'vote', text: `text ${at}`, ...content(at) },
      timestamp: 1000 + at,
    })),
  )
  const parts = Array.from(
    { length: length / 10 },
    (_, at) => [chainAuthor, messages.slice(at * 10, at * 10 + 10)] as const,
  )
  const { blocks, dictionary } = pack(parts)
  const opened: number[] = []
  const sources = blocks.map(
    (block, at): BlockSource => ({
      sketch: open(block, dictionary).sketch,
      open: () => {
        opened.push(at)
        return open(block, dictionary)
      },
    }),
  )
  return { sources, opened }
}

/** The same blocks, whose content cannot be read. */
function sealed(sources: readonly BlockSource[]): BlockSource[] {
  return sources.map(({ sketch, open }) => ({
    sketch,
    open: async () => {
      const block: Block = await open()
      return Object.assign(block, {
        contentAt: () => {
          throw new Error('content was read')
        },
      })
    },
  }))
}

describe('a query', () => {
  it('does not open blocks of other authors, times or sequences', async () => {
    const { sources, opened } = posts(100)
    const from = fromBlocks(sources)
    expect(await query(from, where(author(someone)), count())).toBe(0)
    expect(await query(from, where(gt(2000, 'timestamp')), toPromise())).toEqual([])
    expect(await query(from, where(lt(1, 'sequence')), count())).toBe(0)
    expect(opened).toEqual([])
    expect(await query(from, where(and(gte(35, 'sequence'), lte(42, 'sequence'))), count())).toBe(8)
    expect(opened).toEqual([3, 4])
  })

  it('counts blocks that match as a whole without opening them', async () => {
    const { sources, opened } = posts(100)
    const from = fromBlocks(sources)
    expect(await query(from, count())).toBe(100)
    expect(await query(from, where(author(chainAuthor)), count())).toBe(100)
    expect(await query(from, where(gte(1090, 'timestamp')), count())).toBe(10)
    expect(opened).toEqual([])
  })

  it('opens for a page only the blocks that reach into it', async () => {
    const { sources, opened } = posts(1000)
    const from = fromBlocks(sources)
    const latest = await query(from, where(type('post')), descending(), paginate(7), toPromise())
    expect(latest.map(({ sequence }) => sequence)).toEqual([999, 997, 995, 993, 991, 989, 987])
    expect(opened).toEqual([99, 98])
    opened.length = 0
    const oldest = query(
      from,
      where(type('post')),
      ascending(),
      startFrom(4),
      paginate(2),
      toPages(),
    )
    const { value } = await oldest.next()
    expect(value!.map(({ content }) => content)).toEqual([
      { type: 'post', text: 'text 8' },
      { type: 'post', text: 'text 10' },
    ])
    expect(opened).toEqual([0, 1])
  })

  it('reads no content of blocks that reach into the time of a page and have nothing on it', async () => {
    const { sources: old } = posts(10)
    const drafts = Array.from({ length: 10 }, (_, at) => ({
      content: { type: at === 0 ? 'post' : 'vote' },
      timestamp: at,
    }))
    const messages = chain([...drafts, { content: { type: 'vote' }, timestamp: 9999 }])
    const { blocks, dictionary } = pack([[chainAuthor, messages]])
    const latest = blocks.map((block) => ({
      sketch: open(block, dictionary).sketch,
      open: () => open(block, dictionary),
    }))
    const from = fromBlocks([...old, ...sealed(latest)])
    const page = await query(from, where(type('post')), paginate(5), toPromise())
    expect(page.map(({ timestamp }) => timestamp)).toEqual([1008, 1006, 1004, 1002, 1000])
  })

  it('reads no content to count types or to find where messages are', async () => {
    const { sources } = posts(100)
    const from = fromBlocks(sealed(sources))
    expect(await query(from, where(type('post')), count())).toBe(50)
    const places = await query(from, where(type('vote')), paginate(3), toPromise(positions))
    expect(places.map(({ sequence }) => sequence)).toEqual([100, 98, 96])
  })

  it('reads no content where the fields or the ids in the block decide', async () => {
    const { sources } = posts(20, (at) => (at === 3 ? { root: mentioned } : { channel: 'news' }))
    const from = fromBlocks(sealed(sources))
    expect(await query(from, where(equal('content.vote.link', mentioned)), count())).toBe(0)
    expect(await query(from, where(absent('content.channel')), count())).toBe(1)
    expect(await query(from, where(refersTo(someone)), count())).toBe(0)
    expect(await query(from, where(mentions(mentioned)), count())).toBe(0)
    const later = where(and(equal('content.root', mentioned), gt(10, 'sequence')))
    expect(await query(from, later, count())).toBe(0)
    expect(await query(from, where(refersTo(mentioned)), count())).toBe(1)
    const text = where(equal('content.text', 'text 3'))
    await expect(query(from, text, count())).rejects.toThrow('content was read')
  })

  it('finds what a second where leaves of the first', async () => {
    const { sources } = posts(40)
    const parts = [where(type('post')), where(gt(30, 'sequence'))] as const
    expect(await query(fromBlocks(sources), ...parts, count())).toBe(5)
    expect(await query(count())).toBe(0)
    expect(await query(toPromise())).toEqual([])
  })

  it('fails as the block that it cannot open', async () => {
    const { sources } = posts(20)
    const broken = sources.map(({ sketch }) => ({
      sketch,
      open: () => Promise.reject(new Error('not here')),
    }))
    await expect(query(fromBlocks(broken), toPromise())).rejects.toThrow('not here')
  })

  it('takes no path outside of the content, no count that is none and no limit that is none', () => {
    for (const condition of [
      () => equal('author', someone),
      () => absent([]),
      () => includes('value.content.mentions', someone),
      () => predicate('', () => true),
      () => gt(Number.NaN, 'timestamp'),
      () => paginate(0),
      () => paginate(1.5),
      () => startFrom(-1),
    ]) {
      expect(condition).toThrow(RangeError)
    }
  })

  it('finds the names that ssb-db2 has', async () => {
    const { sources } = posts(20, (at) => ({
      root: at === 2 ? mentioned : undefined,
      branch: at === 3 ? mentioned : undefined,
      fork: at === 4 ? mentioned : undefined,
      about: at === 5 ? someone : undefined,
      contact: at === 6 ? someone : undefined,
      vote: at === 7 ? { link: mentioned, value: 1 } : undefined,
      channel: at === 8 ? 'news' : undefined,
      mentions: at === 9 ? [{ link: someone }] : undefined,
    }))
    const found = async (condition: ReturnType<typeof and>) =>
      (await query(fromBlocks(sources), where(condition), toPromise(positions))).map(
        ({ sequence }) => sequence - 1,
      )
    const { hasRoot, hasBranch, hasFork, about, contact, votesFor, channel, isRoot, or } = operators
    expect(await found(hasRoot(mentioned))).toEqual([2])
    expect(await found(hasBranch(mentioned))).toEqual([3])
    expect(await found(hasFork(mentioned))).toEqual([4])
    expect(await found(equal('content.about', someone))).toEqual([5])
    expect(await found(or(about(someone), contact(someone)))).toEqual([])
    expect(await found(votesFor(mentioned))).toEqual([7])
    expect(await found(channel('news'))).toEqual([8])
    expect(await found(mentions(someone))).toEqual([9])
    expect(await found(refersTo(someone))).toEqual([9, 6, 5])
    expect(await found(isRoot())).toHaveLength(19)
  })
})
