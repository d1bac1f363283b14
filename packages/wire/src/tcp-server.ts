import { createServer, type Server, type Socket } from 'node:net'
import type { FeedId, Keys } from '@dunbar/core'
import { Admission, type AdmissionRefusal, type Place } from './admission.js'
import { RpcConnection } from './connection.js'
import { WireError, type WireErrorCode } from './errors.js'
import { ServerHandshake, type Session } from './handshake.js'
import { loadHandshakeCrypto } from './handshake-crypto.js'
import {
  ADMISSION_LIMITS,
  type AdmissionLimits,
  HANDSHAKE_MS,
  PEER_LIMITS,
  type WireLimits,
} from './limits.js'
import { withManifest } from './manifest.js'
import type { MethodTable } from './method.js'
import { SecureDuplex } from './secure-duplex.js'
import { multiserverAddress, type SecurePeer } from './secure-peer.js'
import { tcpDuplex } from './socket.js'
import type { UnsentTotal } from './unsent-total.js'
import {
  systemClock,
  systemTimers,
  type WireClock,
  type WireLogger,
  type WireTimers,
} from './wire-ports.js'

export interface ServeTcpOptions {
  /** Address or name to listen at; `::` or `0.0.0.0` for all. */
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  readonly keys: Keys
  /** 32 bytes that all peers of a network know. */
  readonly networkKey: Uint8Array
  /** Whether an identity, proved by now, is let in, this node's own one included; where not, the connection just closes. */
  authorize(id: FeedId): boolean
  /** What this identity may call. A `manifest` method is added where there is none. */
  methodsFor(id: FeedId): MethodTable
  /** Default `PEER_LIMITS`. */
  readonly limits?: Partial<WireLimits>
  /** What differs from `limits` for this identity, such as more streams for a friend. */
  readonly limitsFor?: (id: FeedId) => Partial<WireLimits>
  /** Default `ADMISSION_LIMITS`. */
  readonly admission?: Partial<AdmissionLimits>
  /** The whole handshake, default 5,000. */
  readonly handshakeMs?: number
  /** Who connects before this resolves waits, unread, until then. Default: nobody waits. */
  readonly opensWhen?: Promise<unknown>
  readonly timers?: WireTimers
  readonly clock?: WireClock
  readonly logger?: WireLogger
  /** What waits for the sockets of all connections that are given it. Default: each counts alone. */
  readonly unsent?: UnsentTotal
  /** Called with each peer before its first call. */
  onPeer(peer: SecurePeer): void
}

/** Why a connection came to nothing. `not-admitted` is the answer of `authorize`. */
export type Refusal = AdmissionRefusal | 'handshake-failed' | 'handshake-timeout' | 'not-admitted'

/** A TCP port that is listened to. */
export interface TcpServer {
  readonly host: string
  readonly port: number
  /** Those that have proved who they are, by identity; each has one connection, the newest. */
  readonly peers: ReadonlyMap<FeedId, SecurePeer>
  /** Connections that have not proved yet who they are. */
  readonly handshakeCount: number
  /** Connections that came to nothing, ever. */
  readonly refused: Readonly<Record<Refusal, number>>
  /** Connections of proven peers that this side ended, or that broke, by why; ever. */
  readonly broken: Readonly<Partial<Record<WireErrorCode, number>>>
  /** Stops listening, closes all connections and waits for that. */
  close(): Promise<void>
}

/**
 * Serves peers of the network, each proved by the secret handshake and encrypted. Whatever comes
 * over a connection, valid or not, ends that connection at most. A peer that connects again takes
 * the place of its older connection, which is closed; the node's own identity may have many.
 * @throws {LISTEN_FAILED} with `data.reason`, such as `EADDRINUSE`
 * @throws {UNTESTED_CRYPTO}
 */
