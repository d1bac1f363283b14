import { messageKeyFromBytes } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { frameKey } from '../src/frame.js'
import { LinkCursor } from '../src/link-cursor.js'
import type { LinkRow } from '../src/protocol.js'
import { idOf, open, rebuilt, SampleFeed } from './store-fixture.js'

const coded = (code: string) => expect.objectContaining({ code })
const keyOf = (entry: { keyBytes: Uint8Array }) => messageKeyFromBytes(entry.keyBytes)

describe('indexes', () => {
  const author = new SampleFeed(1)
  const friend = new SampleFeed(2)
  const root = author.next({ type: 'post', text: 'root' }, { received: 10, timestamp: 9 })
  const reply = friend.next(
    { type: 'post', text: 'reply', root: keyOf(root), branch: [keyOf(root)] },
    { received: 11, timestamp: 8 },
  )
  const vote = author.next(
    { type: 'vote', vote: { link: keyOf(reply), value: 1 } },
    { received: 12, timestamp: 50 },
  )
  const follow = author.next(
    { type: 'contact', contact: friend.id, following: true },
    { received: 13 },
  )
  const name = author.next({ type: 'about', about: author.id, name: 'me' }, { received: 14 })
  const hidden = friend.next('abc.box', { received: 15, timestamp: 0 })

  const filled = () => {
    const fs = new MemoryFileSystem()
    const opened = open(fs)
    const { store } = opened
    const [one, two] = [store.addFeed(author.idBytes), store.addFeed(friend.idBytes)]
    store.append(one, [root])
    store.append(two, [reply])
    store.append(one, [vote, follow, name])
    store.append(two, [hidden])
    return { fs, ...opened }
  }

  const check = ({ store }: Pick<ReturnType<typeof filled>, 'store'>) => {
    const [one, two] = [store.feedNumber(author.idBytes), store.feedNumber(friend.idBytes)]
    const keys = (rows: Iterable<number>) =>
      [...rows].map((row) => keyOf({ keyBytes: frameKey(store.readRow(row)) }))
    expect(keys(store.rowsByType('post')).sort()).toEqual([root, reply].map(keyOf).sort())
    expect(keys(store.rowsByType('vote'))).toEqual([keyOf(vote)])
    expect(keys(store.rowsByType(''))).toEqual([keyOf(hidden)])
    expect(store.rowsByType('nothing').length).toBe(0)
    expect(keys(store.linksTo(keyOf(root), 'root').rows)).toEqual([keyOf(reply)])
    const all = store.linksTo(keyOf(root))
    expect([...all.relations].map((relation) => store.relationName(relation))).toEqual([
      'root',
      'branch',
    ])
    expect(keys(store.linksTo(keyOf(reply), 'vote').rows)).toEqual([keyOf(vote)])
    expect(keys(store.linksFrom(one).rows)).toEqual([vote, follow, name].map(keyOf))
    expect(keys(store.linksFrom(two, 'branch').rows)).toEqual([keyOf(reply)])
    expect(keys(store.linksWith('contact').rows)).toEqual([keyOf(follow)])
    expect(store.contacts(one)).toEqual([{ dest: friend.id, state: 1, sequence: 3 }])
    expect(store.contacts(two)).toEqual([])
    expect(store.nameOf(one)).toBe('me')
    expect(store.nameOf(two)).toBe(null)
    const nameRow = store.findKey(name.keyBytes)
    const about = { author: one, nameRow, imageRow: -1, descriptionRow: -1 }
    expect(store.about(author.id)).toEqual([about])
    expect(store.aboutBy(one, author.id)).toEqual(about)
    expect(store.typeOf(nameRow)).toBe('about')
    expect(keys(store.rowsBetween('received', { gt: 10, lte: 13 }))).toEqual(
      [reply, vote, follow].map(keyOf),
    )
    expect(keys(store.rowsBetween('claimed', { lt: 16 }))).toEqual(
      [reply, root, vote, follow, name, hidden].map(keyOf),
    )
    expect(store.orderOf('claimed', store.findKey(reply.keyBytes))).toBe(8)
  }

  it('answer for what was appended', () => {
    check(filled())
  })

  it('answer the same from a snapshot, from the logs, after a rebuild of all and of one feed', async () => {
    const { fs, store } = filled()
    check(open(fs))
    await store.checkpoint()
    check(open(fs))
    expect(store.rebuildFeed(0)).toBe(4)
    check({ store })
    expect(store.statistics().droppedRows).toBe(4)
    expect(store.rebuildFeed(1)).toBe(2)
    check({ store })
    await store.checkpoint()
    const { generation } = store
    expect(rebuilt(store, () => check({ store }))).toEqual([])
    expect(store.generation).toBe(generation + 1)
    check({ store })
    expect(store.statistics().droppedRows).toBe(0)
  })

  it('give no rows of a feed that was dropped', () => {
    const { store } = filled()
    const old = [...store.rowsOfFeed(0)]
    store.rebuildFeed(0)
    for (const row of old) {
      expect(store.isLive(row)).toBe(false)
      expect(() => store.readRow(row)).toThrow(coded('STORE_ROW_GONE'))
      expect(() => store.feedOf(row)).toThrow(coded('STORE_ROW_GONE'))
    }
    expect(store.readRows(old, 1e6)).toMatchObject({ count: 4, rows: new Uint32Array(0) })
  })
})

