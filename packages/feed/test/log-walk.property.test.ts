import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameSequence, makeFrame, probeFrame, viewOf } from '../src/frame.js'
import { LogWalk } from '../src/log-walk.js'

type Found =
  | { kind: 'frame'; at: number; sequence: number }
  | { kind: 'damage' | 'torn'; at: number }

function walked(bytes: Uint8Array): { found: Found[]; end: number } {
  const read = (target: Uint8Array, offset: number, length: number, position: number): number => {
    const part = bytes.subarray(position, Math.min(position + length, bytes.length))
    target.set(part, offset)
    return part.length
  }
  const walk = new LogWalk(read, 0, bytes.length)
  const found: Found[] = []
  for (;;) {
    const step = walk.next()
    if (step === 'frame') {
      found.push({ kind: 'frame', at: walk.offset, sequence: frameSequence(walk.frame) })
    } else if (step === 'damage' || step === 'torn') {
      found.push({ kind: step, at: walk.damageFrom })
    }
    if (step === 'torn' || step === 'end') return { found, end: walk.offset }
  }
}

/** The same in the slow, plain way: the whole log in memory, every byte a place to try. */
function walkedPlainly(bytes: Uint8Array): { found: Found[]; end: number } {
  const view = viewOf(bytes)
  const found: Found[] = []
  let at = 0
  let end = 0
  let damage = -1
  while (at < bytes.length) {
    const total = probeFrame(bytes, view, at)
    if (total > 0) {
      if (damage !== -1) found.push({ kind: 'damage', at: damage })
      damage = -1
      found.push({ kind: 'frame', at, sequence: frameSequence(bytes.subarray(at)) })
      at += total
      end = at
    } else {
      if (damage === -1) damage = at
      at += 1
    }
  }
  if (damage !== -1) found.push({ kind: 'torn', at: damage })
  return { found, end }
}

function logOf(lengths: readonly number[]): Uint8Array {
  const key = new Uint8Array(32).fill(3)
  const frames = lengths.map((length, index) =>
    makeFrame(index + 1, 1000 + index, key, new Uint8Array(length).fill(32 + (index % 90))),
  )
  return new Uint8Array(Buffer.concat(frames))
}

describe('a walk over a log', () => {
  it('finds what a slow search of the whole finds, whatever was done to the bytes', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(30_000, 65_536)),
      { maxLength: 12 },
    )
    const harm = fc.oneof(
      fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('turn' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('zero' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('repeat' as const), at: fc.nat() }),
    )
    fc.assert(
      fc.property(lengths, fc.array(harm, { maxLength: 4 }), (sizes, harms) => {
        let bytes = logOf(sizes)
        for (const { kind, at } of harms) {
          if (bytes.length === 0) break
          const place = at % bytes.length
          if (kind === 'cut') bytes = bytes.slice(0, place)
          else if (kind === 'turn') bytes[place]! ^= 1 << (at & 7)
          else if (kind === 'zero') bytes.fill(0, place, place + 500)
          else {
            bytes = new Uint8Array(
              Buffer.concat([bytes.subarray(0, place), bytes.subarray(place / 2)]),
            )
          }
        }
        expect(walked(bytes)).toEqual(walkedPlainly(bytes))
      }),
      { numRuns: 60 },
    )
  })

  it('ends where a file is shorter than it was said to be', () => {
    const bytes = logOf([10, 20, 30])
    const walk = new LogWalk(
      (target, offset, length, position) => {
        const part = bytes.subarray(position, Math.min(position + length, bytes.length))
        target.set(part, offset)
        return part.length
      },
      0,
      bytes.length + 1000,
    )
    const steps = [walk.next(), walk.next(), walk.next(), walk.next()]
    expect(steps).toEqual(['frame', 'frame', 'frame', 'end'])
    expect(walk.offset).toBe(bytes.length)
  })
})
