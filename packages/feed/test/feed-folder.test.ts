import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { feedFolder, feedIdOfFolder, listFeedFolders } from '../src/feed-folder.js'
import { idBytesOf, putFile } from './store-fixture.js'

describe('the folder of a feed', () => {
  it('is its public key in hex, and gives it back', () => {
    const id = idBytesOf(1)
    const folder = feedFolder('/data', id)
    expect(folder).toMatch(/^\/data\/feeds\/[0-9a-f]{2}\/[0-9a-f]{62}$/)
    const [prefix, rest] = folder.split('/').slice(-2)
    expect(feedIdOfFolder(prefix!, rest!)).toEqual(id)
  })

  it('has exactly that form', () => {
    const rest = '0'.repeat(62)
    for (const [prefix, name] of [
      ['0', rest],
      ['AB', rest],
      ['ab', `${rest}0`],
      ['ab', rest.replace('0', 'G')],
      ['..', rest],
    ] as const) {
      expect(feedIdOfFolder(prefix, name)).toBe(null)
    }
  })

  it('is listed by id, beside what is no feed', () => {
    const fs = new MemoryFileSystem()
    expect([...listFeedFolders(fs, '/data')]).toEqual([])
    const ids = [5, 6, 7, 8].map(idBytesOf).sort(Buffer.compare)
    for (const id of ids) putFile(fs, `${feedFolder('/data', id)}/log`, new Uint8Array(0))
    putFile(fs, '/data/feeds/notes.txt', new Uint8Array(0))
    const found = [...listFeedFolders(fs, '/data')]
    expect(
      found.filter(({ kind }) => kind === 'feed').map((each) => 'idBytes' in each && each.idBytes),
    ).toEqual(ids)
    expect(found.filter(({ kind }) => kind === 'foreign')).toEqual([
      { kind: 'foreign', path: '/data/feeds/notes.txt' },
    ])
  })
})
