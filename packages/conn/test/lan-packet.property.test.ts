import { generateKeys } from '@dunbar/core'
import fc from 'fast-check'
import ssbKeys from 'ssb-keys'
import { describe, expect, test } from 'vitest'
import { netAddress } from '../src/index.js'
import {
  encryptedPacket,
  MAX_PACKET_BYTES,
  plainPacket,
  readEncryptedPacket,
  readPlainPacket,
} from '../src/lan-packet.js'

const networkKey = new Uint8Array(32).fill(42)
const keys = generateKeys(new Uint8Array(32).fill(1))
const address = netAddress('192.168.1.20', 8008, keys.id)!

describe('a datagram', () => {
  test('of either form gives the address that was announced', () => {
    const addresses = [address]
    const encrypted = encryptedPacket(address.text, keys, networkKey)
    expect(readEncryptedPacket(encrypted, networkKey)).toEqual({ addresses, isVerified: true })
    expect(readPlainPacket(plainPacket(address.text))).toEqual({ addresses, isVerified: false })
  })

  test('with several addresses gives all of them', () => {
    const text = `${address.text};ws://192.168.1.20:8989~shs:${keys.id.slice(1, -8)}`
    const packet = encryptedPacket(text, keys, networkKey)
    expect(readEncryptedPacket(packet, networkKey)?.addresses).toHaveLength(2)
  })

  test('of another network, or signed by another than it names, says nothing', () => {
    const other = generateKeys()
    const packet = encryptedPacket(address.text, other, networkKey)
    expect(readEncryptedPacket(packet, networkKey)).toBeNull()
    const foreign = encryptedPacket(address.text, keys, new Uint8Array(32))
    expect(readEncryptedPacket(foreign, networkKey)).toBeNull()
    const two = `${address.text};${netAddress('192.168.1.21', 8008, other.id)!.text}`
    expect(readEncryptedPacket(encryptedPacket(two, keys, networkKey), networkKey)).toBeNull()
  })

  test('is read by ssb-keys, and one of ssb-keys is read here', () => {
    const packet = Buffer.from(encryptedPacket(address.text, keys, networkKey))
    const [box, signature] = [packet.subarray(0, -64), packet.subarray(-64)]
    const opened = ssbKeys.secretUnbox(box, Buffer.from(networkKey))
    expect(opened).toEqual({ address: address.text })
    const signed = { ...opened, signature: `${signature.toString('base64')}.sig.ed25519` }
    expect(ssbKeys.verifyObj({ public: keys.id.slice(1) }, null, signed)).toBe(true)

    const theirs = ssbKeys.generate('ed25519', Buffer.alloc(32, 1))
    const content = { address: address.text }
    const theirBox = ssbKeys.secretBox(content, Buffer.from(networkKey))
    const text = ssbKeys.signObj(theirs, null, content).signature.replace('.sig.ed25519', '')
    const theirPacket = Buffer.concat([theirBox, Buffer.from(text, 'base64')])
    expect(theirPacket).toEqual(packet)
  })

  test('that was changed anywhere says nothing', () => {
    const packet = encryptedPacket(address.text, keys, networkKey)
    fc.assert(
      fc.property(fc.nat(packet.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(packet)
        changed[at]! ^= flip
        expect(readEncryptedPacket(changed, networkKey)).toBeNull()
      }),
    )
  })

  test('may hold anything and is never thrown at the caller', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(readEncryptedPacket(bytes, networkKey)).toBeNull()
        readPlainPacket(bytes)
      }),
    )
    const long = Buffer.alloc(MAX_PACKET_BYTES + 1, `${address.text};`)
    expect(readPlainPacket(long)).toBeNull()
    expect(readEncryptedPacket(long, networkKey)).toBeNull()
  })
})
