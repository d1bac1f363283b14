import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isCompactFormOf, isDeeperThan } from '../src/json-text.js'

const anyValue = fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' })

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

it('bytes are the compact form exactly where printing the value again gives them', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { maxLength: 3 })
  fc.assert(
    fc.property(anyValue, edits, (value, changes) => {
      const compact = Buffer.from(JSON.stringify(value))
      const indented = Buffer.from(JSON.stringify(value, null, 2))
      let bytes: Buffer = compact
      for (const [position, byte, kind] of changes) {
        const at = position % (bytes.length + 1)
        const put = kind === 0 ? [] : kind === 1 ? [0x20] : [byte]
        const rest = bytes.subarray(kind === 3 ? at + 1 : at)
        bytes = Buffer.concat([bytes.subarray(0, at), Uint8Array.from(put), rest])
      }
      expect(isCompactFormOf(bytes, indented)).toBe(Buffer.compare(bytes, compact) === 0)
      expect(isCompactFormOf(bytes.subarray(0, -1), indented)).toBe(
        Buffer.compare(bytes.subarray(0, -1), compact) === 0,
      )
    }),
    { numRuns: 1000 },
  )
})

it('the depth of a text is the depth of its value', () => {
  fc.assert(
    fc.property(anyValue, fc.constantFrom(0, 2), fc.nat(8), (value, indentation, limit) => {
      const text = JSON.stringify(value, null, indentation)
      expect(isDeeperThan(text, limit)).toBe(depthOf(value) > limit)
    }),
    { numRuns: 1000 },
  )
})
