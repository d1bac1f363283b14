import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { FrameReader } from '../src/frame.js'
import type { ShardStore, StoreTrouble } from '../src/shard-store.js'
import { verifyFeed } from '../src/verification.js'
import { blockNames, blocksPath, disk, SignedFeed, seal, unseal } from './sealed-fixture.js'
import { logPath, messagesOf, open, outOfOrder, rebuilt } from './store-fixture.js'

const feed = new SignedFeed('sealed', 23)
const other = new SignedFeed('beside', 3)
const { idBytes, entries } = feed
const path = logPath(idBytes)
const texts = feed.texts()

/** What every way of reading a feed gives. */
function readings(store: ShardStore) {
  const number = store.feedNumber(idBytes)
  const rows = store.rowsOfFeed(number)
  const ranges: string[] = []
  for (let next: number | null = 1; next !== null; ) {
    const range = store.readRange(number, next, 5, 3000)
    ranges.push(...framesOf(range.frames))
    next = range.next
  }
  const { sealed, bytes, headRow, ...info } = store.feedInfo(number)
  return {
    single: messagesOf(store, idBytes),
    backwards: allOf(store, [...rows].reverse()),
    mixed: framesOf(
      store.readRows(
        [...rows].sort((a, b) => (a % 5) - (b % 5)),
        1 << 20,
      ).frames,
    ),
    ranges,
    byKey: entries.map(({ keyBytes }) => store.sequenceOf(store.findKey(keyBytes))),
    votes: [...store.rowsByType('vote')].map((row) => store.sequenceOf(row)),
    links: store.linksTo(feed.id, 'contact').rows.length,
    received: [...rows].map((row) => store.orderOf('received', row)),
    info,
  }
}

/** Frames of rows, however many answers they take. */
function allOf(store: ShardStore, rows: readonly number[]): string[] {
  const read: string[] = []
  for (let at = 0; at < rows.length; ) {
    const { frames, count } = store.readRows(rows.slice(at), 1 << 20)
    read.push(...framesOf(frames))
    at += count
  }
  return read
}

function framesOf(frames: ArrayBuffer): string[] {
  const reader = new FrameReader(frames)
  const read: string[] = []
  while (reader.next()) {
    read.push(`${reader.sequence} ${reader.received} ${Buffer.from(reader.frame).toString('hex')}`)
  }
  return read
}

