import { generateKeys, type Keys, keysFromSecretKey, scalarmultBase } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClientHandshake, ServerHandshake } from '../src/handshake.js'
import { loadHandshakeCrypto } from '../src/handshake-crypto.js'
import { hex, readVectors } from './conformance-vectors.js'
import { authOf, helloOf } from './hello.js'

interface Party {
  readonly publicKey: string
  readonly secretKey: string
  readonly ephemeral: { readonly secretKey: string }
}

interface HandshakeCase {
  readonly networkIdentifier: string
  readonly client: Party
  readonly server: Party
  readonly msg1: string
  readonly msg2: string
  readonly msg3: string
  readonly msg4: string
  readonly clientEncryptKey: string
  readonly clientDecryptKey: string
  readonly clientEncryptNonce: string
  readonly clientDecryptNonce: string
  readonly serverEncryptKey: string
  readonly serverDecryptKey: string
}

const { cases } = readVectors<{ cases: HandshakeCase[] }>('secret-handshake.json')
const crypto = await loadHandshakeCrypto()
const networkKey = Buffer.alloc(32, 3)
const alice = generateKeys(Buffer.alloc(32, 1))
const bob = generateKeys(Buffer.alloc(32, 2))

const keysOf = ({ secretKey }: Party): Keys => keysFromSecretKey(hex(secretKey))!

const hexOf = (bytes: Uint8Array | null | undefined): string =>
  bytes === null || bytes === undefined ? '' : Buffer.from(bytes).toString('hex')

function client(options: { remoteKey?: Uint8Array; networkKey?: Uint8Array; keys?: Keys } = {}) {
  return new ClientHandshake({
    crypto,
    keys: alice,
    networkKey,
    remoteKey: bob.publicKey,
    ...options,
  })
}

function server(options: { authorize?: () => boolean; keys?: Keys } = {}) {
  return new ServerHandshake({ crypto, keys: bob, networkKey, authorize: () => true, ...options })
}

/** Both sides, message by message, to where one of them gives up. */
function shake(from: ClientHandshake, to: ServerHandshake) {
  const greeted = to.take(Buffer.from(from.opening))
  if (!greeted.ok) return { at: 'server', ...greeted }
  const proof = from.take(Buffer.from(greeted.reply!))
  if (!proof.ok) return { at: 'client', ...proof }
  const accepted = to.take(Buffer.from(proof.reply!))
  if (!accepted.ok) return { at: 'server', ...accepted }
  const done = from.take(Buffer.from(accepted.reply!))
  if (!done.ok) return { at: 'client', ...done }
  return { ok: true, client: done.session!, server: accepted.session! } as const
}

describe('the handshakes of npm secret-handshake', () => {
  it.each(cases.map((shsCase, index) => [index, shsCase]))(
    'are the same, message by message: %d',
    (_index, shsCase) => {
      const networkKey = hex(shsCase.networkIdentifier)
      const from = new ClientHandshake({
        crypto,
        networkKey,
        keys: keysOf(shsCase.client),
        remoteKey: hex(shsCase.server.publicKey),
        ephemeralSecret: hex(shsCase.client.ephemeral.secretKey),
      })
      const to = new ServerHandshake({
        crypto,
        networkKey,
        keys: keysOf(shsCase.server),
        ephemeralSecret: hex(shsCase.server.ephemeral.secretKey),
        authorize: (id) => id === keysOf(shsCase.client).id,
      })
      expect(hexOf(from.opening)).toBe(shsCase.msg1)
      const second = to.take(hex(shsCase.msg1))
      expect(second.ok && hexOf(second.reply)).toBe(shsCase.msg2)
      const third = from.take(hex(shsCase.msg2))
      expect(third.ok && hexOf(third.reply)).toBe(shsCase.msg3)
      const fourth = to.take(hex(shsCase.msg3))
      expect(fourth.ok && hexOf(fourth.reply)).toBe(shsCase.msg4)
      const done = from.take(hex(shsCase.msg4))
      if (!fourth.ok || !done.ok) throw new Error('the handshake was not accepted')
      const [ofServer, ofClient] = [fourth.session, done.session]
      expect(ofServer?.remoteId).toBe(keysOf(shsCase.client).id)
      expect(ofClient?.remoteId).toBe(keysOf(shsCase.server).id)
      expect(hexOf(ofClient?.encryptKey)).toBe(shsCase.clientEncryptKey)
      expect(hexOf(ofClient?.decryptKey)).toBe(shsCase.clientDecryptKey)
      expect(hexOf(ofClient?.encryptNonce)).toBe(shsCase.clientEncryptNonce)
      expect(hexOf(ofClient?.decryptNonce)).toBe(shsCase.clientDecryptNonce)
      expect(hexOf(ofServer?.encryptKey)).toBe(shsCase.serverEncryptKey)
      expect(hexOf(ofServer?.decryptKey)).toBe(shsCase.serverDecryptKey)
    },
  )
})

