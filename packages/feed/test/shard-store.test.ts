import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemPorts } from '@dunbar/actor'
import { messageKeyFromBytes } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { FRAME_HEADER_BYTES, FrameReader, frameKey, frameMessage } from '../src/frame.js'
import {
  begin,
  entryOf,
  idBytesOf,
  idOf,
  logPath,
  messagesOf,
  open,
  outOfOrder,
  putFile,
  SampleFeed,
  textOf,
} from './store-fixture.js'

const coded = (code: string) => expect.objectContaining({ code })
const keyOf = (entry: { keyBytes: Uint8Array }) => messageKeyFromBytes(entry.keyBytes)
const sequencesIn = (frames: ArrayBuffer): number[] => {
  const reader = new FrameReader(frames)
  const sequences: number[] = []
  while (reader.next()) sequences.push(reader.sequence)
  return sequences
}

describe('appending', () => {
  it('makes messages readable by sequence, by key and in a range', () => {
    const feed = new SampleFeed(1)
    const entries = feed.take(20)
    const { store } = open()
    expect(store.feedNumber(feed.idBytes)).toBe(-1)
    const number = store.addFeed(feed.idBytes)
    store.append(number, entries.slice(0, 12))
    store.append(number, entries.slice(12))
    expect(store.feedNumber(feed.idBytes)).toBe(number)
    expect(store.feedInfo(number)).toMatchObject({
      id: feed.id,
      sequence: 20,
      highestSequence: 20,
      messages: 20,
      bytes: entries.reduce((sum, { compact }) => sum + FRAME_HEADER_BYTES + compact.length, 0),
      headKey: entries[19]!.keyBytes,
      flags: { isDamaged: false, isQuarantined: false, isForked: false, isOutOfOrder: false },
    })
    for (const entry of entries) {
      const row = store.rowAt(number, entry.sequence)
      expect(store.findKey(entry.keyBytes)).toBe(row)
      expect(frameMessage(store.readRow(row))).toEqual(entry.compact)
      expect(frameKey(store.readRow(row))).toEqual(entry.keyBytes)
      expect([store.feedOf(row), store.sequenceOf(row)]).toEqual([number, entry.sequence])
    }
    expect(store.rowAt(number, 0)).toBe(-1)
    expect(store.rowAt(number, 21)).toBe(-1)
    expect(store.findKey(idBytesOf(99))).toBe(-1)
    expect(store.headRow(number)).toBe(19)
  })

  it('gives ranges in pieces that fit, at least one message each', () => {
    const feed = new SampleFeed(1)
    const entries = feed.take(100)
    const { store } = open()
    const number = store.addFeed(feed.idBytes)
    store.append(number, entries)
    const size = FRAME_HEADER_BYTES + entries[99]!.compact.length
    for (const [maxCount, maxBytes] of [
      [7, 1e6],
      [1e9, size * 5],
      [1e9, 1],
    ] as const) {
      const sequences: number[] = []
      for (let next: number | null = 3; next !== null; ) {
        const range = store.readRange(number, next, maxCount, maxBytes)
        expect(range.count).toBeGreaterThan(0)
        expect(range.count).toBeLessThanOrEqual(maxCount)
        expect(range.count === 1 || range.frames.byteLength <= maxBytes).toBe(true)
        sequences.push(...sequencesIn(range.frames))
        next = range.next
      }
      expect(sequences).toEqual(entries.slice(2).map(({ sequence }) => sequence))
    }
    expect(store.readRange(number, 101, 10, 1e6)).toMatchObject({ count: 0, next: null })
  })

  it('gives rows of many feeds in the order asked for', () => {
    const { store } = open()
    const feeds = [1, 2, 3].map((number) => new SampleFeed(number))
    for (const feed of [...feeds, ...feeds]) store.append(store.addFeed(feed.idBytes), feed.take(3))
    const rows = [17, 0, 1, 2, 9, 5, 5]
    const { frames, count, rows: read } = store.readRows(rows, 1e6)
    expect([count, [...read]]).toEqual([7, rows])
    expect(sequencesIn(frames)).toEqual(rows.map((row) => store.sequenceOf(row)))
    const some = store.readRows(rows, store.readRow(0).length * 2 + 20)
    expect(some.count).toBe(2)
  })

  it('refuses what can not be stored, and keeps nothing of it', () => {
    const feed = new SampleFeed(1)
    const [first, second] = feed.take(2)
    const { store } = open()
    const number = store.addFeed(feed.idBytes)
    for (const bad of [
      { ...first!, sequence: 0 },
      { ...first!, sequence: 1.5 },
      { ...first!, sequence: 2 ** 31 },
      { ...first!, received: Number.NaN },
      { ...first!, keyBytes: new Uint8Array(31) },
      { ...first!, compact: new Uint8Array(0) },
      { ...first!, compact: new Uint8Array(65_537) },
      second!,
    ]) {
      expect(() => store.append(number, [bad])).toThrow(coded('STORE_ENTRY_INVALID'))
      expect(() => store.append(number, [first!, { ...bad, inChain: false }, first!])).toThrow(
        coded('STORE_ENTRY_INVALID'),
      )
    }
    expect(store.rowCount).toBe(0)
    expect(() => store.append(5, [first!])).toThrow(coded('STORE_FEED_UNKNOWN'))
  })

  it('refuses until the store is ready, and after it is closed', async () => {
    const feed = new SampleFeed(1)
    const { store } = begin()
    const number = store.addFeed(feed.idBytes)
    expect(() => store.append(number, feed.take(1))).toThrow(coded('STORE_NOT_READY'))
    while (!store.step(1));
    await store.close()
    expect(() => store.append(number, [])).toThrow(coded('STORE_CLOSED'))
  })
})

