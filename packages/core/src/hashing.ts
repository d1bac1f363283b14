import { createHash, hash } from 'node:crypto'
import sodium from 'sodium-native'
import type { MessageKey } from './ids.js'

/** SHA-256 of the bytes: 32 bytes in memory of their own. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

/** A SHA-256 of bytes that come in pieces. */
export interface Sha256 {
  /** Adds a piece; the bytes stay the caller's. */
  update(bytes: Uint8Array): unknown
  /** Ends the hash: 32 bytes in memory of their own. */
  digest(): Uint8Array
}

/** Begins a hash of bytes that come in pieces. */
export function createSha256(): Sha256 {
  const begun = createHash('sha256')
  return { update: (bytes) => begun.update(bytes), digest: () => new Uint8Array(begun.digest()) }
}

/** Room for the text of any classic message (8,192 code units), so that hashing one allocates nothing. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024)

/**
 * SHA-256 over the low byte of every UTF-16 code unit of a text: 32 bytes in memory of their own.
 * The keys of classic messages are made of it. For pure ASCII it equals the hash of the UTF-8
 * bytes, else it does not.
 * @source protocol digest 1.6
 */
export function sha256Latin1(text: string): Uint8Array {
  return sha256(lowBytesOf(text))
}

/**
 * The key of the classic message whose canonical text this is; of a text, the low bytes of its
 * UTF-16 code units are hashed. A hash that comes as text needs no memory beside V8's heap.
 * @source protocol digest 1.6
 */
export function messageKeyOf(canonical: Uint8Array | string): MessageKey {
  const bytes = typeof canonical === 'string' ? lowBytesOf(canonical) : canonical
  return `%${hash('sha256', bytes, 'base64')}.sha256` as MessageKey
}

/** Valid until the next call. */
function lowBytesOf(text: string): Uint8Array {
  if (text.length > scratch.length) return Buffer.from(text, 'latin1')
  return scratch.subarray(0, scratch.write(text, 0, text.length, 'latin1'))
}

/**
 * libsodium's `crypto_auth`: the first 32 bytes of HMAC-SHA-512.
 * @throws {AssertionError} where the key is not 32 bytes long
 */
export function hmac(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const tag = new Uint8Array(32)
  sodium.crypto_auth(tag, bytes, key)
  return tag
}
