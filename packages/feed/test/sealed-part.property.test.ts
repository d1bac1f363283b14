import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NextEntry, SealedPart } from '../src/sealed-part.js'

const parts = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 1024 }), fc.integer({ min: 60, max: 9000 })), {
      maxLength: 20,
    }),
    fc.integer({ min: 0, max: 0x7fffffff }),
  )
  .map(([sizes, layout]) => {
    let lastSequence = 0
    const next = sizes.map(([messages, frameBytes], index): NextEntry => {
      lastSequence += messages
      return { number: index * 3 + 1, lastSequence, frameBytes, fileBytes: frameBytes >> 1 }
    })
    return SealedPart.empty(layout).replaced(0, next)
  })

const decode = (bytes: Uint8Array) =>
  SealedPart.decode((sizeBytes) => bytes.subarray(0, Math.min(sizeBytes, bytes.length)))

describe('the head of a log', () => {
  it('says which blocks stand before the frames of its file', () => {
    fc.assert(
      fc.property(parts, fc.uint8Array({ maxLength: 50 }), (part, behind) => {
        const head = part.encode()
        expect(head.length).toBe(part.headBytes)
        const read = decode(new Uint8Array(Buffer.concat([head, behind])))
        expect(read.ok && read.part).toEqual(part)
      }),
    )
  })

  it('is taken for none or for a damaged one with any bit turned, and cut at any byte', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(7), (part, place, bit) => {
        const head = part.encode()
        expect(decode(head.subarray(0, place % head.length)).ok).toBe(false)
        head[place % head.length]! ^= 1 << bit
        expect(decode(head).ok).toBe(false)
      }),
    )
  })

  it('finds the block of an offset as a look at each finds it', () => {
    fc.assert(
      fc.property(parts, fc.nat(200_000), (part, offset) => {
        const found = part.entries.findIndex(({ start, end }) => start <= offset && offset < end)
        expect(part.indexAt(offset)).toBe(found)
      }),
    )
  })
})