function verified(store: ShardStore) {
  const steps = verifyFeed(store, store.feedNumber(idBytes), feed.id, null)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

async function stored(fs = new MemoryFileSystem()) {
  const opened = open(fs)
  opened.store.append(opened.store.addFeed(idBytes), entries)
  opened.store.append(opened.store.addFeed(other.idBytes), other.entries)
  await opened.store.flush()
  return { fs, ...opened }
}

describe('a sealed feed', () => {
  it('reads as before, in every way, before and after the next start', async () => {
    const { fs, store, troubles } = await stored()
    const before = readings(store)
    expect(await seal(store, 0)).toBe(true)
    expect(blockNames(fs, idBytes)).toHaveLength(6)
    expect(store.feedInfo(0).sealed?.messages).toBe(21)
    expect(readings(store)).toEqual(before)
    expect(readings(open(fs).store)).toEqual(before)
    expect(rebuilt(store)).toEqual([])
    expect(readings(store)).toEqual(before)
    store.rebuildFeed(0)
    expect(messagesOf(store, idBytes)).toEqual(texts)
    await store.close()
    const again = open(fs)
    expect(readings(again.store)).toEqual(before)
    expect(unexpected([...troubles, ...again.troubles])).toEqual([])
    expect(messagesOf(again.store, other.idBytes)).toEqual(other.texts())
  })

  it('is not folded again where a snapshot knew it before it was sealed', async () => {
    const { fs, store } = await stored()
    await store.checkpoint()
    await seal(store, 0)
    for (const name of blockNames(fs, idBytes)) fs.failReadsOf(`${blocksPath(idBytes)}/${name}`)
    const again = open(fs)
    expect(again.store.feedInfo(0)).toMatchObject({ sequence: 23, sealed: { messages: 21 } })
    expect(again.troubles).toEqual([])
    fs.heal()
    expect(messagesOf(again.store, idBytes)).toEqual(texts)
  })

  it('takes further messages, seals them too, and packs a short last block again', async () => {
    const { fs, store } = await stored(undefined)
    const half = open(new MemoryFileSystem())
    half.store.append(half.store.addFeed(idBytes), entries.slice(0, 12))
    await seal(half.store, 0)
    expect(half.store.feedInfo(0).sealed?.messages).toBe(10)
    half.store.append(0, entries.slice(12))
    expect(await seal(half.store, 0)).toBe(true)
    await seal(store, 0)
    const { sealed } = store.feedInfo(0)
    expect(half.store.feedInfo(0).sealed).toEqual(sealed)
    expect(messagesOf(half.store, idBytes)).toEqual(texts)
    expect(blockNames(fs, idBytes)).toHaveLength(6)
    expect(await seal(store, 0)).toBe(false)
    expect(store.feedInfo(0).sealed).toEqual(sealed)
  })

  it('is unsealed to the very log that it was', async () => {
    const { fs, store } = await stored()
    const log = fs.readFile(path)
    await seal(store, 0)
    expect(fs.readFile(path).length).toBeLessThan(log.length / 2)
    expect(await unseal(store, 0)).toBe(true)
    expect(fs.readFile(path)).toEqual(log)
    expect(fs.stat(blocksPath(idBytes))).toBeNull()
    expect(store.feedInfo(0).sealed).toBeNull()
    expect(readings(store)).toEqual(readings(open(fs).store))
    expect(await unseal(store, 0)).toBe(false)
  })

  it('may be sealed whole, and goes on', async () => {
    const { fs, store } = await stored()
    store.rebuildFeed(0)
    expect(await seal(store, 0, { keepMessages: 0 })).toBe(true)
    expect(messagesOf(store, idBytes)).toEqual(texts)
    const again = open(fs).store
    expect(messagesOf(again, idBytes)).toEqual(texts)
    const next = feed.author.write({ type: 'post', text: 'after' })
    again.append(0, [{ ...entries[0]!, ...next, keyBytes: next.keyBytes, compact: next.compact }])
    feed.author.messages.pop()
    expect(open(fs).store.feedInfo(0)).toMatchObject({ sequence: 24 })
  })

  it('is read among others in order of arrival, forth and back, from each block a few times only', async () => {
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    const feeds = [feed, new SignedFeed('second', 23), new SignedFeed('third', 23)]
    for (const { idBytes } of feeds) store.addFeed(idBytes)
    for (let at = 0; at < 23; at++) {
      for (const [number, { entries }] of feeds.entries()) store.append(number, [entries[at]!])
    }
    for (const number of feeds.keys()) await seal(store, number, { blockMessages: 20 })
    // Room for some messages, and for no block.
    const small = open(fs, { limits: { cacheBytes: 60_000 } }).store
    const rows = Uint32Array.from({ length: small.rowCount }, (_, row) => row)
    for (const wanted of [rows, rows.slice().reverse()]) {
      const { readCount } = fs
      const read: number[] = []
      for (let at = 0; at < wanted.length; ) {
        const found = small.readRows(wanted.subarray(at, at + 10), 2000)
        read.push(...found.rows)
        at += found.count
      }
      expect(read).toEqual([...wanted])
      // Two of each of six blocks, and the messages that are in no block.
      expect(fs.readCount - readCount).toBeLessThan(24)
    }
  })

  it('opens a few blocks for one answer, and gives the rest with the next', async () => {
    const { store } = await stored()
    await seal(store, 0, { blockMessages: 2, keepMessages: 0 })
    store.passivate(0)
    const rows = store.rowsOfFeed(0)
    const { count } = store.readRows(rows, 1 << 20)
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThan(12)
    expect(store.readRange(0, 1, 100, 1 << 20)).toMatchObject({ next: expect.any(Number) })
    expect(allOf(store, [...rows])).toHaveLength(23)
  })

  it('begins anew where its folder went away', async () => {
    const { fs, store } = await stored()
    await seal(store, 0)
    for (const name of blockNames(fs, idBytes)) fs.remove(`${blocksPath(idBytes)}/${name}`)
    for (const gone of [blocksPath(idBytes), path, path.replace('/log', '')]) fs.remove(gone)
    expect(rebuilt(store)).toEqual([{ feed: feed.id, reason: 'LOG_MISSING' }])
    store.append(store.addFeed(idBytes), entries.slice(0, 9))
    expect(messagesOf(store, idBytes)).toEqual(texts.slice(0, 9))
    expect(store.feedInfo(0).sealed).toBeNull()
    await seal(store, 0)
    expect(messagesOf(open(fs).store, idBytes)).toEqual(texts.slice(0, 9))
  })

  it('is left as it is with too few messages to seal', async () => {
    const { fs, store } = await stored()
    expect(await seal(store, 0, { minMessages: 22 })).toBe(false)
    expect(await seal(store, 0, { keepMessages: 100 })).toBe(false)
    expect(fs.stat(blocksPath(idBytes))).toBeNull()
    expect(await seal(store, 0, { minMessages: 21 })).toBe(true)
  })

  it('is checked as fully as a log', async () => {
    const { store } = await stored()
    const hollow = open(new MemoryFileSystem())
    const forged = entries.map((entry, index) =>
      index === 5 ? { ...entry, compact: forge(entry.compact) } : entry,
    )
    hollow.store.append(hollow.store.addFeed(idBytes), forged)
    const damaged = [{ sequence: 6, reason: 'SIGNATURE' }]
    expect(verified(hollow.store).damaged).toEqual(damaged)
    await seal(hollow.store, 0)
    expect(verified(hollow.store)).toEqual({ messages: 23, damaged })
    await seal(store, 0)
    expect(verified(store)).toEqual({ messages: 23, damaged: [] })
  })

  it('keeps out messages behind a hole', async () => {
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(idBytes), entries.slice(0, 9))
    store.append(0, entries.slice(12).map(outOfOrder))
    await seal(store, 0)
    expect(store.feedInfo(0)).toMatchObject({ sequence: 9, sealed: { messages: 7 } })
    expect(messagesOf(store, idBytes)).toEqual([...texts.slice(0, 9), ...texts.slice(12)])
    store.append(0, entries.slice(9, 12))
    expect(messagesOf(store, idBytes)).toEqual(texts)
    expect(messagesOf(open(fs).store, idBytes)).toEqual(texts)
  })

  it('gets its frames in order where they were not, which a snapshot from before does not hide', async () => {
    const fs = new MemoryFileSystem()
    const { store } = open(fs)
    store.append(store.addFeed(idBytes), entries.slice(15, 23).map(outOfOrder))
    store.append(0, entries.slice(0, 4))
    store.append(0, entries.slice(8, 15).map(outOfOrder))
    store.append(0, entries.slice(4, 8))
    expect(store.feedInfo(0)).toMatchObject({ sequence: 23, messages: 23 })
    await store.checkpoint()
    const before = messagesOf(store, idBytes)
    expect(await seal(store, 0, { keepMessages: 4 })).toBe(true)
    expect(messagesOf(store, idBytes)).toEqual(before)
    const again = open(fs)
    expect(messagesOf(again.store, idBytes)).toEqual(before)
    expect(again.troubles).toEqual([])
    await again.store.close()
    const { store: last } = open(fs)
    expect(await unseal(last, 0)).toBe(true)
    expect(messagesOf(last, idBytes)).toEqual(before)
    expect(messagesOf(open(fs).store, idBytes)).toEqual(before)
    expect(await seal(last, 0)).toBe(true)
    expect(messagesOf(open(fs).store, idBytes)).toEqual(before)
  })

  it('is changed in one way at a time, and not at all once it is set aside', async () => {
    const { store } = await stored()
    const first = store.unsealing(0)
    expect(() => store.unsealing(0)).toThrow(expect.objectContaining({ code: 'STORE_BUSY' }))
    first.end()
    await new Promise((resolve) => setImmediate(resolve))
    await store.writeRecord(0, { ...store.record(0), quarantine: 'wanted' })
    expect(() => store.unsealing(0)).toThrow(expect.objectContaining({ code: 'STORE_QUARANTINED' }))
  })
})

