import { createRequire } from 'node:module'
import type { HandshakeCrypto } from 'secret-handshake/crypto.js'
import { WireError } from './errors.js'

/** What `chloride`, under secret-handshake, is asked for to tell its builds apart. */
interface Chloride {
  crypto_sign_verify_detached(signature: Buffer, message: Buffer, publicKey: Buffer): boolean
}

/** The neutral element, of order 1, as a key and as half of a signature that is anyone's. */
const NEUTRAL = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])
const ANYONES_SIGNATURE = Buffer.concat([NEUTRAL, Buffer.alloc(32)])

let loaded: Promise<HandshakeCrypto> | null = null

/**
 * The cryptography of npm secret-handshake, loaded when it is needed first. It runs on libsodium
 * alone: without that its package falls back to JavaScript, which is some fifty times slower and
 * takes a signature that verifies under a key of low order.
 * @throws {UNTESTED_CRYPTO}
 */
export function loadHandshakeCrypto(): Promise<HandshakeCrypto> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<HandshakeCrypto> {
  const { default: crypto } = await import('secret-handshake/crypto.js')
  const own = createRequire(import.meta.url)
  const chloride = createRequire(own.resolve('secret-handshake'))('chloride') as Chloride
  if (!chloride.crypto_sign_verify_detached(ANYONES_SIGNATURE, Buffer.from('any'), NEUTRAL)) {
    return crypto
  }
  throw new WireError(
    'UNTESTED_CRYPTO',
    'secret-handshake runs on its JavaScript fallback, which is slow and takes forged signatures: its sodium-native could not be loaded on this machine, or CHLORIDE_JS is set',
  )
}
