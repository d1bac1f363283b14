import { inspect } from 'node:util'
import sodium from 'sodium-native'
import { randomBytes } from './boxing.js'
import { type FeedId, feedIdFromBytes } from './ids.js'

/** An Ed25519 key pair, which is what an SSB identity is. */
export interface Keys {
  readonly id: FeedId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /**
   * 64 bytes, seed and public key. Not an own property: printing, JSON, spreading and structured
   * clone leave it behind. To move keys between threads, send these bytes and build the keys again
   * with `keysFromSecretKey`.
   */
  readonly secretKey: Uint8Array
}

class KeyPair implements Keys {
  readonly id: FeedId
  readonly publicKey: Uint8Array
  readonly #secretKey: Uint8Array

  constructor(publicKey: Uint8Array, secretKey: Uint8Array) {
    this.id = feedIdFromBytes(publicKey)
    this.publicKey = publicKey
    this.#secretKey = secretKey
  }

  get secretKey(): Uint8Array {
    return this.#secretKey
  }

  toJSON(): { id: FeedId } {
    return { id: this.id }
  }

  [inspect.custom](): string {
    return `Keys(${this.id})`
  }
}

/**
 * A key pair, new or from a 32-byte seed. The seed is copied.
 * @throws {AssertionError} where the seed is not 32 bytes long
 */
export function generateKeys(seed: Uint8Array = randomBytes(32)): Keys {
  const publicKey = new Uint8Array(32)
  const secretKey = new Uint8Array(64)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return new KeyPair(publicKey, secretKey)
}

/**
 * The keys with this 64-byte secret key, copied; null where its second half is not the public key
 * of its first half, as signatures made with such bytes give the secret away.
 */
export function keysFromSecretKey(secretKey: Uint8Array): Keys | null {
  if (secretKey.length !== 64) return null
  const keys = generateKeys(secretKey.subarray(0, 32))
  return Buffer.compare(keys.secretKey, secretKey) === 0 ? keys : null
}