export async function serveTcp(options: ServeTcpOptions): Promise<TcpServer> {
  const crypto = await loadHandshakeCrypto()
  const { timers = systemTimers, clock = systemClock, logger } = options
  const admission = new Admission({ ...ADMISSION_LIMITS, ...options.admission }, clock)
  const limits = { ...PEER_LIMITS, ...options.limits }
  const peers = new Map<FeedId, SecurePeer>()
  const connections = new Set<RpcConnection>()
  const handshakes = new Set<SecureDuplex>()
  /** Connections that wait for the port to open, and how they go on then. */
  const held = new Map<Socket, () => void>()
  let isOpen = options.opensWhen === undefined
  const closing = new Set<Promise<unknown>>()
  const refused = noRefusals()
  const broken: Partial<Record<WireErrorCode, number>> = {}

  const refuse = (refusal: Refusal, remote: string): void => {
    refused[refusal]++
    logger?.log('debug', 'wire', 'a connection was refused', { remote, refusal })
  }

  const complain = (text: string, id: FeedId, error: unknown): void => {
    const name = error instanceof Error ? error.name : typeof error
    logger?.log('error', 'wire', text, { id, name })
  }

  const authorize = (id: FeedId): boolean => {
    try {
      return options.authorize(id)
    } catch (error) {
      complain('a peer could not be judged', id, error)
      return false
    }
  }

  const welcome = (pipe: SecureDuplex, session: Session, socket: Socket, place: Place): void => {
    const { remoteId } = session
    place.prove()
    const connection = new RpcConnection(pipe, {
      limits: { ...limits, ...options.limitsFor?.(remoteId) },
      methods: withManifest(options.methodsFor(remoteId)),
      timers,
      clock,
      ...(logger === undefined ? {} : { logger }),
      ...(options.unsent === undefined ? {} : { unsent: options.unsent }),
    })
    const address = multiserverAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0, remoteId)
    const peer: SecurePeer = { remoteId, connection, isDialler: false, address }
    // Apps of the node's own user come several at a time.
    const older = remoteId === options.keys.id ? undefined : peers.get(remoteId)
    peers.set(remoteId, peer)
    connections.add(connection)
    const gone = connection.closed.then((error) => {
      if (error !== null) broken[error.code] = (broken[error.code] ?? 0) + 1
      place.leave()
      connections.delete(connection)
      closing.delete(gone)
      if (peers.get(remoteId) === peer) peers.delete(remoteId)
    })
    closing.add(gone)
    void older?.connection.close()
    options.onPeer(peer)
  }

  const accept = (socket: Socket): void => {
    const remote = socket.remoteAddress ?? ''
    const place = admission.enter(remote)
    if (typeof place === 'string') {
      socket.on('error', () => {})
      socket.destroy()
      refuse(place, remote)
      return
    }
    if (isOpen) shakeHands(socket, place, remote)
    else hold(socket, place, remote)
  }

  /** Until the port opens. */
  const hold = (socket: Socket, place: Place, remote: string): void => {
    const leave = (): void => {
      held.delete(socket)
      place.leave()
    }
    socket.on('error', () => {})
    socket.once('close', leave)
    held.set(socket, () => {
      socket.off('close', leave)
      shakeHands(socket, place, remote)
    })
  }

  const shakeHands = (socket: Socket, place: Place, remote: string): void => {
    const handshake = new ServerHandshake({ ...options, crypto, authorize })
    const settled = (): void => {
      cancel()
      handshakes.delete(pipe)
    }
    const pipe: SecureDuplex = new SecureDuplex(tcpDuplex(socket), handshake, {
      secured(session) {
        settled()
        try {
          welcome(pipe, session, socket, place)
        } catch (error) {
          // Ours to mend, but no reason to stop serving all others.
          place.leave()
          pipe.destroy()
          complain('a peer could not be welcomed', session.remoteId, error)
        }
      },
      failed(reason) {
        settled()
        place.leave()
        refuse(refusalOf(reason), remote)
      },
    })
    handshakes.add(pipe)
    const handshakeMs = options.handshakeMs ?? HANDSHAKE_MS
    const cancel = timers.set(handshakeMs, () => pipe.abandon(handshakeTimeout(handshakeMs)))
  }

  const open = (): void => {
    isOpen = true
    for (const [socket, begin] of held) {
      held.delete(socket)
      begin()
    }
  }
  // Where it never opens, who waits goes with the server.
  options.opensWhen?.then(open, () => {})

  const server = createServer(accept)
  await listen(server, options.host, options.port)
  const bound = server.address() as { readonly address: string; readonly port: number }

  return {
    host: bound.address,
    port: bound.port,
    peers,
    refused,
    broken,
    get handshakeCount() {
      return handshakes.size
    },
    async close(): Promise<void> {
      const isClosed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const socket of held.keys()) socket.destroy()
      for (const pipe of handshakes) {
        pipe.abandon(new WireError('HANDSHAKE_FAILED', 'this side stops listening'))
      }
      for (const connection of connections) void connection.close()
      await Promise.all(closing)
      await isClosed
    },
  }
}

/** What a handshake ends with that took too long. */
export function handshakeTimeout(handshakeMs: number): WireError {
  const text = `the handshake was not done within ${handshakeMs} ms`
  return new WireError('HANDSHAKE_TIMEOUT', text, { handshakeMs })
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? 'UNKNOWN'
      const text = `could not listen at ${host}, port ${port}: ${reason}`
      reject(new WireError('LISTEN_FAILED', text, { host, port, reason }))
    })
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      // One connection that can't be accepted, for want of descriptors, is no reason to stop.
      server.on('error', () => {})
      resolve()
    })
  })
}

function refusalOf(reason: WireError): Refusal {
  if (reason.code === 'HANDSHAKE_TIMEOUT') return 'handshake-timeout'
  return reason.data.fault === 'not-admitted' ? 'not-admitted' : 'handshake-failed'
}

function noRefusals(): Record<Refusal, number> {
  return {
    'too-many-connections': 0,
    'too-many-of-address': 0,
    'too-many-handshakes': 0,
    'too-many-arrivals': 0,
    'handshake-failed': 0,
    'handshake-timeout': 0,
    'not-admitted': 0,
  }
}
