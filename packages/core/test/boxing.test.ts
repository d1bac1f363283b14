import { describe, expect, it } from 'vitest'
import {
  edPublicToCurve,
  edSecretToCurve,
  randomBytes,
  scalarmult,
  scalarmultBase,
  secretbox,
  secretboxOpen,
} from '../src/boxing.js'
import { generateKeys } from '../src/keys.js'

const nonce = new Uint8Array(24).fill(3)
const key = new Uint8Array(32).fill(4)

describe('secretbox', () => {
  it('opens with the same nonce and key only', () => {
    const plaintext = Buffer.from('for you')
    const ciphertext = secretbox(plaintext, nonce, key)
    expect(ciphertext).toHaveLength(plaintext.length + 16)
    expect(secretboxOpen(ciphertext, nonce, key)).toEqual(new Uint8Array(plaintext))
    expect(secretboxOpen(ciphertext, nonce, randomBytes(32))).toBeNull()
    expect(secretboxOpen(ciphertext, randomBytes(24), key)).toBeNull()
  })

  it('is null for changed, cut and too short ciphertext', () => {
    const ciphertext = secretbox(Buffer.from('for you'), nonce, key)
    const changed = Uint8Array.from(ciphertext)
    changed[20]! ^= 1
    const cut = ciphertext.subarray(0, -1)
    for (const wrong of [changed, cut, ciphertext.subarray(0, 15), new Uint8Array(0)]) {
      expect(secretboxOpen(wrong, nonce, key)).toBeNull()
    }
  })
})

describe('curve keys', () => {
  it('agree on one secret, made from either side', () => {
    const alice = generateKeys()
    const bob = generateKeys()
    const fromAlice = scalarmult(edSecretToCurve(alice.secretKey), edPublicToCurve(bob.publicKey)!)
    const fromBob = scalarmult(edSecretToCurve(bob.secretKey), edPublicToCurve(alice.publicKey)!)
    expect(fromAlice).toEqual(fromBob)
    expect(fromAlice).not.toBeNull()
  })

  it('of an Ed25519 pair are one pair', () => {
    const { publicKey, secretKey } = generateKeys()
    expect(scalarmultBase(edSecretToCurve(secretKey))).toEqual(edPublicToCurve(publicKey))
  })

  it('are null for wrong lengths and for bytes that are no point', () => {
    expect(scalarmult(key, new Uint8Array(31))).toBeNull()
    expect(edPublicToCurve(new Uint8Array(33))).toBeNull()
    expect(edPublicToCurve(new Uint8Array(32).fill(2))).toBeNull()
  })
})

it('random bytes come in memory of their own and differ', () => {
  const bytes = randomBytes(48)
  expect(bytes.buffer.byteLength).toBe(48)
  expect(randomBytes(48)).not.toEqual(bytes)
  expect(randomBytes(0)).toHaveLength(0)
})
