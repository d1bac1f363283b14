import sodium from 'sodium-native'
import { isLowOrderCurveKey, isLowOrderKey } from './low-order.js'

const macSizeBytes = 16

/** Random bytes of the operating system's strong source, in memory of their own. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  if (length > 0) sodium.randombytes_buf(bytes)
  return bytes
}

/**
 * XSalsa20-Poly1305: a 16-byte tag, then the ciphertext. The pair of nonce (24 bytes) and key (32
 * bytes) must never be used twice.
 * @throws {AssertionError} on wrong lengths
 */
export function secretbox(plaintext: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const ciphertext = new Uint8Array(plaintext.length + macSizeBytes)
  sodium.crypto_secretbox_easy(ciphertext, plaintext, nonce, key)
  return ciphertext
}

/**
 * What `secretbox` closed, or null where nonce, key and ciphertext do not belong together.
 * @throws {AssertionError} on a wrong length of nonce or key
 */
export function secretboxOpen(
  ciphertext: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): Uint8Array | null {
  if (ciphertext.length < macSizeBytes) return null
  const plaintext = new Uint8Array(ciphertext.length - macSizeBytes)
  return sodium.crypto_secretbox_open_easy(plaintext, ciphertext, nonce, key) ? plaintext : null
}

/**
 * As `secretbox`, into `target`: exactly 16 bytes longer than the plaintext, which must not overlap it.
 * @throws {AssertionError} on wrong lengths
 */
export function secretboxInto(
  target: Uint8Array,
  plaintext: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): void {
  sodium.crypto_secretbox_easy(target, plaintext, nonce, key)
}

/**
 * As `secretboxOpen`, into `target`: exactly 16 bytes shorter than the ciphertext, which it may
 * overlap. False, with `target` unchanged, where nonce, key and ciphertext do not belong together.
 * @throws {AssertionError} on wrong lengths
 */
export function secretboxOpenInto(
  target: Uint8Array,
  ciphertext: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): boolean {
  return sodium.crypto_secretbox_open_easy(target, ciphertext, nonce, key)
}

/**
 * X25519: the 32-byte secret that the holders of both key pairs share, or null where `publicKey` is
 * of low order or not 32 bytes long; about 40 µs.
 * @throws {AssertionError} where the secret key is not 32 bytes long
 */
export function scalarmult(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32 || isLowOrderCurveKey(publicKey)) return null
  const shared = new Uint8Array(32)
  sodium.crypto_scalarmult(shared, secretKey, publicKey)
  return shared
}

/** The X25519 public key of a 32-byte secret key. */
export function scalarmultBase(secretKey: Uint8Array): Uint8Array {
  const publicKey = new Uint8Array(32)
  sodium.crypto_scalarmult_base(publicKey, secretKey)
  return publicKey
}

/** The X25519 public key that belongs to an Ed25519 one; null where that is no point of the main subgroup. */
export function edPublicToCurve(publicKey: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32 || isLowOrderKey(publicKey)) return null
  const converted = new Uint8Array(32)
  try {
    sodium.crypto_sign_ed25519_pk_to_curve25519(converted, publicKey)
  } catch {
    return null
  }
  return converted
}

/** The X25519 secret key that belongs to a 64-byte Ed25519 one. @throws {AssertionError} on a wrong length */
export function edSecretToCurve(secretKey: Uint8Array): Uint8Array {
  const converted = new Uint8Array(32)
  sodium.crypto_sign_ed25519_sk_to_curve25519(converted, secretKey)
  return converted
}
