import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StrangerNotes } from '../src/stranger-notes.js'
import { feedId } from './ebt-network.js'

test('keeps the last note of each feed, up to a cap, as a map would', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(400), fc.integer({ min: -1, max: 2 ** 31 - 1 })), {
        maxLength: 800,
      }),
      fc.integer({ min: 1, max: 300 }),
      (entries, max) => {
        const notes = new StrangerNotes(max)
        const model = new Map<string, number>()
        for (const [number, note] of entries) {
          const id = feedId(number)
          const isNew = !model.has(id)
          const isFull = isNew && model.size === max
          if (!isFull) model.set(id, note)
          expect(notes.set(id, note)).toBe(isFull ? 'full' : isNew ? 'new' : 'known')
        }
        expect(notes.count).toBe(model.size)
        for (let number = 0; number <= 400; number++) {
          expect(notes.get(feedId(number))).toBe(model.get(feedId(number)) ?? null)
        }
        expect(notes.sizeBytes).toBeLessThanOrEqual(Math.max(64, max * 4) * 12)
      },
    ),
  )
})
