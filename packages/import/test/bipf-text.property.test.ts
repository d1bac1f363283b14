import { allocAndEncode, decode } from 'bipf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bipfToText, isBipfObject, maxTextBytes } from '../src/bipf-text.js'

function print(bytes: Buffer): string {
  const out = Buffer.alloc(maxTextBytes(bytes.length) + 3)
  const end = bipfToText(bytes, 0, bytes.length, out, 3)
  return typeof end === 'string' ? end : out.toString('utf8', 3, end)
}

describe('BIPF printed as JSON', () => {
  it('is what JSON prints of the decoded value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        // Through JSON once: lone surrogates and -0 are not kept by BIPF.
        const plain: unknown = JSON.parse(Buffer.from(JSON.stringify(value)).toString())
        const bytes = allocAndEncode(plain)
        if (bytes.includes('__proto__') || /\\ud[89a-f]/i.test(JSON.stringify(plain))) return
        expect(print(bytes)).toBe(JSON.stringify(decode(bytes, 0)))
        expect(print(bytes)).toBe(JSON.stringify(plain))
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps a member named __proto__', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":2}')
    expect(print(allocAndEncode(value))).toBe('{"__proto__":{"a":1},"constructor":2}')
  })

  it('leaves out undefined members, as JSON does', () => {
    const value = { a: undefined, b: [undefined, 1], c: undefined, d: 2 }
    expect(print(allocAndEncode(value))).toBe(JSON.stringify(value))
  })

  it('says that buffers belong to another format', () => {
    expect(print(allocAndEncode({ author: Buffer.from('abc') }))).toBe('UNKNOWN_FORMAT')
  })

  it('ends on any bytes, inside its room, and never takes a length for true that leads out of its object', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const text = print(Buffer.from(random))
        if (text === 'DAMAGED' || text === 'UNKNOWN_FORMAT') return
        expect(() => JSON.parse(text)).not.toThrow()
      }),
      { numRuns: 5000 },
    )
  })

  it('ends on a message with any one bit flipped', () => {
    const bytes = allocAndEncode({ key: '%a', value: { list: [1, 2.5, { x: 'y' }], no: null } })
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        const text = print(flipped)
        expect(text === 'DAMAGED' || text === 'UNKNOWN_FORMAT' || text.length > 0).toBe(true)
        expect(isBipfObject(flipped, 0, flipped.length)).toBe(
          flipped[0] === bytes[0] && flipped[1] === bytes[1],
        )
      }),
      { numRuns: 400 },
    )
  })

  it('refuses what is nested more deeply than a message can be', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
    expect(print(allocAndEncode(nested(200)))).toBe(JSON.stringify(nested(200)))
    expect(print(allocAndEncode(nested(300)))).toBe('DAMAGED')
  })
})
