import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { type PeerClock, PeerClocks } from '../src/peer-clocks.js'
import { feedId } from './ebt-network.js'

const FOLDER = '/derived/peer-clocks'

function clocks({ files = new MemoryFileSystem(), maxPeers = 10, maxBytes = 10_000 } = {}) {
  const log: string[] = []
  let nowMs = 0
  const open = () =>
    new PeerClocks({
      files,
      folder: FOLDER,
      maxPeers,
      maxBytes,
      logger: { log: (_level, _room, text) => log.push(text) },
      now: () => ++nowMs,
    })
  return { files, log, open, kept: open() }
}

const clock: PeerClock = [
  [feedId(1), 7, 9],
  [feedId(2), -1, 4],
  [feedId(3), 0, 0],
]
const peer = feedId(100)

describe('what a peer is known to hold', () => {
  test('is there after a restart, once', () => {
    const { kept, open, log } = clocks()
    kept.save(peer, clock)
    const later = open()
    expect(later.take(peer)).toEqual(clock)
    expect(later.take(peer)).toEqual([])
    expect(later.take(feedId(101))).toEqual([])
    expect(log).toEqual([])
  })

  test('is nothing where its file is damaged anywhere, or cut', () => {
    const { kept, files } = clocks()
    kept.save(peer, clock)
    const [name] = files.list(FOLDER)
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

  test('is cut off at so many bytes', () => {
    const { kept, files } = clocks({ maxBytes: 200 })
    kept.save(
      peer,
      Array.from({ length: 50 }, (_, at) => [feedId(at), at, at] as const),
    )
    expect(files.stat(`${FOLDER}/${files.list(FOLDER)[0]}`)!.sizeBytes).toBeLessThanOrEqual(200)
    expect(kept.take(peer)).toEqual([
      [feedId(0), 0, 0],
      [feedId(1), 1, 1],
      [feedId(2), 2, 2],
      [feedId(3), 3, 3],
    ])
  })

  test('goes where there are too many peers, the oldest first', () => {
    const { kept, files } = clocks({ maxPeers: 10 })
    for (let at = 0; at < 25; at++) kept.save(feedId(100 + at), clock)
    expect(files.list(FOLDER).length).toBeLessThanOrEqual(10)
    expect(kept.take(feedId(100))).toEqual([])
    expect(kept.take(feedId(124))).toEqual(clock)
  })

  test('is not worth a failure', () => {
    const { log } = clocks()
    const kept = new PeerClocks({
      files: new Proxy(new MemoryFileSystem(), {
        get: () => () => {
          throw new Error('the disk is gone')
        },
      }),
      folder: FOLDER,
      maxPeers: 1,
      maxBytes: 1_000,
      logger: { log: (_level, _room, text) => log.push(text) },
      now: () => 0,
    })
    kept.save(peer, clock)
    expect(kept.take(peer)).toEqual([])
    expect(log).toHaveLength(2)
  })
})
