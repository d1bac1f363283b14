import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemPorts } from '@dunbar/actor'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { begin, logPath, messagesOf, open, putFile, rebuilt, SampleFeed } from './store-fixture.js'

/** Puts a folder in the place of a log, and gives what puts the log back. */
function hideLog(fs: MemoryFileSystem, path: string): () => void {
  fs.rename(path, `${path}.kept`)
  fs.makeFolder(path)
  return () => {
    fs.remove(path)
    fs.rename(`${path}.kept`, path)
  }
}

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
    expect(again.store.statistics().missing).toEqual([feeds[0]!.id])
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
    expect(again.store.progress.current).toBe(again.store.progress.target)
    fs.heal()
    expect(open(fs).store.statistics()).toMatchObject({ messages: 6, quarantined: [] })
  })

  it('is at its end with a log that can be read only in part, and with a torn one', () => {
    const feeds = [new SampleFeed(1), new SampleFeed(2), new SampleFeed(3)]
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    const text = 'x'.repeat(4000)
    for (const feed of feeds) {
      const entries = Array.from({ length: 200 }, () => feed.next({ type: 'post', text }))
      store.append(store.addFeed(feed.idBytes), entries)
    }
    const torn = logPath(feeds[2]!.idBytes)
    putFile(fs, torn, fs.readFile(torn).slice(0, -7))
    const reads = fs.readCount
    let partCount = 0
    for (let read = reads; ; read++) {
      const disk = fs.fork()
      disk.failRead(disk.readCount + read - reads)
      const { store: again, troubles } = open(disk)
      const { current, target } = again.progress
      expect(current, `read ${read}`).toBe(target)
      if (!troubles.some(({ kind }) => kind === 'logUnreadable')) break
      if (again.statistics().messages % 200 !== 199) partCount += 1
    }
    expect(partCount).toBeGreaterThan(0)
  })

  it('sets a feed aside that has a folder for a log, with a snapshot and without', async () => {
    for (const hasSnapshot of [true, false]) {
      const feeds = [new SampleFeed(1), new SampleFeed(2)]
      const fs = new MemoryFileSystem()
      const { store } = open(fs)
      for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(3))
      if (hasSnapshot) await store.checkpoint()
      const putBack = hideLog(fs, logPath(feeds[0]!.idBytes))
      const { store: again, troubles } = open(fs)
      expect(troubles).toEqual([{ kind: 'logUnreadable', feed: feeds[0]!.id, reason: 'EISDIR' }])
      expect(again.progress).toMatchObject({ current: store.feedInfo(1).bytes })
      expect(again.progress.target).toBe(again.progress.current)
      const bad = again.feedNumber(feeds[0]!.idBytes)
      expect(() => [...again.walkFeed(bad)]).toThrow(coded('STORE_FAILED'))
      const rows = again.rowsBetween('received', {})
      expect(again.readRows(rows, 1e6)).toMatchObject({ count: hasSnapshot ? 6 : 3 })
      expect(again.readRows(rows, 1e6).rows.length).toBe(3)
      await again.close()
      putBack()
      const last = open(fs)
      expect(last.troubles).toEqual([])
      expect(last.store.statistics()).toMatchObject({ messages: 6, quarantined: [], damaged: [] })
    }
  })

  it('folds the log that is there when everything is folded anew, not the one it met before', async () => {
    const feed = new SampleFeed(1)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(5))
    const path = logPath(feed.idBytes)
    const bytes = fs.readFile(path)
    const putBack = hideLog(fs, path)
    const again = open(fs).store
    expect(() => again.readRow(again.headRow(0))).toThrow(coded('STORE_ROW_GONE'))
    expect(() => [...again.walkFeed(0)]).toThrow(coded('STORE_FAILED'))
    putBack()
    expect([...again.walkFeed(0)]).toEqual([])
    expect(rebuilt(again)).toEqual([])
    expect(messagesOf(again, feed.idBytes)).toEqual(messagesOf(store, feed.idBytes))
    again.append(0, feed.take(1))
    expect(fs.readFile(path).slice(0, bytes.length)).toEqual(bytes)
    expect(messagesOf(open(fs).store, feed.idBytes).length).toBe(6)
  })
})

describe('a log that can not be read any more', () => {
  it('is passed over by those who read many feeds, row by row and in runs', () => {
    const feeds = [new SampleFeed(1), new SampleFeed(2), new SampleFeed(3)]
    const fs = new MemoryFileSystem()
    const { store, troubles } = open(fs, { limits: { cacheBytes: 0 } })
    const numbers = feeds.map((feed) => store.addFeed(feed.idBytes))
    const keys: Uint8Array[] = []
    for (let round = 0; round < 4; round++) {
      for (const [at, feed] of feeds.entries()) {
        const entries = feed.take(round < 2 ? 1 : 2)
        keys.push(...entries.map(({ keyBytes }) => keyBytes))
        store.append(numbers[at]!, entries)
      }
    }
    const all = Uint32Array.from({ length: store.rowCount }, (_, row) => row)
    const readable = all.filter((row) => store.feedOf(row) !== numbers[1])
    fs.failReadsOf(logPath(feeds[1]!.idBytes))
    const read = store.readRows(all, 1e6)
    expect(read.count).toBe(all.length)
    expect([...read.rows]).toEqual([...readable])
    expect(new Uint8Array(read.frames)).toEqual(
      new Uint8Array(store.readRows(readable, 1e6).frames),
    )
    expect(keys.map((key) => store.findKey(key))).toEqual(
      [...all].map((row) => (readable.includes(row) ? row : -1)),
    )
    expect(() => store.readRow(1)).toThrow(coded('STORE_FAILED'))
    expect(troubles).toEqual([{ kind: 'damagedFrame', feed: feeds[1]!.id, sequence: 1 }])
    fs.heal()
    expect(store.readRows(all, 1e6).rows.length).toBe(all.length)
  })
})