describe('a block that is damaged', () => {
  async function sealed() {
    const found = await stored(await disk())
    await seal(found.store, 0)
    await found.store.close()
    return found.fs
  }
  const third = `${blocksPath(idBytes)}/0003.bipf2`
  const missing = [...texts.slice(0, 8), ...texts.slice(12)]

  for (const [how, harm] of [
    ['has a bit turned', (fs: MemoryFileSystem) => fs.corrupt(third, 100)],
    ['is missing', (fs: MemoryFileSystem) => fs.remove(third)],
  ] as const) {
    it(`costs its own messages alone where it ${how}, which come again and are sealed again`, async () => {
      const fs = await sealed()
      harm(fs)
      const { store, troubles } = open(fs)
      expect(messagesOf(store, idBytes)).toEqual(missing)
      expect(troubles).toMatchObject([{ kind: 'damagedFrame', feed: feed.id, sequence: 9 }])
      expect(verified(store).damaged.map(({ sequence, reason }) => [sequence, reason])).toEqual(
        [9, 10, 11, 12].map((sequence) => [sequence, 'BLOCK_DAMAGED']),
      )
      await store.close()
      const { store: again } = open(fs)
      expect(again.feedInfo(0)).toMatchObject({ sequence: 8, flags: { isDamaged: true } })
      again.append(0, entries.slice(8, 12))
      const whole = { sequence: 23, flags: { isDamaged: false } }
      expect(again.feedInfo(0)).toMatchObject(whole)
      expect(messagesOf(again, idBytes)).toEqual(texts)
      expect(verified(again).damaged).toEqual([])
      await again.close()
      const { store: healed } = open(fs)
      expect(messagesOf(healed, idBytes)).toEqual(texts)
      expect(await seal(healed, 0)).toBe(true)
      expect(messagesOf(healed, idBytes)).toEqual(texts)
      const last = open(fs)
      expect(messagesOf(last.store, idBytes)).toEqual(texts)
      expect(unexpected(last.troubles)).toEqual([])
      expect(last.store.feedInfo(0)).toMatchObject({ ...whole, sealed: { messages: 21 } })
    })
  }

  it('is not unsealed, and leaves all as it is', async () => {
    const fs = await sealed()
    const before = fs.snapshot()
    fs.corrupt(third, 100)
    const { store } = open(fs)
    await expect(unseal(store, 0)).rejects.toMatchObject({ code: 'STORE_BLOCK_DAMAGED' })
    fs.corrupt(third, 100)
    expect(fs.snapshot()).toEqual(before)
    expect(messagesOf(store, idBytes)).toEqual(texts)
  })

  it('does not keep the head of the log from telling of the others', async () => {
    const fs = await sealed()
    for (let at = 0; at < 48; at += 5) {
      const harmed = fs.fork()
      harmed.corrupt(path, at)
      const { store } = open(harmed)
      expect(messagesOf(store, idBytes), `byte ${at}`).toEqual(texts)
      await store.close()
      const { store: again } = open(harmed)
      expect(messagesOf(again, idBytes)).toEqual(texts)
      expect(await seal(again, 0)).toBe(true)
      const { store: healed, troubles } = open(harmed)
      expect(messagesOf(healed, idBytes)).toEqual(texts)
      expect(unexpected(troubles)).toEqual([])
    }
  })

  it('is served where the log itself is lost, and goes on once messages come again', async () => {
    for (const left of [0, 10, 48]) {
      const fs = await sealed()
      const handle = fs.open(path, 'readWrite')
      handle.truncate(left)
      handle.close()
      if (left === 0) fs.remove(path)
      const { store } = open(fs)
      expect(messagesOf(store, idBytes)).toEqual(texts.slice(0, 21))
      store.append(0, entries.slice(21, 22))
      await store.flush()
      const { store: again } = open(fs)
      expect(messagesOf(again, idBytes)).toEqual(texts.slice(0, 22))
      again.append(0, entries.slice(22))
      await again.close()
      expect(messagesOf(open(fs).store, idBytes)).toEqual(texts)
    }
  })
})

/** What is told beside the many rows that folding a feed again and again leaves behind. */
const unexpected = (troubles: readonly StoreTrouble[]) =>
  troubles.filter(({ kind }) => kind !== 'snapshotUnusable')

/** Another text with the same key: only the signature tells. */
function forge(compact: Uint8Array): Uint8Array {
  const text = Buffer.from(compact).toString()
  return new Uint8Array(Buffer.from(text.replace('message', '\u016dessage')))
}