describe('messages out of order', () => {
  it('wait until the chain reaches them, then belong to it', () => {
    const feed = new SampleFeed(1)
    const entries = feed.take(6)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    const number = store.addFeed(feed.idBytes)
    store.append(number, [outOfOrder(entries[4]!)])
    store.append(number, [outOfOrder(entries[2]!)])
    store.append(number, [entries[0]!])
    expect(store.feedInfo(number)).toMatchObject({ sequence: 1, highestSequence: 5, messages: 3 })
    expect(store.feedInfo(number).flags.isOutOfOrder).toBe(true)
    expect([...store.rowsOfFeed(number)]).toEqual([2, 1, 0])
    expect(store.readRange(number, 1, 10, 1e6)).toMatchObject({ count: 1, next: null })
    const check = (opened: typeof store, sequence: number, held: readonly number[]) => {
      const info = opened.feedInfo(0)
      expect([info.sequence, info.messages]).toEqual([sequence, held.length])
      expect(messagesOf(opened, feed.idBytes)).toEqual(held.map((at) => textOf(entries[at]!)))
      for (const at of held) {
        expect(frameKey(opened.readRow(opened.rowAt(0, at + 1)))).toEqual(entries[at]!.keyBytes)
      }
    }
    check(open(fs).store, 1, [0, 2, 4])
    store.append(number, [entries[1]!])
    check(store, 3, [0, 1, 2, 4])
    check(open(fs).store, 3, [0, 1, 2, 4])
    store.append(number, [entries[3]!])
    store.append(number, [entries[5]!])
    check(store, 6, [0, 1, 2, 3, 4, 5])
    check(open(fs).store, 6, [0, 1, 2, 3, 4, 5])
    expect(store.feedInfo(number).headKey).toEqual(entries[5]!.keyBytes)
  })

  it('stay out of the chain where they follow another message', () => {
    const feed = new SampleFeed(1)
    const [first] = feed.take(1)
    const stray = entryOf(feed.id, 2, keyOf(entryOf(feed.id, 1, null, 'x.box')), { type: 'post' })
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), [outOfOrder(stray)])
    store.append(0, [first!])
    expect(store.feedInfo(0)).toMatchObject({ sequence: 1, highestSequence: 2 })
    expect(open(fs).store.feedInfo(0)).toMatchObject({ sequence: 1, highestSequence: 2 })
  })

  it('can be taken into the chain by their row', () => {
    const feed = new SampleFeed(1)
    const [first] = feed.take(1)
    const next = entryOf(feed.id, 2, 'in another form', { type: 'post' })
    const { store } = open()
    store.append(store.addFeed(feed.idBytes), [first!, outOfOrder(next)])
    expect(() => store.advanceHead(0, 0)).toThrow(coded('STORE_ENTRY_INVALID'))
    store.advanceHead(0, 1)
    expect(store.feedInfo(0)).toMatchObject({ sequence: 2, headKey: next.keyBytes })
  })
})

