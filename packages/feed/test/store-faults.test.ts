import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { logPath, messagesOf, open, outOfOrder, SampleFeed, textOf } from './store-fixture.js'

const FAULTS = ['kill', 'torn', 'EIO', 'ENOSPC'] as const

async function disk(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await fs.syncFolder('/')
  return fs
}

/** What a store outside the disk knows: which messages must be there, and which may be. */
class Journal {
  readonly tried: string[] = []
  safe = 0
}

/** Runs a scenario on a store with a fault; which calls of the scenario failed is in the journal. */
async function scenario(fs: MemoryFileSystem, journals: readonly Journal[]): Promise<void> {
  const feeds = journals.map((_, number) => new SampleFeed(number))
  const { store } = open(fs)
  let isFlushed = true
  for (let round = 0; round < 3; round++) {
    for (const [number, feed] of feeds.entries()) {
      const journal = journals[number]!
      const index = store.addFeed(feed.idBytes)
      const missing = new SampleFeed(number)
      const entries = missing.take(
        journal.tried.length === 0 ? 2 : store.feedInfo(index).sequence + 2,
      )
      const next = entries.slice(store.feedInfo(index).sequence)
      for (const entry of next) {
        if (!journal.tried.includes(textOf(entry))) journal.tried.push(textOf(entry))
      }
      try {
        store.append(index, next)
      } catch (error) {
        if (fs.isKilled) throw error
        expect((error as { code: string }).code).toMatch(/^STORE_(FULL|FAILED|QUARANTINED)$/)
        fs.heal()
      }
    }
    try {
      await store.flush()
      isFlushed = true
    } catch {
      isFlushed = false
      fs.heal()
    }
    if (fs.isKilled) throw new Error('killed')
    for (const [number, journal] of journals.entries()) {
      const index = store.feedNumber(feeds[number]!.idBytes)
      const isTrusted = index !== -1 && !store.feedInfo(index).flags.isQuarantined
      if (isFlushed && isTrusted) journal.safe = messagesOf(store, feeds[number]!.idBytes).length
    }
    if (round === 1) await store.checkpoint().catch(() => fs.heal())
  }
}

