import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hmac, messageKeyOf, sha256, sha256Latin1 } from '../src/hashing.js'
import { messageKeyFromBytes } from '../src/ids.js'

const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  maxLength: 200,
})

describe('hashing', () => {
  it('hashes the low byte of every UTF-16 unit, as a plain loop does', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(1, 90), (part, times) => {
        const text = part.repeat(times)
        const units = new Uint8Array(text.length)
        for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at) & 0xff
        const expected = createHash('sha256').update(units).digest()
        expect(Buffer.compare(sha256Latin1(text), expected)).toBe(0)
        expect(Buffer.compare(sha256(units), expected)).toBe(0)
        expect(messageKeyOf(text)).toBe(messageKeyFromBytes(expected))
        expect(messageKeyOf(units)).toBe(messageKeyFromBytes(expected))
      }),
    )
  })

  it('hashes texts longer than a message', () => {
    const text = 'é😀'.repeat(20_000)
    const expected = createHash('sha256').update(Buffer.from(text, 'latin1')).digest('hex')
    expect(Buffer.from(sha256Latin1(text)).toString('hex')).toBe(expected)
  })

  it('gives hashes in memory of their own', () => {
    const first = sha256Latin1('one')
    const copy = Uint8Array.from(first)
    sha256Latin1('two')
    expect(Uint8Array.from(first)).toEqual(copy)
  })

  it('has the first half of HMAC-SHA-512 as hmac', () => {
    const key = new Uint8Array(32).fill(7)
    const bytes = Buffer.from('signed')
    const expected = createHmac('sha512', key).update(bytes).digest().subarray(0, 32)
    expect(Buffer.compare(hmac(key, bytes), expected)).toBe(0)
    expect(() => hmac(new Uint8Array(31), bytes)).toThrow()
  })
})
