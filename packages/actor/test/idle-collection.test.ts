import { describe, expect, it } from 'vitest'
import { IdleCollection } from '../src/idle-collection.js'

/** Spans of two seconds of which so much were busy, ms; how many collections there were by each end. */
async function passes(...busyMs: readonly number[]): Promise<number[]> {
  const time = { active: 0, idle: 0 }
  let collections = 0
  const collection = new IdleCollection({
    utilization: () => ({ ...time }),
    collect: async () => {
      collections += 1
      time.active += 10
    },
  })
  const counts: number[] = []
  for (const busy of busyMs) {
    time.active += busy
    time.idle += 2_000 - busy
    await collection.look()
    counts.push(collections)
  }
  return counts
}

describe('a thread without work', () => {
  it('collects once after a burst, and not again until there was work', async () => {
    expect(await passes(1_500, 10, 0, 10, 5, 800, 0)).toEqual([0, 1, 1, 1, 1, 1, 2])
  })

  it('does not collect while it works, nor where it hardly did', async () => {
    expect(await passes(100, 100, 2_000)).toEqual([0, 0, 0])
    expect(await passes(10, 10, 10)).toEqual([0, 0, 0])
  })

  it('leaves it at one attempt where this Node can not collect', async () => {
    const time = { active: 0, idle: 0 }
    let attempts = 0
    const collection = new IdleCollection({
      utilization: () => ({ ...time }),
      collect: async () => {
        attempts += 1
        throw new Error('no inspector')
      },
    })
    for (let round = 0; round < 3; round++) {
      time.active += 500
      await collection.look()
      time.idle += 2_000
      await collection.look()
    }
    expect(attempts).toBe(1)
  })
})
