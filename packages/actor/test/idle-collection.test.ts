import { describe, expect, it } from 'vitest'
import { IdleCollection } from '../src/idle-collection.js'

function watched() {
  const time = { active: 0, idle: 0 }
  let collections = 0
  const collection = new IdleCollection({
    utilization: () => ({ ...time }),
    collect: () => {
      collections += 1
      time.active += 10
    },
  })
  /** Two seconds of which so much were busy; how many collections there were by then. */
  const pass = (busyMs: number) => {
    time.active += busyMs
    time.idle += 2_000 - busyMs
    collection.look()
    return collections
  }
  return pass
}

describe('a thread without work', () => {
  it('collects once after a burst, and not again until there was work', () => {
    const pass = watched()
    expect(pass(1_500)).toBe(0)
    expect(pass(10)).toBe(1)
    expect([pass(0), pass(10), pass(5)]).toEqual([1, 1, 1])
    expect(pass(800)).toBe(1)
    expect(pass(0)).toBe(2)
  })

  it('does not collect while it works, nor where it hardly did', () => {
    const pass = watched()
    expect([pass(100), pass(100), pass(2_000)]).toEqual([0, 0, 0])
    const quiet = watched()
    expect([quiet(10), quiet(10), quiet(10)]).toEqual([0, 0, 0])
  })
})
