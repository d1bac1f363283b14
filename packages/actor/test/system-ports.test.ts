import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemPorts } from '../src/index.js'
import { silent } from './simulated-kernel.js'

const { fs, clock, turns, timers, random } = systemPorts(silent, { unrefTimers: false })

describe('files', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dunbar-files-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('reads back what it wrote, at its position', async () => {
    const file = fs.open(join(folder, 'log'), 'createNew')
    file.write(Uint8Array.of(1, 2, 3, 4), 0)
    file.write(Uint8Array.of(9), 2)
    await file.sync()
    const target = new Uint8Array(6)
    expect(file.read(target, 1, 4, 0)).toBe(4)
    expect(file.read(target, 0, 6, 100)).toBe(0)
    expect([...target]).toEqual([0, 1, 2, 9, 4, 0])
    file.truncate(2)
    expect(file.sizeBytes()).toBe(2)
    file.close()
    file.close()
    expect([...fs.readFile(join(folder, 'log'))]).toEqual([1, 2])
  })

  it('opens by mode', () => {
    const path = join(folder, 'x')
    expect(() => fs.open(path, 'read')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    fs.open(path, 'readWrite').close()
    fs.open(path, 'read').close()
    expect(() => fs.open(path, 'createNew')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  })

  it('lists, renames, removes and tells what is there', async () => {
    const deep = join(folder, 'a', 'b')
    fs.makeFolder(deep)
    fs.makeFolder(deep)
    fs.open(join(deep, 'one'), 'createNew').close()
    fs.rename(join(deep, 'one'), join(deep, 'two'))
    expect(fs.list(deep)).toEqual(['two'])
    expect(fs.stat(deep)).toMatchObject({ isFolder: true })
    expect(fs.stat(join(deep, 'two'))).toEqual({ sizeBytes: 0, isFolder: false })
    expect(fs.stat(join(deep, 'one'))).toBeNull()
    expect(() => fs.remove(deep)).toThrow(expect.objectContaining({ code: 'ENOTEMPTY' }))
    fs.remove(join(deep, 'two'))
    fs.remove(deep)
    await fs.syncFolder(join(folder, 'a'))
    expect(fs.list(join(folder, 'a'))).toEqual([])
  })
})

describe('time and chance', () => {
  it('has a monotonic clock and wall time', () => {
    const before = clock.monotonic()
    expect(clock.monotonic()).toBeGreaterThanOrEqual(before)
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(60_000)
  })

  it('ends the turn after the promises that are ready, and before the next turn', async () => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      Promise.resolve().then(() => {
        turns.soon(() => {
          order.push('soon')
          resolve()
        })
        turns.endOfTurn(() => order.push('end of turn'))
        queueMicrotask(() => order.push('promise'))
      })
    })
    expect(order).toEqual(['promise', 'end of turn', 'soon'])
  })

  it('runs a timer once, and not when it was taken back', async () => {
    // Timers of one length run in the order in which they were set, however late.
    const order: string[] = []
    timers.set(1, () => order.push('taken back'))()
    timers.set(1, () => order.push('first'))
    await new Promise<void>((resolve) => {
      timers.set(1, () => {
        order.push('second')
        resolve()
      })
    })
    await new Promise<void>((resolve) => {
      timers.set(1, resolve)
    })
    expect(order).toEqual(['first', 'second'])
  })

  it('gives random bytes in memory of their own', () => {
    const bytes = random.bytes(32)
    expect(bytes.buffer.byteLength).toBe(32)
    expect(bytes).not.toEqual(random.bytes(32))
    const float = random.next()
    expect(float >= 0 && float < 1).toBe(true)
  })
})
