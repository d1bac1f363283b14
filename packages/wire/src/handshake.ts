/**
 * The secret handshake, message by message, for both sides.
 *
 * The cryptography is that of npm secret-handshake. Here is what it leaves open: whose turn it is,
 * what is checked before it sees a message, and that nothing it throws gets any further. Each
 * message is handed over alone and whole, so that no byte of the encrypted stream behind it is
 * lost, and all work is done inside `take`.
 *
 * Points of low order are refused by our own list before anything is computed with them.
 * @source PROTOCOL 2.1; Cremers and Jackson, "Prime, Order Please" (2019)
 */
import {
  type FeedId,
  feedIdFromBytes,
  hmac,
  isLowOrderCurveKey,
  isLowOrderKey,
  type Keys,
  randomBytes,
  scalarmultBase,
} from '@dunbar/core'
import type { HandshakeCrypto, HandshakeState } from 'secret-handshake/crypto.js'
import { WireError } from './errors.js'

const HELLO_BYTES = 64
const MAC_BYTES = 32
const CLIENT_AUTH_BYTES = 112
const SERVER_ACCEPT_BYTES = 80
const NONCE_BYTES = 24

/** What is wrong: the hello (another network, or no peer), the proof of an identity, or it is not let in. */
export type HandshakeFault = 'hello' | 'identity' | 'not-admitted'

/** Keys and first nonces of the two encrypted directions, and whose they are. */
export interface Session {
  readonly remoteId: FeedId
  readonly encryptKey: Uint8Array
  readonly encryptNonce: Uint8Array
  readonly decryptKey: Uint8Array
  readonly decryptNonce: Uint8Array
}

/** What comes of a message: what is to be sent, and the session once there is one; or why it ends here. */
export type HandshakeTurn =
  | { readonly ok: true; readonly reply: Uint8Array | null; readonly session: Session | null }
  | { readonly ok: false; readonly reason: WireError }

interface HandshakeOptions {
  readonly crypto: HandshakeCrypto
  readonly keys: Keys
  /** 32 bytes. */
  readonly networkKey: Uint8Array
  /** Secret of the key pair of this one handshake; random where it is left out. */
  readonly ephemeralSecret?: Uint8Array
}

/** The called side. */
export interface ServerHandshakeOptions extends HandshakeOptions {
  /** Whether this identity, proved by now, is let in; it learns nothing else where it is not. */
  authorize(id: FeedId): boolean
}

/** The calling side. */
export interface ClientHandshakeOptions extends HandshakeOptions {
  /** 32 bytes. */
  readonly remoteKey: Uint8Array
}

/** One side of one handshake. */
export interface Handshake {
  /** What is to be sent before anything comes. */
  readonly opening: Uint8Array | null
  /** Bytes of the message that is due. */
  readonly dueBytes: number
  /** What it means, as far as one can tell, where the other side hangs up instead of sending it. */
  readonly hangUp: WireError
  /** Takes the message that is due, of exactly `dueBytes`. Throws on no message, only what `authorize` throws. */
  take(message: Buffer): HandshakeTurn
}

/** The side that was called. */
export class ServerHandshake implements Handshake {
  readonly opening = null
  readonly #options: ServerHandshakeOptions
  #state: HandshakeState | null = null

  constructor(options: ServerHandshakeOptions) {
    this.#options = options
  }

  get dueBytes(): number {
    return this.#state === null ? HELLO_BYTES : CLIENT_AUTH_BYTES
  }

  get hangUp(): WireError {
    return this.#state === null
      ? faulty('hello', 'the caller left without a hello')
      : faulty('identity', 'the caller left without saying who it is')
  }

  take(message: Buffer): HandshakeTurn {
    return this.#state === null ? this.#takeHello(message) : this.#takeAuth(this.#state, message)
  }

  #takeHello(hello: Buffer): HandshakeTurn {
    const { crypto, networkKey } = this.#options
    if (!isGenuineHello(hello, networkKey)) {
      return failed('hello', 'the caller has another network key, or is no peer')
    }
    const state = checked(() => crypto.verifyChallenge(stateOf(this.#options), hello))
    if (state === null) return failed('hello', 'the hello does not verify')
    this.#state = state
    return { ok: true, reply: crypto.createChallenge(state), session: null }
  }

  #takeAuth(known: HandshakeState, auth: Buffer): HandshakeTurn {
    const { crypto, authorize } = this.#options
    const state = checked(() => crypto.serverVerifyAuth(known, auth))
    const remoteKey = state?.remote.publicKey
    if (state === null || remoteKey === undefined || isLowOrderKey(remoteKey)) {
      return failed(
        'identity',
        'the caller takes this node for another one, or forges its identity',
      )
    }
    const remoteId = feedIdFromBytes(remoteKey)
    if (!authorize(remoteId)) return failed('not-admitted', 'the caller is not let in')
    const reply = crypto.serverCreateAccept(state)
    return { ok: true, reply, session: sessionOf(crypto, state, remoteId) }
  }
}

/** The side that calls. */
export class ClientHandshake implements Handshake {
  readonly opening: Uint8Array
  readonly #options: ClientHandshakeOptions
  readonly #state: HandshakeState
  #isGreeted = false