describe('a handshake', () => {
  it('gives both sides each other’s identity and the same keys', () => {
    const outcome = shake(client(), server())
    if (!outcome.ok) throw new Error('the handshake was not accepted')
    expect(outcome.client.remoteId).toBe(bob.id)
    expect(outcome.server.remoteId).toBe(alice.id)
    expect(hexOf(outcome.client.encryptKey)).toBe(hexOf(outcome.server.decryptKey))
  })

  it('leaves the secret keys of both sides as they are', () => {
    const before = [hexOf(alice.secretKey), hexOf(bob.secretKey)]
    shake(client(), server())
    expect([hexOf(alice.secretKey), hexOf(bob.secretKey)]).toEqual(before)
  })

  it('fails at the hello where the network keys differ', () => {
    const outcome = shake(client({ networkKey: Buffer.alloc(32, 4) }), server())
    expect(outcome).toMatchObject({ at: 'server', ok: false, reason: { data: { fault: 'hello' } } })
  })

  it('fails where another identity was dialled, before the caller’s is known', () => {
    let isAsked = false
    const authorize = () => {
      isAsked = true
      return true
    }
    const outcome = shake(client({ remoteKey: alice.publicKey }), server({ authorize }))
    expect(outcome).toMatchObject({ at: 'server', reason: { data: { fault: 'identity' } } })
    expect(isAsked).toBe(false)
  })

  it('fails where the caller is not let in', () => {
    const fault = { at: 'server', reason: { data: { fault: 'not-admitted' } } }
    expect(shake(client(), server({ authorize: () => false }))).toMatchObject(fault)
  })

  it('fails at the client where the answer is its own hello', () => {
    const from = client()
    const reflected = from.take(Buffer.from(from.opening))
    expect(reflected.ok).toBe(true)
    expect(from.take(Buffer.alloc(80))).toMatchObject({ reason: { data: { fault: 'identity' } } })
  })

  it('fails where the key that was dialled is of low order', () => {
    const neutral = Buffer.from([1, ...Buffer.alloc(31)])
    const outcome = shake(client({ remoteKey: neutral }), server())
    expect(outcome).toMatchObject({ at: 'client', ok: false })
  })
})

describe('a hello with a point of low order', () => {
  const points = ['00', '01', 'ec', 'ed', 'ee'].map((first) => {
    const point = Buffer.alloc(32, first === '00' || first === '01' ? 0 : 0xff)
    point[0] = Number.parseInt(first, 16)
    if (point[1] === 0xff) point[31] = 0x7f
    return point
  })

  it.each(points.map((point) => [point.toString('hex')]))(
    'is refused by both sides: %s',
    (point) => {
      const hello = helloOf(networkKey, hex(point))
      const fault = { ok: false, reason: { code: 'HANDSHAKE_FAILED', data: { fault: 'hello' } } }
      expect(server().take(hello)).toMatchObject(fault)
      expect(client().take(hello)).toMatchObject(fault)
    },
  )
})

describe('whatever comes', () => {
  it('is answered with a value, never with a throw', () => {
    const message = (sizeBytes: number) =>
      fc
        .uint8Array({ minLength: sizeBytes, maxLength: sizeBytes })
        .map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(message(32), message(112), message(80), (point, auth, accept) => {
        const hello = helloOf(networkKey, point)
        const to = server()
        if (to.take(hello).ok) expect(to.take(auth).ok).toBe(false)
        const from = client()
        if (from.take(hello).ok) expect(from.take(accept).ok).toBe(false)
      }),
    )
  })

  it('is refused where it is a signature under a key of low order, which is anyone’s', () => {
    const secret = Buffer.alloc(32, 8)
    const to = server()
    const greeted = to.take(helloOf(networkKey, scalarmultBase(secret)))
    if (!greeted.ok) throw new Error('the hello was not accepted')
    const place = { networkKey, secret, hello: greeted.reply!, remoteKey: bob.publicKey }
    const neutral = Buffer.from([1, ...Buffer.alloc(31)])
    const forged = authOf(place, Buffer.concat([neutral, Buffer.alloc(32)]), neutral)
    expect(to.take(forged)).toMatchObject({ ok: false, reason: { data: { fault: 'identity' } } })
  })
})
