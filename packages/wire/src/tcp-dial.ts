import { lookup } from 'node:dns'
import { createConnection, type LookupFunction } from 'node:net'
import { feedIdFromBytes, type Keys } from '@dunbar/core'
import { RpcConnection } from './connection.js'
import { WireError } from './errors.js'
import { ClientHandshake } from './handshake.js'
import { loadHandshakeCrypto } from './handshake-crypto.js'
import { HANDSHAKE_MS, PEER_LIMITS, type WireLimits } from './limits.js'
import { withManifest } from './manifest.js'
import type { MethodTable } from './method.js'
import { SecureDuplex } from './secure-duplex.js'
import { multiserverAddress, type SecurePeer } from './secure-peer.js'
import { tcpDuplex } from './socket.js'
import { handshakeTimeout } from './tcp-server.js'
import type { UnsentTotal } from './unsent-total.js'
import { systemTimers, type WireClock, type WireLogger, type WireTimers } from './wire-ports.js'

export interface DialTcpOptions {
  readonly host: string
  readonly port: number
  /** Which addresses a name may stand for. Default: any. `host` that is an address is not asked about. */
  readonly mayResolveTo?: (address: string) => boolean
  /** The identity that must answer: 32 bytes. */
  readonly remoteKey: Uint8Array
  /** Who is calling: the node, or the key pair of an invite. */
  readonly keys: Keys
  /** 32 bytes that all peers of a network know. */
  readonly networkKey: Uint8Array
  /** What the other side may call. A `manifest` method is added where there is none. */
  readonly methods: MethodTable
  /** Default `PEER_LIMITS`. */
  readonly limits?: Partial<WireLimits>
  /** Until TCP is connected, default 10,000. */
  readonly timeoutMs?: number
  /** The whole handshake, default 5,000. */
  readonly handshakeMs?: number
  /** Gives the attempt up; no effect on an established connection. */
  readonly signal?: AbortSignal
  readonly timers?: WireTimers
  readonly clock?: WireClock
  readonly logger?: WireLogger
  /** What waits for the sockets of all connections that are given it. Default: each counts alone. */
  readonly unsent?: UnsentTotal
}

const CONNECT_MS = 10_000

/**
 * Connects to a peer, proves who we are, and has it prove that it is who was meant. Its first call
 * comes behind the turn in which this resolves.
 * @throws {CONNECT_FAILED} with `data.reason`: the system's code, `TIMEOUT`, `ABORTED`, or
 *   `ADDRESS_REFUSED` where `mayResolveTo` takes none of the addresses of a name
 * @throws {HANDSHAKE_FAILED} another network key, another identity, or we are not let in
 * @throws {HANDSHAKE_TIMEOUT}
 * @throws {UNTESTED_CRYPTO}
 */
export async function dialTcp(options: DialTcpOptions): Promise<SecurePeer> {
  const crypto = await loadHandshakeCrypto()
  const { host, port, remoteKey, signal, timers = systemTimers } = options
  const remoteId = feedIdFromBytes(remoteKey)
  const place = `${host}, port ${port}`
  return new Promise((resolve, reject) => {
    let giveUp: (error: WireError) => void = () => {}
    const abort = (): void => {
      giveUp(connectFailed(place, 'ABORTED'))
    }
    const settled = (): void => {
      cancel()
      signal?.removeEventListener('abort', abort)
    }
    const { timeoutMs = CONNECT_MS, handshakeMs = HANDSHAKE_MS } = options
    let cancel = timers.set(timeoutMs, () => giveUp(connectFailed(place, 'TIMEOUT')))
    const { mayResolveTo } = options
    const names = mayResolveTo === undefined ? {} : { lookup: lookupOf(mayResolveTo) }
    const socket = createConnection({ host, port, ...names })
    const onError = (error: NodeJS.ErrnoException): void => {
      giveUp(connectFailed(place, error.code ?? 'UNKNOWN'))
    }
    giveUp = (error) => {
      settled()
      socket.destroy()
      reject(error)
    }
    socket.on('error', onError)
    socket.once('connect', () => {
      cancel()
      const pipe = new SecureDuplex(
        tcpDuplex(socket),
        new ClientHandshake({ ...options, crypto }),
        {
          secured() {
            settled()
            const connection = connectionOver(pipe, options)
            // Who waits for this promise must know the peer before its first call comes, which may
            // have come together with the end of the handshake.
            pipe.pause()
            setImmediate(() => pipe.resume())
            const address = multiserverAddress(host, port, remoteId)
            resolve({ remoteId, connection, isDialler: true, address })
          },
          failed(reason) {
            settled()
            const text = `no handshake with ${remoteId} at ${place}: ${reason.message}`
            reject(new WireError(reason.code, text, { ...reason.data, host, port, remoteId }))
          },
        },
      )
      giveUp = (error) => pipe.abandon(error)
      cancel = timers.set(handshakeMs, () => pipe.abandon(handshakeTimeout(handshakeMs)))
    })
    signal?.addEventListener('abort', abort)
    if (signal?.aborted === true) abort()
  })
}

/** Looks a name up once, and gives no address but those that are let through. */
function lookupOf(mayResolveTo: (address: string) => boolean): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '')
      const allowed = addresses.filter(({ address }) => mayResolveTo(address))
      const [first] = allowed
      if (first === undefined) {
        const text = `${name} stands for an address that is not to be dialled`
        callback(Object.assign(new Error(text), { code: 'ADDRESS_REFUSED' }), '')
      } else if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

function connectionOver(pipe: SecureDuplex, options: DialTcpOptions): RpcConnection {
  const { timers, clock, logger, unsent } = options
  return new RpcConnection(pipe, {
    limits: { ...PEER_LIMITS, ...options.limits },
    methods: withManifest(options.methods),
    ...(timers === undefined ? {} : { timers }),
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
    ...(unsent === undefined ? {} : { unsent }),
  })
}

function connectFailed(place: string, reason: string): WireError {
  return new WireError('CONNECT_FAILED', `could not connect to ${place}: ${reason}`, { reason })
}
