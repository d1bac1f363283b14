import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { type FeedRecord, plainRecord, readRecord, writeRecord } from '../src/feed-record.js'
import { makeFrame } from '../src/frame.js'
import { idBytesOf, putFile } from './store-fixture.js'

const frameOf = (number: number) =>
  makeFrame(3, 5, idBytesOf(number), new Uint8Array(Buffer.from(`{"n":${number}}`)))
const record: FeedRecord = {
  format: 'classic',
  quarantine: 'crashed too often',
  forks: [{ sequence: 3, kept: frameOf(1), refused: frameOf(2) }],
}

function disk(): MemoryFileSystem {
  const fs = new MemoryFileSystem()
  fs.makeFolder('/feed')
  return fs
}

describe('feed.json', () => {
  it('gives back what was written, and is not there where there is nothing to say', async () => {
    const fs = disk()
    expect(readRecord(fs, '/feed')).toEqual({ ok: true, record: null })
    await writeRecord(fs, '/feed', record)
    expect(readRecord(fs, '/feed')).toEqual({ ok: true, record })
    await writeRecord(fs, '/feed', plainRecord)
    expect(fs.list('/feed')).toEqual([])
  })

  it('is whole with any write cut or failed: the old one or the new one', async () => {
    const next = { ...record, quarantine: null }
    for (const fault of ['kill', 'torn', 'EIO', 'ENOSPC'] as const) {
      for (let call = 0; ; call++) {
        const fs = disk()
        await fs.syncFolder('/')
        await writeRecord(fs, '/feed', record)
        fs.failAt(fs.callCount + call, fault)
        let isDone = true
        await writeRecord(fs, '/feed', next).catch(() => {
          isDone = false
        })
        for (const image of fs.crashImages('feed-record')) {
          const read = readRecord(image, '/feed')
          const label = `${fault} at ${call}, ${image.origin}`
          if (isDone) expect(read, label).toEqual({ ok: true, record: next })
          else expect([record, next], label).toContainEqual(read.ok && read.record)
        }
        if (fs.faultHitCount === 0) break
      }
    }
  })

  it('is refused with a reason where it is not what it should be', () => {
    const good = {
      version: 1,
      format: 'classic',
      quarantine: null,
      forks: [],
    }
    const frame = Buffer.from(frameOf(1)).toString('base64')
    for (const bad of [
      '',
      'null',
      '[]',
      '{"version":1',
      { ...good, version: 2 },
      { ...good, format: '' },
      { ...good, format: 'x'.repeat(65) },
      { ...good, quarantine: 5 },
      { ...good, quarantine: 'x'.repeat(257) },
      { ...good, forks: {} },
      {
        ...good,
        forks: Array.from({ length: 17 }, () => ({ sequence: 1, kept: frame, refused: frame })),
      },
      { ...good, forks: [{ sequence: 0, kept: frame, refused: frame }] },
      { ...good, forks: [{ sequence: 1, kept: frame }] },
      { ...good, forks: [{ sequence: 1, kept: frame, refused: frame.slice(4) }] },
      'x'.repeat(5 * 1024 * 1024),
    ]) {
      const fs = disk()
      const text = typeof bad === 'string' ? bad : JSON.stringify(bad)
      putFile(fs, '/feed/feed.json', new Uint8Array(Buffer.from(text)))
      expect(readRecord(fs, '/feed').ok, text.slice(0, 80)).toBe(false)
    }
  })
})
