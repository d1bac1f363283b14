import type { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import type { ShardStore } from '../src/shard-store.js'
import { blockNames, disk, SignedFeed, seal, unseal } from './sealed-fixture.js'
import { messagesOf, open, outOfOrder } from './store-fixture.js'

const FAULTS = ['kill', 'torn', 'EIO', 'ENOSPC'] as const
const feed = new SignedFeed('sealed', 9)
const { idBytes, entries } = feed
const texts = feed.texts()

/** A store that holds a feed, all of it on the disk. */
async function stored(fill: (store: ShardStore) => void): Promise<MemoryFileSystem> {
  const fs = await disk()
  const { store } = open(fs)
  fill(store)
  await store.flush()
  await store.checkpoint()
  return fs
}

const inOrder = (store: ShardStore) => store.append(store.addFeed(idBytes), entries)
const mixed = (store: ShardStore) => {
  store.append(store.addFeed(idBytes), entries.slice(6).map(outOfOrder))
  store.append(0, entries.slice(0, 6))
}

const blockMessages = 3
const sealAll = (store: ShardStore) => seal(store, 0, { blockMessages, keepMessages: 1 })
const sealSome = (store: ShardStore) => seal(store, 0, { blockMessages, keepMessages: 5 })

const changes = {
  'seals a feed': { fill: inOrder, first: [], change: sealAll },
  'seals more of a feed': { fill: inOrder, first: [sealSome], change: sealAll },
  'seals a feed whose frames are not in order': { fill: mixed, first: [], change: sealAll },
  'unseals a feed': {
    fill: inOrder,
    first: [sealAll],
    change: (store: ShardStore) => unseal(store, 0),
  },
  'unseals a feed whose frames were put in order': {
    fill: mixed,
    first: [sealAll],
    change: (store: ShardStore) => unseal(store, 0),
  },
}

/** Runs a change with a fault at each of its calls in turn. */
async function* faulted(
  { fill, first, change }: (typeof changes)[keyof typeof changes],
  fault: (typeof FAULTS)[number],
) {
  for (let call = 0; ; call++) {
    const fs = await stored(fill)
    const { store } = open(fs)
    for (const step of first) await step(store)
    fs.failAt(fs.callCount + call, fault)
    let code: string | null = null
    await change(store).catch((error: { code?: string }) => {
      code = error.code ?? String(error)
    })
    const isHit = fs.faultHitCount > 0
    if (isHit) yield { fs, store, code, label: `${fault} at ${call}` }
    else return
  }
}

for (const [name, given] of Object.entries(changes)) {
  describe(`a store that ${name}`, () => {
    it('has all messages after every crash, and nothing left over', {
      timeout: 60_000,
    }, async () => {
      let states = 0
      for (const fault of FAULTS) {
        for await (const { fs, label } of faulted(given, fault)) {
          let isFirst = true
          for (const image of fs.crashImages('sealing', { maxImages: 8 })) {
            states += 1
            const { store, troubles } = open(image)
            expect(messagesOf(store, idBytes), `${label}, ${image.origin}`).toEqual(texts)
            expect(troubles, label).toEqual([])
            const sealed = store.feedInfo(0).sealed?.messages ?? 0
            expect(blockNames(image, idBytes), label).toHaveLength(
              Math.ceil(sealed / blockMessages),
            )
            const files = [...image.snapshot().keys()]
            expect(files.filter((path) => path.endsWith('.new'))).toEqual([])
            if (isFirst) expect(await sealAll(store), label).toBe(sealed < 8)
            isFirst = false
            expect(messagesOf(store, idBytes), label).toEqual(texts)
          }
        }
      }
      expect(states).toBeGreaterThan(50)
    })

    it('says what went wrong, serves all messages, and does it when there is room', {
      timeout: 60_000,
    }, async () => {
      const codes = new Set<string | null>()
      for (const fault of ['ENOSPC', 'EIO'] as const) {
        for await (const { fs, store, code, label } of faulted(given, fault)) {
          codes.add(code)
          expect(messagesOf(store, idBytes), label).toEqual(texts)
          fs.heal()
          // After a sync that failed, nothing is trusted to the same folder again.
          if (code === 'STORE_FULL') await given.change(store)
          expect(messagesOf(store, idBytes), label).toEqual(texts)
          store.append(0, [])
          await store.close()
          const again = open(fs)
          expect(messagesOf(again.store, idBytes), label).toEqual(texts)
          expect(again.troubles, label).toEqual([])
          expect(fs.openFileCount).toBeLessThan(3)
        }
      }
      // A left-over that can't be taken away harms nobody.
      codes.delete(null)
      expect([...codes].sort()).toEqual(['STORE_FAILED', 'STORE_FULL'])
    })

    it('leaves the log as it is on a disk without room', async () => {
      for (let room = 0; ; room += 300) {
        const fs = await stored(given.fill)
        const { store } = open(fs)
        for (const step of given.first) await step(store)
        const before = fs.snapshot()
        fs.setCapacity(fs.usedBytes + room)
        const done = await given.change(store).then(
          () => true,
          (error) => {
            expect(error.code).toBe('STORE_FULL')
            return false
          },
        )
        if (done) return
        expect(fs.snapshot()).toEqual(before)
        expect(messagesOf(store, idBytes)).toEqual(texts)
      }
    })
  })
}
