import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { FRAME_HEADER_BYTES } from '../src/frame.js'
import { logPath, messagesOf, open, putFile, SampleFeed, textOf } from './store-fixture.js'

const feed = new SampleFeed(1)
const entries = feed.take(5)
const texts = entries.map(textOf)
const sizes = entries.map((entry) => FRAME_HEADER_BYTES + entry.compact.length)
const path = logPath(feed.idBytes)
const log = wholeLog()

function wholeLog(): Uint8Array {
  const fs = new MemoryFileSystem()
  const { store } = open(fs)
  store.append(store.addFeed(feed.idBytes), entries)
  return fs.readFile(path)
}

function opened(bytes: Uint8Array) {
  const fs = new MemoryFileSystem()
  putFile(fs, path, bytes)
  return { fs, ...open(fs) }
}

/** How many of the frames lie before an offset, whole. */
function framesBefore(offset: number): number {
  let end = 0
  let count = 0
  for (const size of sizes) {
    end += size
    if (end > offset) break
    count += 1
  }
  return count
}

describe('a log that was cut', () => {
  it('keeps every whole message and cuts the torn one back, at every byte', () => {
    for (let cut = 0; cut <= log.length; cut++) {
      const { fs, store, troubles } = opened(log.slice(0, cut))
      const whole = framesBefore(cut)
      expect(messagesOf(store, feed.idBytes), `cut at ${cut}`).toEqual(texts.slice(0, whole))
      expect(store.feedInfo(0).sequence).toBe(whole)
      const end = sizes.slice(0, whole).reduce((sum, size) => sum + size, 0)
      expect(fs.stat(path)?.sizeBytes).toBe(end)
      expect(troubles).toEqual(
        cut === end ? [] : [{ kind: 'tornTail', feed: feed.id, cutBytes: cut - end }],
      )
    }
  })

  it('takes the lost messages again, and has them after the next start', () => {
    for (let cut = 0; cut < log.length; cut += 7) {
      const { fs, store } = opened(log.slice(0, cut))
      store.append(store.addFeed(feed.idBytes), entries.slice(store.feedInfo(0).sequence))
      expect(fs.readFile(path)).toEqual(log)
      expect(messagesOf(open(fs).store, feed.idBytes)).toEqual(texts)
    }
  })
})

describe('a log with one bit turned', () => {
  it('serves all messages but the one that was hit, at every byte', () => {
    for (let at = 0; at < log.length; at++) {
      const bytes = log.slice()
      bytes[at]! ^= 1 << (at & 7)
      const hit = framesBefore(at)
      const { fs, store, troubles } = opened(bytes)
      expect(messagesOf(store, feed.idBytes), `byte ${at}`).toEqual(
        texts.filter((_, index) => index !== hit),
      )
      const { sequence, flags } = store.feedInfo(0)
      expect(sequence).toBe(hit)
      const isLast = hit === entries.length - 1
      expect(flags.isDamaged).toBe(!isLast)
      expect(troubles.map(({ kind }) => kind)).toEqual([isLast ? 'tornTail' : 'damagedRange'])
      expect(fs.stat(path)?.sizeBytes).toBe(isLast ? log.length - sizes[hit]! : log.length)
    }
  })

  it('heals when the message that was hit is fetched again', () => {
    const bytes = log.slice()
    bytes[sizes[0]! + 60]! ^= 4
    const { fs, store } = opened(bytes)
    expect(store.feedInfo(0)).toMatchObject({ sequence: 1, highestSequence: 5, messages: 4 })
    store.append(0, [entries[1]!])
    const healed = { sequence: 5, messages: 5, flags: { isDamaged: false, isOutOfOrder: false } }
    expect(store.feedInfo(0)).toMatchObject(healed)
    expect(messagesOf(store, feed.idBytes)).toEqual(texts)
    const again = open(fs)
    expect(again.store.feedInfo(0)).toMatchObject(healed)
    expect(messagesOf(again.store, feed.idBytes)).toEqual(texts)
    expect(again.troubles.map(({ kind }) => kind)).toEqual(['damagedRange'])
  })

  it('is noticed when the message is read, where it was turned after it was indexed', () => {
    const { fs, store, troubles } = opened(log)
    fs.corrupt(path, sizes[0]! + 60)
    expect(() => store.readRow(1)).toThrow(expect.objectContaining({ code: 'STORE_ROW_DAMAGED' }))
    expect(troubles).toEqual([{ kind: 'damagedFrame', feed: feed.id, sequence: 2 }])
    expect(store.findKey(entries[1]!.keyBytes)).toBe(-1)
    const { count, rows, frames } = store.readRows(store.rowsOfFeed(0), 1 << 20)
    expect([count, [...rows], frames.byteLength]).toEqual([5, [0, 2, 3, 4], log.length - sizes[1]!])
    expect(store.readRange(0, 1, 10, 1 << 20)).toMatchObject({ count: 1, next: 2 })
    expect(store.readRange(0, 2, 10, 1 << 20)).toMatchObject({ count: 0, next: 3 })
    expect(store.rebuildFeed(0)).toBe(4)
    expect(store.feedInfo(0)).toMatchObject({ sequence: 1, flags: { isDamaged: true } })
    store.append(0, [entries[1]!])
    expect(messagesOf(store, feed.idBytes)).toEqual(texts)
  })
})

describe('a log that holds what does not belong there', () => {
  it('passes over messages of another author, and over a message that is there twice', () => {
    const other = new SampleFeed(2)
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(other.idBytes), other.take(1))
    const foreign = fs.readFile(logPath(other.idBytes))
    const first = log.subarray(0, sizes[0]!)
    const found = opened(
      new Uint8Array(Buffer.concat([first, foreign, first, log.subarray(sizes[0]!)])),
    )
    expect(messagesOf(found.store, feed.idBytes)).toEqual(texts)
    expect(found.troubles).toEqual([
      {
        kind: 'damagedRange',
        feed: feed.id,
        from: sizes[0]!,
        to: sizes[0]! + foreign.length,
      },
    ])
  })
})
