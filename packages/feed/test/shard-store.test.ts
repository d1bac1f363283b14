import { messageKeyFromBytes } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { FRAME_HEADER_BYTES, FrameReader, frameKey, frameMessage } from '../src/frame.js'
import {
  begin,
  entryOf,
  idBytesOf,
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
    const some = store.readRows(rows, store.readRow(17).length + store.readRow(0).length + 20)
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
    await store.close()
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

  it('tells of a fork at the next place, with the head that it contradicts', async () => {
    const feed = new SampleFeed(1)
    const other = new SampleFeed(1)
    const entries = feed.take(2)
    other.next({ type: 'post', text: 'the other one' })
    other.take(1)
    const refused = other.next()
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), entries)
    await store.checkpoint()
    store.noteFork(0, refused)
    store.noteFork(0, refused)
    await store.flush()
    const again = open(fs).store
    for (const each of [store, again]) {
      expect(each.feedInfo(0)).toMatchObject({ sequence: 2, flags: { isForked: true } })
      const [fork, ...more] = each.forks(0)
      expect(more).toEqual([])
      expect(fork!.sequence).toBe(3)
      expect(Buffer.from(frameMessage(fork!.kept)).toString()).toBe(textOf(entries[1]!))
      expect(Buffer.from(frameMessage(fork!.refused)).toString()).toBe(textOf(refused))
    }
    again.append(0, feed.take(1))
    expect(again.feedInfo(0)).toMatchObject({ sequence: 3, flags: { isForked: true } })
  })

  it('tells of no fork where the message that would be contradicted is damaged', () => {
    const feed = new SampleFeed(1)
    const fs = new MemoryFileSystem()
    const { store, troubles } = open(fs, { limits: { cacheBytes: 0 } })
    store.append(store.addFeed(feed.idBytes), feed.take(2))
    fs.corrupt(logPath(feed.idBytes), store.feedInfo(0).bytes - 3)
    store.noteFork(0, entryOf(feed.id, 3, 'another', { type: 'post' }))
    expect(store.forks(0)).toEqual([])
    expect(store.feedInfo(0).flags).toMatchObject({ isForked: false, isDamaged: true })
    expect(troubles).toEqual([{ kind: 'damagedFrame', feed: feed.id, sequence: 2 }])
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
    expect([again.store.unchecked(0)?.first, again.store.checkedTo(0)]).toEqual([1, 0])
    expect(again.store.record(0).distrust).toBe('RECORD_DAMAGED')
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
    fs.makeFolder('/data')
    await fs.syncFolder('/')
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