it('lets a type beyond the bound be found by reading', () => {
  const { store } = open()
  const feed = new SampleFeed(1)
  const long = 'x'.repeat(60)
  store.append(store.addFeed(feed.idBytes), [
    feed.next({ type: long }),
    feed.next({ type: `${long}y` }),
    feed.next({ type: 'post' }),
  ])
  expect([...store.rowsByType(long)]).toEqual([0])
  expect(store.typeOf(1)).toBe(`${long}y`)
  expect(idOf(1)).toBe(feed.id)
})

it('gives links in chunks of bounded size, each link once and in order', () => {
  const { store } = open()
  const feed = new SampleFeed(1)
  const mentions = Array.from({ length: 40 }, (_, at) => ({ link: idOf(at) }))
  const text = 'x'.repeat(3000)
  const entries = Array.from({ length: 100 }, () => feed.next({ type: 'post', text, mentions }))
  store.append(store.addFeed(feed.idBytes), entries)
  const largest = mentions.length * Math.max(...entries.map(({ compact }) => compact.length + 64))
  const cursor = new LinkCursor(store, { rel: 'mentions' }, () => undefined)
  const links: LinkRow[] = []
  for (let chunk = cursor.pull(); chunk !== 'end'; chunk = cursor.pull()) {
    if (chunk === 'wait') throw new Error('a query of what is stored waits for nothing')
    const value = chunk.value as {
      readonly links: readonly LinkRow[]
      readonly frames: ArrayBuffer
    }
    expect(value.frames.byteLength).toBeLessThanOrEqual(256 * 1024 + largest)
    links.push(...value.links)
  }
  expect(links).toEqual(
    entries.flatMap((entry) =>
      mentions.map(({ link }) => ({
        source: feed.id,
        dest: link,
        rel: 'mentions',
        key: keyOf(entry),
      })),
    ),
  )
})

it('lists feeds by all bytes of their ids', () => {
  const { store } = open()
  const begins = [0xff, 0x80, 0x7f, 0, 0x80]
  const ids = begins.flatMap((first, at) =>
    [at, 255 - at].map((last) => new Uint8Array(32).fill(first, 0, 5).fill(last, 5)),
  )
  for (const id of ids) store.addFeed(id)
  const listed = Array.from(store.feedNumbers(), (feed) => store.feedInfo(feed).idBytes)
  expect(listed).toEqual(ids.toSorted((left, right) => Buffer.compare(left, right)))
})
