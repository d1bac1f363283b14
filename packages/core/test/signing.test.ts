import { describe, expect, it } from 'vitest'
import { generateKeys } from '../src/keys.js'
import { sign, verify } from '../src/signing.js'

const keys = generateKeys(new Uint8Array(32).fill(7))
const message = Buffer.from('what was said')

describe('signatures', () => {
  it('verify for their bytes and key, whatever kind of array they come in', () => {
    const signature = sign(message, keys.secretKey)
    expect(signature).toHaveLength(64)
    const shifted = new Uint8Array(80)
    shifted.set(signature, 9)
    expect(verify(shifted.subarray(9, 73), new Uint8Array(message), keys.publicKey)).toBe(true)
    expect(verify(Buffer.from(signature), message, Buffer.from(keys.publicKey))).toBe(true)
    const empty = new Uint8Array(0)
    expect(verify(sign(empty, keys.secretKey), empty, keys.publicKey)).toBe(true)
  })

  it('fail for one flipped bit anywhere', () => {
    const signature = sign(message, keys.secretKey)
    for (const part of [0, 31, 32, 63]) {
      const changed = Uint8Array.from(signature)
      changed[part]! ^= 1
      expect(verify(changed, message, keys.publicKey)).toBe(false)
    }
    expect(verify(signature, Buffer.from('what was Said'), keys.publicKey)).toBe(false)
    expect(verify(signature, message, generateKeys().publicKey)).toBe(false)
  })

  it('are false, not an error, where a length is wrong', () => {
    const signature = sign(message, keys.secretKey)
    for (const length of [0, 1, 63, 65, 128]) {
      const padded = new Uint8Array(length)
      padded.set(signature.subarray(0, length))
      expect(verify(padded, message, keys.publicKey)).toBe(false)
    }
    for (const length of [0, 31, 33]) {
      expect(verify(signature, message, new Uint8Array(length))).toBe(false)
    }
  })

  it('are false under bytes that are no point', () => {
    const signature = sign(message, keys.secretKey)
    for (let first = 0; first < 256; first++) {
      expect(verify(signature, message, new Uint8Array(32).fill(first))).toBe(false)
    }
  })
})
