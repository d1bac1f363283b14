import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { NameSync } from '../src/name-sync.js'

const FOLDER = '/data/feeds/ab/cd'

describe('names of a feed that were synced', () => {
  test('are synced again where one was replaced while that sync was under way', async () => {
    const ends: (() => void)[] = []
    const fs = new MemoryFileSystem({ completeSync: (end) => ends.push(end) })
    fs.makeFolder('/data')
    const root = fs.syncFolder('/')
    ends.shift()?.()
    await root
    fs.makeFolder(FOLDER)
    const names = new NameSync(fs)
    const made = (name: string) => fs.open(`${FOLDER}/${name}`, 'createNew').close()
    const ended = async (sync: Promise<void>) => {
      let isOver = false
      const over = sync.finally(() => {
        isOver = true
      })
      while (!isOver) {
        ends.shift()?.()
        await Promise.resolve()
      }
      await over
    }
    made('log')
    const first = names.sync(1, FOLDER)
    while (fs.unsyncedCount > 1 || ends.length === 0) {
      ends.shift()?.()
      await Promise.resolve()
    }
    // The sync of the folder itself is under way.
    made('log.new')
    fs.rename(`${FOLDER}/log.new`, `${FOLDER}/log`)
    names.forget(1)
    await ended(first)
    expect(fs.unsyncedCount).toBeGreaterThan(0)
    await ended(names.sync(1, FOLDER))
    expect(fs.unsyncedCount).toBe(0)
    const calls = fs.callCount
    await names.sync(1, FOLDER)
    expect(fs.callCount).toBe(calls)
  })
})