describe('opening', () => {
  it('finds on a real disk what was appended before', async () => {
    const root = mkdtempSync(join(tmpdir(), 'dunbar-store-'))
    try {
      const ports = systemPorts({ log: () => undefined })
      const options = { ports, root }
      const feeds = [1, 2, 3].map((number) => new SampleFeed(number))
      const first = open(ports.fs, options).store
      for (const feed of feeds) first.append(first.addFeed(feed.idBytes), feed.take(30))
      await first.close()
      const { store, troubles } = open(ports.fs, options)
      for (const feed of feeds) {
        expect(messagesOf(store, feed.idBytes).length).toBe(30)
        store.append(store.feedNumber(feed.idBytes), feed.take(5))
      }
      await store.flush()
      await store.close()
      expect(troubles).toEqual([])
      const last = open(ports.fs, options).store
      expect(last.statistics()).toMatchObject({ feeds: 3, messages: 105, troubles: {} })
      expect(last.feedInfo(last.feedNumber(feeds[1]!.idBytes)).sequence).toBe(35)
      await last.close()
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  it('goes on from a snapshot and folds only what came after it', async () => {
    const feed = new SampleFeed(1)
    const other = new SampleFeed(2)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(10))
    await store.checkpoint()
    store.append(store.addFeed(feed.idBytes), feed.take(5))
    store.append(store.addFeed(other.idBytes), other.take(2))
    const again = open(fs)
    expect(again.troubles).toEqual([])
    expect(again.store.progress.start).toBeGreaterThan(0)
    expect(again.store.progress.current).toBe(again.store.progress.target)
    expect(again.store.feedInfo(0)).toEqual(store.feedInfo(0))
    expect(messagesOf(again.store, other.idBytes)).toEqual(messagesOf(store, other.idBytes))
  })

  it('can be done in steps of a message or so, and tells how far it is', () => {
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    for (let number = 0; number < 20; number++) {
      const feed = new SampleFeed(number)
      store.append(store.addFeed(feed.idBytes), feed.take(100))
    }
    const second = begin(fs)
    let steps = 0
    let before = 0
    while (!second.store.step(0)) {
      steps += 1
      expect(second.store.isReady).toBe(false)
      expect(second.store.progress.current).toBeGreaterThanOrEqual(before)
      before = second.store.progress.current
    }
    expect(steps).toBeGreaterThan(60)
    expect(second.store.isReady).toBe(true)
    expect(second.store.statistics().messages).toBe(2000)
    expect(second.store.progress).toMatchObject({ current: store.statistics().bytes })
  })

  it('folds a feed anew whose log is shorter than the snapshot knows', async () => {
    const feeds = [new SampleFeed(1), new SampleFeed(2)]
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(10))
    await store.checkpoint()
    const path = logPath(feeds[0]!.idBytes)
    const whole = fs.readFile(path)
    const kept = store.readRow(0).length + store.readRow(1).length
    putFile(fs, path, whole.slice(0, kept))
    const again = open(fs)
    expect(again.troubles).toEqual([
      { kind: 'logShrunk', feed: feeds[0]!.id, lostBytes: whole.length - kept },
    ])
    expect(again.store.feedInfo(0)).toMatchObject({ sequence: 2, messages: 2, bytes: kept })
    expect(again.store.feedInfo(1)).toMatchObject({ sequence: 10 })
    expect(again.store.rowsBetween('received', {}).length).toBe(12)
    fs.remove(path)
    expect(open(fs).store.feedInfo(0)).toMatchObject({ sequence: 0, messages: 0 })
  })

  it('takes out a feed whose folder is gone, and takes it up again when it comes back', async () => {
    const feeds = [new SampleFeed(1), new SampleFeed(2)]
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(3))
    await store.checkpoint()
    const path = logPath(feeds[0]!.idBytes)
    fs.remove(path)
    fs.remove(path.slice(0, -4))
    const again = open(fs)
    expect(again.troubles).toEqual([{ kind: 'feedMissing', feed: feeds[0]!.id }])
    expect(again.store.feedNumber(feeds[0]!.idBytes)).toBe(-1)
    expect([...again.store.feedNumbers()]).toEqual([1])
    expect(again.store.statistics()).toMatchObject({ feeds: 1, messages: 3 })
    const back = new SampleFeed(1)
    again.store.append(again.store.addFeed(back.idBytes), back.take(4))
    expect(again.store.feedInfo(again.store.feedNumber(back.idBytes)).sequence).toBe(4)
    await again.store.checkpoint()
    expect(open(fs).store.statistics()).toMatchObject({ feeds: 2, messages: 7 })
  })

  it('reports names that are no feed and passes them over', () => {
    const fs = new MemoryFileSystem()
    const feed = new SampleFeed(1)
    putFile(fs, '/data/feeds/README', new Uint8Array(1))
    putFile(fs, '/data/feeds/zz/log', new Uint8Array(1))
    putFile(fs, '/data/feeds/ab/short/log', new Uint8Array(1))
    putFile(fs, `/data/feeds/cd/${'0'.repeat(62)}`, new Uint8Array(1))
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(1))
    const { troubles, store: again } = open(fs)
    expect(troubles.map((trouble) => 'path' in trouble && trouble.path).sort()).toEqual([
      '/data/feeds/README',
      '/data/feeds/ab/short',
      `/data/feeds/cd/${'0'.repeat(62)}`,
      '/data/feeds/zz',
    ])
    expect(again.statistics()).toMatchObject({
      feeds: 1,
      messages: 1,
      troubles: { foreignName: 4 },
    })
  })

  it('takes only the feeds that belong to the shard', () => {
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    for (let number = 0; number < 10; number++) {
      const feed = new SampleFeed(number)
      store.append(store.addFeed(feed.idBytes), feed.take(1))
    }
    const counts = [0, 1].map((shard) => {
      const belongsHere = (id: Uint8Array) => id[0]! % 2 === shard
      return open(fs, { shard, shards: 2, belongsHere }).store.statistics().feeds
    })
    expect(counts[0]! + counts[1]!).toBe(10)
  })

  it('sets a feed aside whose log can not be read, and serves the others', () => {
    const feeds = [new SampleFeed(1), new SampleFeed(2)]
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(3))
    fs.failReadsOf(logPath(feeds[0]!.idBytes))
    const again = open(fs)
    expect(again.troubles).toEqual([{ kind: 'logUnreadable', feed: feeds[0]!.id, reason: 'EIO' }])
    const bad = again.store.feedNumber(feeds[0]!.idBytes)
    expect(again.store.feedInfo(bad).flags.isQuarantined).toBe(true)
    expect(() => again.store.append(bad, feeds[0]!.take(1))).toThrow(coded('STORE_QUARANTINED'))
    expect(messagesOf(again.store, feeds[1]!.idBytes).length).toBe(3)
    fs.heal()
    expect(open(fs).store.statistics()).toMatchObject({ messages: 6, quarantined: [] })
  })
})

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
    store.rebuildAll()
    expect(store.generation).toBe(generation + 1)
    expect(store.isReady).toBe(false)
    while (!store.step(1));
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

