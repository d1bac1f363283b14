import { createConnection } from 'node:net'
import { RpcConnection } from './connection.js'
import { WireError } from './errors.js'
import { CLIENT_LIMITS, type WireLimits } from './limits.js'
import { socketDuplex } from './socket.js'
import { checkSocketPath } from './socket-path.js'
import { systemTimers, type WireTimers } from './wire-ports.js'

/** A connection as the one who opened it sees it. */
export type Peer = RpcConnection

export interface ConnectUnixOptions {
  /** Path of the socket, at most 107 bytes on Linux. */
  readonly path: string
  /** Default 5,000. */
  readonly timeoutMs?: number
  readonly limits?: Partial<WireLimits>
  readonly timers?: WireTimers
  /** See `ConnectionOptions`; default 1 MiB. */
  readonly sourceWindowBytes?: number | null
}

/** Enough to keep a socket busy while a reader works on what it has. */
const SOURCE_WINDOW_BYTES = 1024 * 1024

/**
 * Connects to a node's Unix socket. No authentication: whoever may open the file may call.
 * @throws {CONNECT_FAILED} nobody listens there, or not within the time; `data.reason` has the system's code
 * @throws {SOCKET_PATH_TOO_LONG}
 */
export async function connectUnix(options: ConnectUnixOptions): Promise<Peer> {
  const { path, timeoutMs = 5_000, timers = systemTimers } = options
  checkSocketPath(path)
  const socket = createConnection({ path })
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string): void => {
      cancel()
      socket.destroy()
      const text = `could not connect to the node at ${path}: ${reason}`
      reject(new WireError('CONNECT_FAILED', text, { path, reason }))
    }
    const onError = (error: NodeJS.ErrnoException): void => fail(error.code ?? 'UNKNOWN')
    const cancel = timers.set(timeoutMs, () => fail('TIMEOUT'))
    socket.once('error', onError)
    socket.once('connect', () => {
      cancel()
      socket.removeListener('error', onError)
      resolve()
    })
  })
  return new RpcConnection(socketDuplex(socket), {
    limits: { ...CLIENT_LIMITS, ...options.limits },
    timers,
    sourceWindowBytes:
      options.sourceWindowBytes === undefined ? SOURCE_WINDOW_BYTES : options.sourceWindowBytes,
  })
}
