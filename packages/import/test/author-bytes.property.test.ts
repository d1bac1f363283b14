import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeKey } from '../src/author-bytes.js'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

it('decodes the base64 text of any 32 bytes', () => {
  fc.assert(
    fc.property(key, (bytes) => {
      const target = new Uint8Array(34)
      const text = Buffer.from(`@${Buffer.from(bytes).toString('base64')}.ed25519`)
      expect(decodeKey(text, 1, target, 1)).toBe(true)
      expect(target.slice(1, 33)).toEqual(bytes)
      expect([target[0], target[33]]).toEqual([0, 0])
    }),
  )
})

it('accepts a text exactly when Node decodes and encodes it to itself', () => {
  const anyByte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('+/=AZaz09-_')))
  fc.assert(
    fc.property(key, fc.nat({ max: 43 }), anyByte, (bytes, place, byte) => {
      const text = Buffer.from(Buffer.from(bytes).toString('base64'))
      text[place] = byte
      const latin1 = text.toString('latin1')
      const decoded = Buffer.from(latin1, 'base64')
      const isCanonical = decoded.length === 32 && decoded.toString('base64') === latin1
      expect(decodeKey(text, 0, new Uint8Array(32), 0)).toBe(isCanonical)
    }),
    { numRuns: 3000 },
  )
})
