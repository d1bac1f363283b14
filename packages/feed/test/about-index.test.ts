import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { AboutIndex } from '../src/about-index.js'
import { SnapshotReader, SnapshotWriter, writeSnapshot } from '../src/snapshot.js'
import { idOf } from './store-fixture.js'

const blob = `&${Buffer.alloc(32, 3).toString('base64')}.sha256`

function sample(): AboutIndex {
  const index = new AboutIndex({ high: 1, low: 1 })
  const fold = (row: number, feed: number, sequence: number, said: object) =>
    index.fold(row, { feed, sequence, content: { type: 'about', about: idOf(1), ...said } })
  fold(0, 1, 1, { name: 'first' })
  fold(1, 1, 3, { name: 'second', image: { link: blob } })
  fold(2, 1, 2, { name: 'came late', description: 'text' })
  fold(3, 2, 1, { name: 'another says' })
  fold(4, 2, 2, { image: 5, name: ['no text'] })
  fold(5, 1, 4, { about: 'nothing', name: 'of nobody' })
  index.fold(6, { feed: 1, sequence: 5, content: { type: 'post', about: idOf(1), name: 'a post' } })
  index.fold(7, { feed: 1, sequence: 6, content: 'encrypted.box' })
  return index
}

const own = { author: 1, nameRow: 1, imageRow: 1, descriptionRow: 2 }
const other = { author: 2, nameRow: 3, imageRow: -1, descriptionRow: -1 }

describe('the about index', () => {
  it('leads to the messages that last set a thing, by sequence', () => {
    const index = sample()
    expect(index.about(idOf(1))).toEqual([own, other])
    expect(index.by(1, idOf(1))).toEqual(own)
    expect(index.by(3, idOf(1))).toBe(null)
    expect(index.about(idOf(9))).toEqual([])
    expect(index.about('nonsense')).toEqual([])
  })

  it('forgets what a feed said when the feed is dropped, and learns it again', () => {
    const index = sample()
    index.dropFeed(1)
    expect(index.about(idOf(1))).toEqual([other])
    index.fold(9, { feed: 1, sequence: 1, content: { type: 'about', about: idOf(1), name: 'x' } })
    expect(index.by(1, idOf(1))).toEqual({
      author: 1,
      nameRow: 9,
      imageRow: -1,
      descriptionRow: -1,
    })
  })

  it('is the same after a snapshot', async () => {
    const fs = new MemoryFileSystem()
    const writer = new SnapshotWriter()
    sample().save(writer)
    await writeSnapshot(fs, '/s/one', writer, async () => {})
    const loaded = new AboutIndex({ high: 1, low: 1 })
    loaded.load(SnapshotReader.open(fs, '/s/one')!)
    expect(loaded.about(idOf(1))).toEqual([own, other])
  })
})