describe('what is said of a feed beyond its log', () => {
  it('is kept over a restart, as fork evidence and as quarantine', async () => {
    const feed = new SampleFeed(1)
    const [first] = feed.take(1)
    const fork = entryOf(feed.id, 1, null, { type: 'post', text: 'the other one' })
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), [first!])
    await store.checkpoint()
    store.noteFork(0, fork)
    store.noteFork(0, fork)
    expect(store.feedInfo(0).flags.isForked).toBe(true)
    await store.flush()
    const evidence = (from: typeof store) =>
      from
        .forks(0)
        .map(({ sequence, kept, refused }) => [
          sequence,
          Buffer.from(frameMessage(kept)).toString(),
          Buffer.from(frameMessage(refused)).toString(),
        ])
    expect(evidence(store)).toEqual([[1, textOf(first!), textOf(fork)]])
    const again = open(fs).store
    expect(again.feedInfo(0).flags.isForked).toBe(true)
    expect(evidence(again)).toEqual(evidence(store))
    await again.writeRecord(0, { ...again.record(0), quarantine: 'crashed too often' })
    expect(() => again.append(0, [])).toThrow(coded('STORE_QUARANTINED'))
    const third = open(fs).store
    expect(third.feedInfo(0).flags).toMatchObject({ isForked: true, isQuarantined: true })
    await third.writeRecord(0, { format: 'classic', forks: [], quarantine: null })
    expect(fs.stat(logPath(feed.idBytes).replace('/log', '/feed.json'))).toBe(null)
    expect(open(fs).store.feedInfo(0).flags).toMatchObject({
      isForked: false,
      isQuarantined: false,
    })
  })

  it('is passed over where it is damaged, and that is reported', () => {
    const feed = new SampleFeed(1)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(2))
    putFile(
      fs,
      logPath(feed.idBytes).replace('/log', '/feed.json'),
      new Uint8Array(Buffer.from('{"')),
    )
    const again = open(fs)
    expect(again.troubles.map(({ kind }) => kind)).toEqual(['recordDamaged'])
    expect(again.store.feedInfo(0)).toMatchObject({ sequence: 2, flags: { isQuarantined: false } })
  })

  it('holds at most sixteen forks', async () => {
    const feed = new SampleFeed(1)
    const { store } = open()
    store.append(store.addFeed(feed.idBytes), feed.take(1))
    for (let number = 0; number < 20; number++) {
      store.noteFork(0, entryOf(feed.id, 1, null, { type: 'post', number }))
    }
    await store.flush()
    expect(store.forks(0).length).toBe(16)
  })
})