describe('a store on a disk that fails', () => {
  it('keeps what it said is safe, shows only whole prefixes, and goes on after every crash', {
    timeout: 60_000,
  }, async () => {
    let states = 0
    for (const fault of FAULTS) {
      for (let call = 0; ; call++) {
        const fs = await disk()
        fs.failAt(fs.callCount + call, fault)
        const journals = [new Journal(), new Journal()]
        await scenario(fs, journals).catch((error) => {
          if (!fs.isKilled && error.code !== 'STORE_FAILED' && error.code !== 'STORE_FULL')
            throw error
        })
        for (const image of fs.crashImages('store-faults', { maxImages: 32 })) {
          states += 1
          const label = `${fault} at ${call}, ${image.origin}`
          const { store } = open(image)
          for (const [number, journal] of journals.entries()) {
            const feed = new SampleFeed(number)
            const texts = messagesOf(store, feed.idBytes)
            expect(texts.length, label).toBeGreaterThanOrEqual(journal.safe)
            const index = store.addFeed(feed.idBytes)
            const { sequence } = store.feedInfo(index)
            expect(texts.slice(0, sequence), label).toEqual(journal.tried.slice(0, sequence))
            expect(new Set(texts).size).toBe(texts.length)
            const entries = feed.take(journal.tried.length + 1)
            const waiting = new Set(texts)
            for (const entry of entries.slice(sequence)) {
              if (!waiting.has(textOf(entry)) && entry.sequence > store.feedInfo(index).sequence) {
                store.append(index, [entry])
              }
            }
            expect(messagesOf(store, feed.idBytes), label).toEqual(entries.map(textOf))
          }
          const again = open(image).store
          for (const number of journals.keys()) {
            const { idBytes } = new SampleFeed(number)
            expect(messagesOf(again, idBytes), label).toEqual(messagesOf(store, idBytes))
          }
        }
        if (fs.faultHitCount === 0) break
      }
    }
    expect(states).toBeGreaterThan(500)
  })

  it('keeps nothing of an append that the disk had no room for, and takes it when there is room', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store } = open(fs)
    const index = store.addFeed(feed.idBytes)
    store.append(index, feed.take(3))
    const before = fs.readFile(logPath(feed.idBytes))
    const next = feed.take(5)
    fs.setCapacity(fs.usedBytes + 700)
    expect(() => store.append(index, next)).toThrow(expect.objectContaining({ code: 'STORE_FULL' }))
    expect(fs.readFile(logPath(feed.idBytes))).toEqual(before)
    expect(store.feedInfo(index)).toMatchObject({ sequence: 3, messages: 3 })
    fs.setCapacity(1e9)
    store.append(index, next)
    expect(messagesOf(open(fs).store, feed.idBytes).length).toBe(8)
  })

  it('writes a log anew whose sync failed, and never syncs the old file again', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store, troubles } = open(fs)
    const index = store.addFeed(feed.idBytes)
    store.append(index, feed.take(3))
    await store.flush()
    store.append(index, feed.take(3))
    fs.failAt(fs.callCount, 'EIO')
    await store.flush()
    expect(troubles).toEqual([{ kind: 'syncFailed', feed: feed.id, isRecovered: true }])
    expect(store.feedInfo(index).flags.isQuarantined).toBe(false)
    for (const image of fs.crashImages('store-faults')) {
      expect(messagesOf(open(image).store, feed.idBytes).length).toBe(6)
    }
    store.append(index, feed.take(1))
    await store.flush()
    expect(messagesOf(open(fs).store, feed.idBytes).length).toBe(7)
  })

  it('syncs what a process that was killed left unsynced, before the tables tell of it', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store: killed } = open(fs)
    killed.append(killed.addFeed(feed.idBytes), feed.take(3))
    const { store } = open(fs)
    expect(messagesOf(store, feed.idBytes).length).toBe(3)
    await store.close()
    for (const image of fs.crashImages('store-faults')) {
      expect(messagesOf(open(image).store, feed.idBytes).length, image.origin).toBe(3)
    }
  })

  it('sets a feed aside whose log can be neither synced nor written anew', async () => {
    const fs = await disk()
    const feeds = [new SampleFeed(1), new SampleFeed(2)]
    const { store, troubles } = open(fs)
    for (const feed of feeds) store.append(store.addFeed(feed.idBytes), feed.take(1))
    await store.flush()
    store.append(0, feeds[0]!.take(1))
    for (const call of [0, 3]) fs.failAt(fs.callCount + call, 'EIO')
    await expect(store.flush()).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_SYNC_FAILED' }),
    )
    expect(troubles).toEqual([{ kind: 'syncFailed', feed: feeds[0]!.id, isRecovered: false }])
    expect(() => store.append(0, feeds[0]!.take(1))).toThrow(
      expect.objectContaining({ code: 'STORE_QUARANTINED' }),
    )
    store.append(1, feeds[1]!.take(1))
    const failed = expect.objectContaining({ code: 'STORE_SYNC_FAILED' })
    await expect(store.flush()).rejects.toThrow(failed)
    await expect(store.checkpoint()).rejects.toThrow(failed)
    expect(store.statistics()).toMatchObject({ dirtyLogs: 0, quarantined: [feeds[0]!.id] })
  })

  it('tells whoever flushes of a sync that failed unheard', async () => {
    const fs = await disk()
    const { store, ports } = open(fs)
    store.append(store.addFeed(new SampleFeed(1).idBytes), new SampleFeed(1).take(1), true)
    for (const call of [0, 1]) fs.failAt(fs.callCount + call, 'EIO')
    ports.timers.runAll()
    while (store.statistics().dirtyLogs > 0) await Promise.resolve()
    await expect(store.flush()).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_SYNC_FAILED' }),
    )
  })

  it('does not sync a file again that grew while its sync failed, but writes it anew', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(1))
    await store.flush()
    store.append(0, feed.take(1))
    fs.failAt(fs.callCount, 'EIO')
    const failed = expect(store.flush()).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_SYNC_FAILED' }),
    )
    store.append(0, feed.take(1))
    fs.failAt(fs.callCount, 'EIO')
    await failed
    await store.flush()
    for (const image of fs.crashImages('store-faults')) {
      expect(messagesOf(open(image).store, feed.idBytes), image.origin).toHaveLength(3)
    }
  })

  it('saves no derived state that knows more than a crash leaves of the logs', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store } = open(fs)
    const index = store.addFeed(feed.idBytes)
    for (let write = 0; write < 3; write++) store.append(index, feed.take(1))
    await store.checkpoint()
    for (const image of fs.crashImages('store-faults')) {
      expect(messagesOf(open(image).store, feed.idBytes), image.origin).toHaveLength(3)
    }
  })
})

