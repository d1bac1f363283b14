import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import {
  idBytesOf,
  logPath,
  messagesOf,
  open,
  putFile,
  rebuilt,
  SampleFeed,
  textOf,
} from './store-fixture.js'

const SNAPSHOT = '/data/derived/shard-0-of-1.snapshot'

function filled(feeds: number, messages: number) {
  const fs = new MemoryFileSystem()
  const opened = open(fs)
  const samples = Array.from({ length: feeds }, (_, at) => new SampleFeed(at + 1))
  for (const feed of samples) {
    opened.store.append(opened.store.addFeed(feed.idBytes), feed.take(messages))
  }
  return { fs, ...opened, feeds: samples }
}

describe('a rebuild of everything', () => {
  it('takes out the rows of dropped feeds and drops the snapshot before it begins', async () => {
    const { fs, store, feeds } = filled(3, 4)
    await store.flush()
    store.rebuildFeed(0)
    store.rebuildFeed(1)
    await store.checkpoint()
    expect(store.statistics()).toMatchObject({ messages: 12, droppedRows: 8 })
    const steps = store.rebuildAll()
    steps.next()
    expect(fs.stat(SNAPSHOT)).toBe(null)
    while (!steps.next().done);
    expect(store.statistics()).toMatchObject({ feeds: 3, messages: 12, droppedRows: 0 })
    await store.checkpoint()
    expect(fs.stat(SNAPSHOT)).not.toBe(null)
    for (const [at, feed] of feeds.entries()) {
      expect(store.feedNumber(feed.idBytes)).toBe(at)
      expect(messagesOf(store, feed.idBytes)).toEqual(messagesOf(open(fs).store, feed.idBytes))
    }
  })

  it('serves what it had, and takes what is appended at any step, in old feeds and new ones', () => {
    const { fs, store, feeds } = filled(4, 60)
    const late = new SampleFeed(9)
    let round = 0
    const failed = rebuilt(store, () => {
      expect(messagesOf(store, feeds[0]!.idBytes).length).toBeGreaterThanOrEqual(60)
      const feed = [...feeds, late][round++ % 5]!
      store.append(store.addFeed(feed.idBytes), feed.take(1))
    })
    expect(failed).toEqual([])
    expect(round).toBeGreaterThan(10)
    for (const feed of [...feeds, late]) {
      const number = store.feedNumber(feed.idBytes)
      expect(store.feedInfo(number)).toMatchObject({
        sequence: feed.sequence,
        messages: feed.sequence,
      })
      store.append(number, feed.take(1))
      expect(messagesOf(store, feed.idBytes)).toEqual(messagesOf(open(fs).store, feed.idBytes))
    }
  })

  it('folds in small steps also what is appended meanwhile, however much that is', () => {
    const { store, feeds } = filled(4, 60)
    const late = new SampleFeed(9)
    const steps = store.rebuildAll()
    let folded = 0
    for (let step = steps.next(); !step.done; step = steps.next()) {
      folded = step.value.messages
      if (late.sequence > 0 || folded < 60) continue
      store.append(store.addFeed(late.idBytes), late.take(4000))
      for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(500))
    }
    expect(store.statistics().messages).toBe(6240)
    expect(folded).toBeGreaterThan(5500)
  })

  it('folds a feed again whose log was cut after it was folded', async () => {
    const { fs, store, feeds } = filled(2, 5)
    await store.flush()
    for (const feed of feeds) store.passivate(store.feedNumber(feed.idBytes))
    const path = logPath(feeds[0]!.idBytes)
    const steps = store.rebuildAll()
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value.messages < 10 || store.feedInfo(0).messages < 5) continue
      fs.corrupt(path, fs.readFile(path).length - 10)
      expect(store.rebuildFeed(0)).toBe(4)
    }
    expect(store.feedInfo(0)).toMatchObject({ sequence: 4, bytes: fs.readFile(path).length })
    store.append(0, new SampleFeed(1).take(5).slice(4))
    expect(messagesOf(store, feeds[0]!.idBytes)).toHaveLength(5)
    expect(messagesOf(open(fs).store, feeds[0]!.idBytes)).toHaveLength(5)
  })

  it('leaves out what a durable append has written and not committed, and takes it when it is', async () => {
    const { fs, store, feeds } = filled(1, 3)
    const [feed] = feeds
    const next = feed!.next()
    const seen: number[] = []
    await store.appendDurably(0, [next], async () => {
      expect(rebuilt(store)).toEqual([])
      seen.push(store.statistics().messages)
    })
    expect([...seen, store.statistics().messages]).toEqual([3, 4])
    expect(messagesOf(store, feed!.idBytes).at(-1)).toBe(textOf(next))
    const lost = feed!.next()
    const failure = new Error('not committed')
    const append = store.appendDurably(0, [lost], async () => {
      rebuilt(store)
      throw failure
    })
    await expect(append).rejects.toBe(failure)
    expect(store.feedInfo(0)).toMatchObject({ sequence: 4, messages: 4 })
    store.append(0, [lost])
    expect(messagesOf(open(fs).store, feed!.idBytes).at(-1)).toBe(textOf(lost))
  })

  it('names feeds whose log is gone or can not be read, and folds the others', async () => {
    const { fs, store, feeds, troubles } = filled(3, 5)
    await store.flush()
    for (const feed of feeds) store.passivate(store.feedNumber(feed.idBytes))
    const [whole, gone, shut] = feeds
    fs.remove(logPath(gone!.idBytes))
    fs.failReadsOf(logPath(shut!.idBytes))
    const failed = rebuilt(store)
    expect(new Map(failed.map(({ feed, reason }) => [feed, reason]))).toEqual(
      new Map([
        [gone!.id, 'LOG_MISSING'],
        [shut!.id, 'EIO'],
      ]),
    )
    expect(messagesOf(store, whole!.idBytes).length).toBe(5)
    expect(store.feedNumber(gone!.idBytes)).toBe(-1)
    expect(store.statistics()).toMatchObject({ feeds: 2, quarantined: [shut!.id] })
    expect(troubles.map(({ kind }) => kind).sort()).toEqual(['feedMissing', 'logUnreadable'])
  })

  it('takes in a log that was put there, and goes by the length of one that was cut', async () => {
    const { fs, store, feeds } = filled(2, 5)
    await store.flush()
    for (const feed of feeds) store.passivate(store.feedNumber(feed.idBytes))
    const other = filled(7, 5)
    putFile(fs, logPath(idBytesOf(7)), other.fs.readFile(logPath(idBytesOf(7))))
    const bytes = fs.readFile(logPath(feeds[0]!.idBytes))
    putFile(fs, logPath(feeds[0]!.idBytes), bytes.slice(0, bytes.length - 10))
    expect(rebuilt(store)).toEqual([])
    expect(messagesOf(store, idBytesOf(7)).length).toBe(5)
    expect(messagesOf(store, feeds[0]!.idBytes).length).toBe(4)
  })

  it('that is left early leaves everything as it was; a second one beside it is refused', () => {
    const { store, feeds } = filled(2, 5)
    const { generation } = store
    const steps = store.rebuildAll()
    steps.next()
    const busy = expect.objectContaining({ code: 'STORE_BUSY' })
    expect(() => store.rebuildAll().next()).toThrow(busy)
    steps.return([])
    expect(store.generation).toBe(generation)
    expect(messagesOf(store, feeds[1]!.idBytes).length).toBe(5)
    expect(rebuilt(store)).toEqual([])
  })
})
