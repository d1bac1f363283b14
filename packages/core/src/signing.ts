import sodium from 'sodium-native'
import { isLowOrderKey } from './low-order.js'

/**
 * Ed25519 signature of the bytes: 64 bytes. `secretKey` is the 64-byte form, seed and public key.
 * @throws {AssertionError} where the key is not 64 bytes long
 */
export function sign(bytes: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const signature = new Uint8Array(64)
  sodium.crypto_sign_detached(signature, bytes, secretKey)
  return signature
}

/**
 * What a check is given, in memory that libsodium may read: V8 moves small arrays out of its heap
 * when native code asks for them, which costs more than a copy.
 */
const givenSignature = Buffer.allocUnsafeSlow(64)
const givenKey = Buffer.allocUnsafeSlow(32)

/**
 * True where the signature of the bytes is by this key; about 40 µs. False, and never a throw, for
 * wrong lengths and for keys of low order, under which anyone can sign.
 */
export function verify(signature: Uint8Array, bytes: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32 || isLowOrderKey(publicKey)) return false
  givenSignature.set(signature)
  givenKey.set(publicKey)
  return sodium.crypto_sign_verify_detached(givenSignature, bytes, givenKey)
}