describe('an idle feed', () => {
  it('gives back its file and its cached messages, and is there again when it is needed', async () => {
    const feed = new SampleFeed(1)
    const { store } = open()
    store.append(store.addFeed(feed.idBytes), feed.take(3))
    await store.flush()
    store.readRow(0)
    expect(store.isOpen(0)).toBe(true)
    expect(store.statistics().cache.bytes).toBeGreaterThan(0)
    store.passivate(0)
    expect(store.isOpen(0)).toBe(false)
    expect(store.statistics()).toMatchObject({ openFiles: 0, activeFeeds: 0, cache: { bytes: 0 } })
    expect(messagesOf(store, feed.idBytes).length).toBe(3)
    store.append(0, feed.take(1))
    expect(messagesOf(store, feed.idBytes).length).toBe(4)
  })

  it('is synced although its file was given back', async () => {
    const feed = new SampleFeed(1)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(3))
    store.passivate(0)
    await store.flush()
    expect(fs.unsyncedCount).toBe(0)
    expect(store.statistics().dirtyLogs).toBe(0)
  })
})

describe('a walk over a feed', () => {
  it('shows every frame and every place that is none', () => {
    const feed = new SampleFeed(1)
    const entries = feed.take(4)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), entries)
    const size = store.readRow(0).length
    fs.corrupt(logPath(feed.idBytes), size + 70)
    const walked = [...store.walkFeed(0)].map((each) => [each.kind, each.sequence])
    expect(walked).toEqual([
      ['frame', 1],
      ['damaged', 2],
      ['frame', 3],
      ['frame', 4],
    ])
    const [first] = store.walkFeed(0)
    expect(first).toMatchObject({ key: entries[0]!.keyBytes, message: entries[0]!.compact })
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
