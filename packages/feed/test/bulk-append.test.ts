import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { messagesOf, open, SampleFeed, textOf } from './store-fixture.js'

const FEEDS = 3
const ROUNDS = 3

/** Feeds that grow by turns, as in an import. Resolves when all is flushed. */
async function load(fs: MemoryFileSystem): Promise<string[][]> {
  const feeds = Array.from({ length: FEEDS }, (_, number) => new SampleFeed(number))
  const texts = feeds.map((): string[] => [])
  const { store } = open(fs)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [number, feed] of feeds.entries()) {
      const entries = feed.take(2)
      store.append(store.addFeed(feed.idBytes), entries, true)
      texts[number]!.push(...entries.map(textOf))
    }
  }
  await store.flush()
  return texts
}

async function disk(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await fs.syncFolder('/')
  return fs
}

describe('messages that are appended in bulk', () => {
  it('are all on the disk after a flush, whatever a crash leaves of the rest', async () => {
    const fs = await disk()
    const texts = await load(fs)
    let images = 0
    for (const image of fs.crashImages('bulk-append')) {
      images += 1
      const { store, troubles } = open(image)
      expect(troubles, image.origin).toEqual([])
      for (const [number, expected] of texts.entries()) {
        const { idBytes } = new SampleFeed(number)
        expect(messagesOf(store, idBytes), image.origin).toEqual(expected)
      }
    }
    expect(images).toBeGreaterThan(0)
  })

  it('leave a whole beginning of each chain after a crash at any step before, which the same load completes', {
    timeout: 60_000,
  }, async () => {
    const whole = await load(await disk())
    for (const fault of ['kill', 'torn'] as const) {
      for (let call = 0; ; call++) {
        const fs = await disk()
        fs.failAt(fs.callCount + call, fault)
        await load(fs).catch((error) => {
          if (!fs.isKilled) throw error
        })
        for (const image of fs.crashImages('bulk-append', { maxImages: 32 })) {
          const { store } = open(image)
          for (const [number, expected] of whole.entries()) {
            const { idBytes } = new SampleFeed(number)
            const label = `${fault} at ${call}, ${image.origin}`
            const held = messagesOf(store, idBytes)
            const feed = store.addFeed(idBytes)
            const { sequence } = store.feedInfo(feed)
            expect(held.slice(0, sequence), label).toEqual(expected.slice(0, sequence))
            // Pages of one file may be lost in any order: what lies behind a hole waits for it to be filled.
            for (const entry of new SampleFeed(number).take(2 * ROUNDS).slice(sequence)) {
              if (held.includes(textOf(entry))) continue
              if (entry.sequence > store.feedInfo(feed).sequence) store.append(feed, [entry], true)
            }
            expect(messagesOf(store, idBytes), label).toEqual(expected)
          }
        }
        if (!fs.isKilled) break
      }
    }
  })

  it('share the syncs of the folders above their feeds, and need them anew for a new feed', async () => {
    const fs = await disk()
    const synced: string[] = []
    const counted = new Proxy(fs, {
      get(target, name) {
        const held = Reflect.get(target, name, target)
        if (typeof held !== 'function') return held
        if (name !== 'syncFolder') return held.bind(target)
        return (path: string) => {
          synced.push(path)
          return target.syncFolder(path)
        }
      },
    })
    const { store } = open(counted)
    // Ids whose folders are beside each other.
    const ids = [0, 1].map((last) => new Uint8Array(32).fill(7, 0, 31).fill(last, 31))
    for (const idBytes of ids) store.append(store.addFeed(idBytes), new SampleFeed(1).take(1), true)
    expect(synced).toEqual([])
    await store.flush()
    expect(synced.filter((path) => path.endsWith('/feeds/07'))).toHaveLength(1)
    expect(synced.filter((path) => path === '/data')).toHaveLength(1)
    const late = new Uint8Array(32).fill(7).fill(2, 31)
    store.append(store.addFeed(late), new SampleFeed(2).take(1), true)
    await store.flush()
    expect(synced.filter((path) => path.endsWith('/feeds/07'))).toHaveLength(2)
    expect(synced.filter((path) => path === '/data')).toHaveLength(1)
  })
})