  constructor(options: ClientHandshakeOptions) {
    this.#options = options
    this.#state = stateOf(options)
    this.#state.remote.publicKey = Buffer.from(options.remoteKey)
    this.opening = options.crypto.createChallenge(this.#state)
  }

  get dueBytes(): number {
    return this.#isGreeted ? SERVER_ACCEPT_BYTES : HELLO_BYTES
  }

  get hangUp(): WireError {
    return this.#isGreeted
      ? faulty(
          'identity',
          'it hung up when it learned who we are: it has another identity than the one dialled, or does not let us in',
        )
      : faulty(
          'hello',
          'it hung up at our hello: it has another network key, takes no more connections, or is no peer',
        )
  }

  take(message: Buffer): HandshakeTurn {
    return this.#isGreeted ? this.#takeAccept(message) : this.#takeHello(message)
  }

  #takeHello(hello: Buffer): HandshakeTurn {
    const { crypto, networkKey, remoteKey } = this.#options
    if (!isGenuineHello(hello, networkKey)) {
      return failed('hello', 'the other side has another network key, or is no peer')
    }
    const state = checked(() => crypto.clientVerifyChallenge(this.#state, hello))
    if (state === null || isLowOrderKey(remoteKey)) {
      return failed('identity', 'the identity that was dialled is no usable key')
    }
    this.#isGreeted = true
    return { ok: true, reply: crypto.clientCreateAuth(this.#state), session: null }
  }

  #takeAccept(accept: Buffer): HandshakeTurn {
    const { crypto, remoteKey } = this.#options
    if (checked(() => crypto.clientVerifyAccept(this.#state, accept)) === null) {
      return failed('identity', 'the other side does not prove the identity that was dialled')
    }
    const session = sessionOf(crypto, this.#state, feedIdFromBytes(remoteKey))
    return { ok: true, reply: null, session }
  }
}

function stateOf({ networkKey, keys, ephemeralSecret }: HandshakeOptions): HandshakeState {
  const secret = Buffer.from(ephemeralSecret ?? randomBytes(32))
  const point = Buffer.from(scalarmultBase(secret))
  return {
    app_key: Buffer.from(networkKey),
    local: {
      kx_sk: secret,
      kx_pk: point,
      publicKey: Buffer.from(keys.publicKey),
      secretKey: viewOf(keys.secretKey),
      app_mac: Buffer.from(hmac(networkKey, point)),
    },
    remote: {},
  }
}

/** The same memory, so that no second copy of a secret lies about. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Made with the network key, and holding a point that something can be computed with. */
function isGenuineHello(hello: Buffer, networkKey: Uint8Array): boolean {
  const point = hello.subarray(MAC_BYTES)
  return (
    Buffer.compare(hmac(networkKey, point), hello.subarray(0, MAC_BYTES)) === 0 &&
    !isLowOrderCurveKey(point)
  )
}

function sessionOf(crypto: HandshakeCrypto, state: HandshakeState, remoteId: FeedId): Session {
  const { encryptKey, decryptKey, local, remote } = crypto.clean(state)
  return {
    remoteId,
    encryptKey: encryptKey!,
    decryptKey: decryptKey!,
    encryptNonce: remote.app_mac!.subarray(0, NONCE_BYTES),
    decryptNonce: local.app_mac.subarray(0, NONCE_BYTES),
  }
}

/** Null where the check fails, or throws, as it does on some input. */
function checked(check: () => HandshakeState | null): HandshakeState | null {
  try {
    return check()
  } catch {
    return null
  }
}

function failed(fault: HandshakeFault, text: string): HandshakeTurn {
  return { ok: false, reason: faulty(fault, text) }
}

function faulty(fault: HandshakeFault, text: string): WireError {
  return new WireError('HANDSHAKE_FAILED', text, { fault })
}
