import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemPorts } from '@dunbar/actor'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { begin, logPath, messagesOf, open, putFile, SampleFeed } from './store-fixture.js'

const coded = (code: string) => expect.objectContaining({ code })

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
