import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { HandlePool } from '../src/handles.js'

const paths = Array.from({ length: 20 }, (_, index) => `/f${index}`)

describe('the pool of open files', () => {
  it('keeps the files used last, and no more than its cap', () => {
    const fs = new MemoryFileSystem()
    const pool = new HandlePool(fs, 3)
    for (const path of paths) pool.use(path).write(new Uint8Array([1]), 0)
    expect([pool.openFiles, fs.openFileCount]).toEqual([3, 3])
    const last = pool.use('/f17')
    pool.use('/f0')
    expect(pool.use('/f17')).toBe(last)
    pool.close()
    expect(() => pool.use('/f1')).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
    expect([pool.openFiles, fs.openFileCount]).toEqual([0, 0])
  })

  it('keeps a pinned file open, also when it is dropped, until the last pin goes', () => {
    const fs = new MemoryFileSystem()
    const pool = new HandlePool(fs, 2)
    const first = pool.pin('/f0')
    const second = pool.pin('/f0')
    for (const path of paths.slice(1)) pool.use(path)
    expect(pool.openFiles).toBe(2)
    first.handle.write(new Uint8Array([1]), 0)
    pool.drop('/f0')
    expect(pool.use('/f0')).not.toBe(first.handle)
    first.unpin()
    first.unpin()
    second.handle.write(new Uint8Array([2]), 0)
    second.unpin()
    expect(() => second.handle.write(new Uint8Array([3]), 0)).toThrow()
    pool.close()
    expect(fs.openFileCount).toBe(0)
  })

  it('goes over its cap where all are pinned, and back', () => {
    const fs = new MemoryFileSystem()
    const pool = new HandlePool(fs, 2)
    const pins = paths.slice(0, 5).map((path) => pool.pin(path))
    expect(pool.openFiles).toBe(5)
    for (const { unpin } of pins) unpin()
    expect(pool.openFiles).toBe(2)
  })

  it('makes do with fewer files where the machine gives no more', () => {
    const fs = new MemoryFileSystem({ maxOpenFiles: 10 })
    const pool = new HandlePool(fs, 100)
    for (const path of paths) pool.use(path).write(new Uint8Array([1]), 0)
    expect(pool.openFiles).toBeLessThanOrEqual(10)
    expect(fs.openFileCount).toBe(pool.openFiles)
  })
})