describe('a durable append', () => {
  it('is seen by nobody before it is on the disk and committed', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store } = open(fs)
    const index = store.addFeed(feed.idBytes)
    const [entry] = feed.take(1)
    let seen = -1
    await store.appendDurably(index, [entry!], async () => {
      seen = store.rowCount
      for (const image of fs.crashImages('store-faults')) {
        expect(messagesOf(open(image).store, feed.idBytes)).toEqual([textOf(entry!)])
      }
      const busy = expect.objectContaining({ code: 'STORE_BUSY' })
      expect(() => store.append(index, feed.take(1))).toThrow(busy)
      expect(() => store.rebuildFeed(index)).toThrow(busy)
    })
    expect([seen, store.rowCount]).toEqual([0, 1])
  })

  it('is taken back where it can not be committed', async () => {
    const fs = await disk()
    const feed = new SampleFeed(1)
    const { store } = open(fs)
    const index = store.addFeed(feed.idBytes)
    store.append(index, feed.take(2))
    const entry = feed.next()
    const failure = new Error('the mark could not be raised')
    await expect(store.appendDurably(index, [entry], () => Promise.reject(failure))).rejects.toBe(
      failure,
    )
    expect(store.feedInfo(index)).toMatchObject({ sequence: 2, messages: 2 })
    expect(messagesOf(open(fs).store, feed.idBytes).length).toBe(2)
    await store.appendDurably(index, [entry], async () => {})
    expect(messagesOf(open(fs).store, feed.idBytes).length).toBe(3)
  })

  it('that was acknowledged is there after every crash', async () => {
    for (const fault of FAULTS) {
      for (let call = 0; ; call++) {
        const fs = await disk()
        const feed = new SampleFeed(1)
        const { store } = open(fs)
        const index = store.addFeed(feed.idBytes)
        fs.failAt(fs.callCount + call, fault)
        const acknowledged: string[] = []
        for (const entry of feed.take(3)) {
          try {
            await store.appendDurably(index, [entry], async () => {})
            acknowledged.push(textOf(entry))
          } catch {
            break
          }
        }
        for (const image of fs.crashImages('store-faults', { maxImages: 32 })) {
          const texts = messagesOf(open(image).store, feed.idBytes)
          expect(texts.slice(0, acknowledged.length), `${fault} at ${call}`).toEqual(acknowledged)
        }
        if (fs.faultHitCount === 0) break
      }
    }
  })
})

it('finds a message that came out of order in a log that lost its tail', async () => {
  const fs = await disk()
  const feed = new SampleFeed(1)
  const entries = feed.take(4)
  const { store } = open(fs)
  store.append(store.addFeed(feed.idBytes), [outOfOrder(entries[3]!), ...entries.slice(0, 2)])
  const bytes = fs.readFile(logPath(feed.idBytes))
  const handle = fs.open(logPath(feed.idBytes), 'readWrite')
  handle.truncate(bytes.length - 5)
  handle.close()
  const again = open(fs).store
  expect(again.feedInfo(0)).toMatchObject({ sequence: 1, highestSequence: 4, messages: 2 })
})
