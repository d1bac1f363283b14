import { describe, expect, test } from 'vitest'
import { CoreShare, coreShareBytes } from '../src/core-share.js'

describe('the share of cores', () => {
  test('gives a core to a batch only while one is idle', () => {
    const memory = new SharedArrayBuffer(coreShareBytes(2))
    const [first, second] = [new CoreShare(memory, 0, 2), new CoreShare(memory, 1, 2)]
    first.setAtWork(true)
    expect(first.take()).toBe(true)
    expect(first.take()).toBe(false)
    expect(second.take()).toBe(false)
    first.give()
    second.setAtWork(true)
    expect(first.take()).toBe(false)
    second.setAtWork(false)
    expect(first.take()).toBe(true)
  })

  test('a shard that starts again has nothing at work', () => {
    const memory = new SharedArrayBuffer(coreShareBytes(2))
    const first = new CoreShare(memory, 0, 2)
    first.setAtWork(true)
    first.take()
    const second = new CoreShare(memory, 1, 2)
    expect(second.take()).toBe(false)
    new CoreShare(memory, 0, 2)
    expect(second.take()).toBe(true)
  })

  test('a shard that is alone may use the other cores', () => {
    const alone = new CoreShare(null, 0, 3)
    alone.setAtWork(true)
    expect([alone.take(), alone.take(), alone.take()]).toEqual([true, true, false])
  })
})
