import type { FeedId } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { type PeerClock, PeerClocks } from '../src/peer-clocks.js'
import { feedId } from './ebt-network.js'

const FOLDER = '/derived/peer-clocks'

async function clocks({
  files = new MemoryFileSystem(),
  maxPeers = 10,
  maxBytes = 10_000,
  friends = [] as FeedId[],
} = {}) {
  const log: string[] = []
  let nowMs = 0
  const open = async (disk = files) => {
    const kept = new PeerClocks({
      files: disk,
      folder: FOLDER,
      maxPeers,
      maxBytes,
      isFriend: (id) => friends.includes(id),
      logger: { log: (_level, _room, text) => log.push(text) },
      now: () => ++nowMs,
    })
    await kept.open()
    return kept
  }
  return { files, log, open, kept: await open() }
}

const clock: PeerClock = [
  [feedId(1), 7, 9],
  [feedId(2), -1, 4],
  [feedId(3), 0, 0],
]
const peer = feedId(100)

describe('what a peer is known to hold', () => {
  test('is there after a restart, once', async () => {
    const { kept, open, log } = await clocks()
    kept.save(peer, clock)
    await kept.close()
    const later = await open()
    expect(later.take(peer)).toEqual(clock)
    expect(later.take(peer)).toEqual([])
    expect(later.take(feedId(101))).toEqual([])
    expect(log).toEqual([])
  })

  test('is nothing once the node has crashed, whatever the disk brings back', async () => {
    const { kept, files, open } = await clocks()
    kept.save(peer, clock)
    await kept.close()
    const later = await open()
    await files.syncFolder('/')
    await files.syncFolder('/derived')
    later.take(peer)
    let backCount = 0
    for (const disk of files.crashImages(1)) {
      if (disk.list(FOLDER).some((name) => name.endsWith('.clock'))) backCount += 1
      expect((await open(disk)).take(peer), disk.origin).toEqual([])
    }
    expect(backCount).toBeGreaterThan(0)
  })

  test('is nothing while it can not be told that the node runs', async () => {
    const { kept, files, open, log } = await clocks()
    kept.save(peer, clock)
    await kept.close()
    const full = new Proxy(files, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name !== 'open') return typeof value === 'function' ? value.bind(target) : value
        return () => {
          throw new Error('the disk is full')
        }
      },
    })
    const later = await open(full)
    expect(later.take(peer)).toEqual([])
    later.save(peer, clock)
    expect(files.list(FOLDER)).toEqual([])
    expect(log).toEqual(['what a peer holds could not be opened'])
  })

  test('is nothing where its file is damaged anywhere, or cut', async () => {
    const { kept, files } = await clocks()
    kept.save(peer, clock)
    const name = files.list(FOLDER).find((each) => each.endsWith('.clock'))
    const path = `${FOLDER}/${name}`
    const whole = files.readFile(path)
    const put = (bytes: Uint8Array) => {
      if (files.stat(path) !== null) files.remove(path)
      const handle = files.open(path, 'createNew')
      handle.write(bytes, 0)
      handle.close()
    }
    for (let at = 0; at < whole.length; at++) {
      const flipped = new Uint8Array(whole)
      flipped[at]! ^= 1
      put(flipped)
      expect(kept.take(peer), `byte ${at}`).toEqual([])
      put(whole.subarray(0, at))
      expect(kept.take(peer), `cut at ${at}`).toEqual([])
    }
    put(whole)
    expect(kept.take(peer)).toEqual(clock)
  })

  test('is cut off at so many bytes', async () => {
    const { kept, files } = await clocks({ maxBytes: 200 })
    kept.save(
      peer,
      Array.from({ length: 50 }, (_, at) => [feedId(at), at, at] as const),
    )
    const sizes = files.list(FOLDER).map((name) => files.stat(`${FOLDER}/${name}`)!.sizeBytes)
    expect(Math.max(...sizes)).toBeGreaterThan(100)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200)
    expect(kept.take(peer)).toEqual([
      [feedId(0), 0, 0],
      [feedId(1), 1, 1],
      [feedId(2), 2, 2],
      [feedId(3), 3, 3],
    ])
  })

  test('goes where there are too many peers, the oldest first', async () => {
    const { kept, files } = await clocks({ maxPeers: 10 })
    for (let at = 0; at < 25; at++) kept.save(feedId(100 + at), clock)
    expect(files.list(FOLDER).length).toBeLessThanOrEqual(11)
    expect(kept.take(feedId(100))).toEqual([])
    expect(kept.take(feedId(124))).toEqual(clock)
  })

  test('stays while there are strangers who can go', async () => {
    const friends = [feedId(100), feedId(101)]
    const { kept } = await clocks({ maxPeers: 10, friends })
    for (let at = 0; at < 25; at++) kept.save(feedId(100 + at), clock)
    for (const friend of friends) expect(kept.take(friend)).toEqual(clock)
    expect(kept.take(feedId(102))).toEqual([])
  })

  test('is not worth a failure', async () => {
    let isGone = false
    const files = new Proxy(new MemoryFileSystem(), {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (!isGone) return typeof value === 'function' ? value.bind(target) : value
        return () => {
          throw new Error('the disk is gone')
        }
      },
    })
    const { kept, log } = await clocks({ files })
    isGone = true
    kept.save(peer, clock)
    expect(kept.take(peer)).toEqual([])
    await kept.close()
    expect(log).toHaveLength(3)
  })
})
