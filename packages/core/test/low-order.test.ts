import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { edPublicToCurve, scalarmult } from '../src/boxing.js'
import { generateKeys } from '../src/keys.js'
import { isLowOrderCurveKey, isLowOrderKey } from '../src/low-order.js'
import { sign, verify } from '../src/signing.js'

const sodium: {
  crypto_scalarmult(target: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void
} = createRequire(import.meta.url)('sodium-native')

const shared = ['00'.repeat(32), `01${'00'.repeat(31)}`]
const nearPrime = ['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`)
const edwards = [
  ...shared,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...nearPrime,
]
const montgomery = [
  ...shared,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  ...nearPrime,
]

/** Each point as listed and with its top bit set. */
function bothSigns(points: readonly string[]): Uint8Array[] {
  return points.flatMap((hex) => {
    const point = Uint8Array.from(Buffer.from(hex, 'hex'))
    const other = Uint8Array.from(point)
    other[31]! |= 0x80
    return [point, other]
  })
}

describe('keys of low order', () => {
  it('are recognised in every encoding, also with the top bit set', () => {
    for (const point of bothSigns(edwards)) expect(isLowOrderKey(point)).toBe(true)
    for (const point of bothSigns(montgomery)) expect(isLowOrderCurveKey(point)).toBe(true)
  })

  it('verify nothing, not even the signature that is valid under all of them', () => {
    const universal = new Uint8Array(64)
    universal[0] = 1
    for (const point of bothSigns(edwards)) {
      expect(verify(universal, new Uint8Array(3), point)).toBe(false)
      expect(edPublicToCurve(point)).toBeNull()
    }
  })

  it('share no secret, and libsodium agrees with the list', () => {
    const { secretKey } = generateKeys()
    for (const point of bothSigns(montgomery)) {
      expect(scalarmult(secretKey.subarray(0, 32), point)).toBeNull()
      const target = new Uint8Array(32)
      expect(() => sodium.crypto_scalarmult(target, secretKey.subarray(0, 32), point)).toThrow()
    }
  })

  it('are no other keys', () => {
    for (let round = 0; round < 64; round++) {
      const { publicKey, secretKey } = generateKeys(new Uint8Array(32).fill(round))
      expect(isLowOrderKey(publicKey)).toBe(false)
      expect(isLowOrderCurveKey(publicKey)).toBe(false)
      expect(verify(sign(publicKey, secretKey), publicKey, publicKey)).toBe(true)
    }
    const almost = Uint8Array.from(Buffer.from(edwards[2]!, 'hex'))
    almost[15]! ^= 1
    expect(isLowOrderKey(almost)).toBe(false)
    expect(isLowOrderKey(new Uint8Array(31))).toBe(false)
  })
})
