import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { feedIdToBytes } from '../src/ids.js'
import { generateKeys, keysFromSecretKey } from '../src/keys.js'

const seed = new Uint8Array(32).fill(1)

describe('keys', () => {
  it('are the same for the same seed', () => {
    const keys = generateKeys(seed)
    expect(keys.id).toBe('@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519')
    expect(feedIdToBytes(keys.id)).toEqual(keys.publicKey)
    expect(keys.secretKey).toEqual(Uint8Array.from([...seed, ...keys.publicKey]))
  })

  it('differ without a seed', () => {
    expect(generateKeys().id).not.toBe(generateKeys().id)
  })

  it('do not show the secret when printed, cloned, spread or turned into JSON', () => {
    const keys = generateKeys(seed)
    const shown = [
      inspect(keys, { showHidden: true, depth: null }),
      inspect({ ...keys }, { showHidden: true, depth: null }),
      JSON.stringify(keys),
      JSON.stringify({ ...keys }),
      inspect(structuredClone(keys), { showHidden: true, depth: null }),
      String(keys),
    ]
    const secretBytes = ['1, 1, 1, 1', '1,1,1,1', '01 01 01 01', 'AQEBAQEB', '"0":1,"1":1']
    for (const text of shown) {
      for (const part of secretBytes) expect(text).not.toContain(part)
    }
    expect(JSON.parse(JSON.stringify(keys))).toEqual({ id: keys.id })
  })

  it('are built again from their secret key, and from no other bytes', () => {
    const keys = generateKeys(seed)
    expect(keysFromSecretKey(keys.secretKey)?.id).toBe(keys.id)
    const mixed = Uint8Array.from(keys.secretKey)
    mixed[63]! ^= 1
    for (const wrong of [mixed, new Uint8Array(64), seed]) {
      expect(keysFromSecretKey(wrong)).toBeNull()
    }
  })
})
