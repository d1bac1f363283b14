import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { messagesOf, open, putFile, SampleFeed } from './store-fixture.js'

const path = '/data/derived/shard-0-of-1.snapshot'

async function saved() {
  const feed = new SampleFeed(1)
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await fs.syncFolder('/')
  const { store } = open(fs)
  store.append(store.addFeed(feed.idBytes), [
    ...feed.take(2),
    feed.next({ type: 'about', about: feed.id, name: 'me' }),
    feed.next({ type: 'contact', contact: new SampleFeed(2).id, following: true }),
  ])
  await store.checkpoint()
  return { fs, feed, store }
}

/** What can be asked of the store, as one value. */
function answers(store: ReturnType<typeof open>['store'], feed: SampleFeed): unknown {
  return {
    messages: messagesOf(store, feed.idBytes),
    info: store.feedInfo(0),
    name: store.nameOf(0),
    contacts: store.contacts(0),
    links: store.linksFrom(0),
    types: [...store.rowsByType('post')],
    keys: [...store.rowsOfFeed(0)].map((row) => store.findKey(store.readRow(row).subarray(20, 52))),
  }
}

describe('a snapshot that can not be written at the end', () => {
  it('is reported, and nothing of the feeds is lost', async () => {
    const feed = new SampleFeed(1)
    const fs = new MemoryFileSystem()
    putFile(fs, '/data/derived', new Uint8Array(1))
    await fs.syncFolder('/')
    const { store, troubles } = open(fs)
    store.append(store.addFeed(feed.idBytes), feed.take(3))
    const expected = messagesOf(store, feed.idBytes)
    await expect(store.checkpoint()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await store.close()
    expect(troubles).toEqual([
      { kind: 'snapshotUnusable', reason: 'ENOTDIR' },
      { kind: 'snapshotFailed', reason: 'EEXIST' },
    ])
    expect(fs.openFileCount).toBe(0)
    for (const image of fs.crashImages('snapshot-failed', { maxImages: 16 })) {
      expect(messagesOf(open(image).store, feed.idBytes), image.origin).toEqual(expected)
    }
  })

  it('at any write on a full or failing disk, leaves the feeds safe and the files closed', async () => {
    for (const fault of ['EIO', 'ENOSPC'] as const) {
      let reportCount = 0
      for (let call = 0; ; call++) {
        const { fs, feed, store } = await saved()
        await store.close()
        const { store: again, troubles } = open(fs)
        again.append(0, [feed.next()])
        const expected = messagesOf(again, feed.idBytes)
        await again.flush()
        fs.failAt(fs.callCount + call, fault)
        await again.close()
        const label = `${fault} at ${call}`
        expect(troubles.map(({ kind }) => kind).join(), label).toMatch(/^(snapshotFailed)?$/)
        reportCount += troubles.length
        expect(fs.openFileCount, label).toBe(0)
        for (const image of fs.crashImages('snapshot-failed', { maxImages: 8 })) {
          expect(messagesOf(open(image).store, feed.idBytes), label).toEqual(expected)
        }
        if (fs.faultHitCount === 0) break
      }
      expect(reportCount).toBeGreaterThan(2)
    }
  })

  it('follows one that is under way', async () => {
    const { fs, feed, store } = await saved()
    store.append(0, [feed.next()])
    const written = store.checkpoint()
    store.append(0, [feed.next()])
    await Promise.all([written, store.close()])
    const again = open(fs)
    expect(again.troubles).toEqual([])
    expect(again.store.progress).toMatchObject({ start: again.store.progress.target })
    expect(again.store.feedInfo(0).sequence).toBe(6)
  })
})

describe('a snapshot', () => {
  it('is void as a whole, or index by index, with any byte turned: answers stay right', async () => {
    const { fs, feed, store } = await saved()
    const expected = answers(store, feed)
    const bytes = fs.readFile(path)
    const voids = { whole: 0, partly: 0 }
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : 13) {
      const turned = bytes.slice()
      turned[at]! ^= 1 << (at & 7)
      putFile(fs, path, turned)
      const again = open(fs)
      expect(answers(again.store, feed), `byte ${at}`).toEqual(expected)
      if (again.troubles.length > 0) voids.whole += 1
      else voids.partly += 1
      expect(again.troubles.every(({ kind }) => kind === 'snapshotUnusable')).toBe(true)
    }
    expect(voids.whole).toBeGreaterThan(0)
    expect(voids.partly).toBeGreaterThan(0)
  })

  it('is void at any cut', async () => {
    const { fs, feed, store } = await saved()
    const expected = answers(store, feed)
    const bytes = fs.readFile(path)
    for (let end = 0; end < bytes.length; end += 101) {
      putFile(fs, path, bytes.slice(0, end))
      const again = open(fs)
      expect(again.troubles.map(({ kind }) => kind)).toEqual(['snapshotUnusable'])
      expect(answers(again.store, feed)).toEqual(expected)
    }
  })

  it('is the old one or the new one, wherever the writing of it is cut or fails', async () => {
    for (const fault of ['kill', 'torn', 'EIO', 'ENOSPC'] as const) {
      for (let call = 0; ; call++) {
        const { fs, feed, store } = await saved()
        await store.flush()
        store.append(0, feed.take(2))
        await store.flush()
        const expected = messagesOf(store, feed.idBytes)
        fs.failAt(fs.callCount + call, fault)
        await store.checkpoint().catch((error) => {
          expect(fs.isKilled ? 'STORE_FAILED' : error.code).toMatch(/^STORE_(FULL|FAILED)$/)
        })
        for (const image of fs.crashImages('snapshot', { maxImages: 32 })) {
          const again = open(image)
          expect(again.troubles).toEqual([])
          expect(messagesOf(again.store, feed.idBytes)).toEqual(expected)
        }
        if (fs.faultHitCount === 0) break
      }
    }
  })

  it('is not written again while nothing changed, and tells of the moment it was asked for', async () => {
    const { fs, feed, store } = await saved()
    const before = fs.callCount
    await store.checkpoint()
    expect(fs.callCount).toBe(before)
    store.append(0, feed.take(1))
    const written = store.checkpoint()
    store.append(0, feed.take(3))
    await written
    const again = open(fs)
    expect(again.troubles).toEqual([])
    expect(again.store.feedInfo(0).sequence).toBe(8)
    await again.store.close()
    const third = open(fs)
    const calls = fs.callCount
    await third.store.close()
    expect(fs.callCount).toBe(calls)
  })

  it('is taken away where it was made for another number of shards', async () => {
    const { fs, feed } = await saved()
    const { store } = open(fs, { shard: 0, shards: 2 })
    store.append(0, feed.take(1))
    await store.checkpoint()
    expect(fs.list('/data/derived')).toEqual(['shard-0-of-2.snapshot'])
  })
})
