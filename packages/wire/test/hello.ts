import { edPublicToCurve, hmac, scalarmult, secretbox, sha256 } from '@dunbar/core'

/** A hello as anyone can make it who knows the network key, around any point. */
export function helloOf(networkKey: Uint8Array, point: Uint8Array): Buffer {
  return Buffer.concat([hmac(networkKey, point), point])
}

/** What a caller knows when it says who it is. */
export interface Greeted {
  readonly networkKey: Uint8Array
  /** Of the caller's hello. */
  readonly secret: Uint8Array
  /** The answer to it. */
  readonly hello: Uint8Array
  readonly remoteKey: Uint8Array
}

/** The third message of a handshake, with any signature and any identity in it. */
export function authOf(greeted: Greeted, signature: Uint8Array, publicKey: Uint8Array): Buffer {
  const { networkKey, secret, hello, remoteKey } = greeted
  const shared = scalarmult(secret, hello.slice(32))!
  const sharedWithKey = scalarmult(secret, edPublicToCurve(remoteKey)!)!
  const key = sha256(Buffer.concat([networkKey, shared, sharedWithKey]))
  return Buffer.from(secretbox(Buffer.concat([signature, publicKey]), Buffer.alloc(24), key))
}
