import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { RpcConnection } from './connection.js'
import { WireError } from './errors.js'
import { SERVER_LIMITS, SOCKET_CONNECTIONS, type WireLimits } from './limits.js'
import { withManifest } from './manifest.js'
import type { MethodTable } from './method.js'
import { socketDuplex } from './socket.js'
import { checkSocketPath } from './socket-path.js'
import type { WireClock, WireLogger, WireTimers } from './wire-ports.js'

export interface ServeUnixOptions {
  /** Where to listen; the folder must be there, and belong to the user alone. */
  readonly path: string
  /** What may be called. A `manifest` method is added where there is none. */
  readonly methods: MethodTable
  readonly limits?: Partial<WireLimits>
  /** Connections at a time, default 64; more are closed at once. */
  readonly maxConnections?: number
  readonly timers?: WireTimers
  readonly clock?: WireClock
  readonly logger?: WireLogger
  /** Called with each connection before its first call. */
  readonly onConnection?: (connection: RpcConnection) => void
}

/** A socket that is listened to. */
export interface UnixServer {
  readonly path: string
  /** Those that are open. */
  readonly connections: ReadonlySet<RpcConnection>
  /** Connections closed because there were too many. */
  readonly refusedConnections: number
  /** Stops listening, removes the socket file, closes all connections and waits for that. */
  close(): Promise<void>
}

/** Reading and writing for the owner alone. */
const SOCKET_MODE = 0o600

/**
 * Serves methods on a Unix socket, without authentication or encryption: whoever may open the
 * file may call everything. The file is never open to others, not even while it is made. A file
 * that a dead process left behind is replaced.
 * @throws {SOCKET_PATH_TOO_LONG}
 * @throws {SOCKET_IN_USE} another process listens there
 * @throws {SOCKET_PATH_TAKEN} something else has this path
 */
export async function serveUnixSocket(options: ServeUnixOptions): Promise<UnixServer> {
  const { path } = options
  checkSocketPath(path)
  const methods = withManifest(options.methods)
  const limits = { ...SERVER_LIMITS, ...options.limits }
  const connections = new Set<RpcConnection>()
  let refusedConnections = 0

  const accept = (socket: Socket): void => {
    const connection = new RpcConnection(socketDuplex(socket), {
      limits,
      methods,
      ...(options.timers === undefined ? {} : { timers: options.timers }),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.logger === undefined ? {} : { logger: options.logger }),
    })
    connections.add(connection)
    void connection.closed.then(() => connections.delete(connection))
    options.onConnection?.(connection)
  }

  const server = createServer(accept)
  server.maxConnections = options.maxConnections ?? SOCKET_CONNECTIONS
  server.on('drop', () => {
    refusedConnections++
    options.logger?.log('warn', 'wire', 'a connection was refused, too many are open', {
      maxConnections: server.maxConnections,
    })
  })
  await listenPrivately(server, path)

  return {
    path,
    connections,
    get refusedConnections() {
      return refusedConnections
    },
    async close(): Promise<void> {
      const isClosed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      await Promise.all([...connections].map((connection) => connection.close()))
      await isClosed
    },
  }
}

async function listenPrivately(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    await removeStaleSocket(path)
    await listen(server, path)
  }
}

/**
 * `listen` makes the file before it returns, with the rights that the mask leaves, so the mask is
 * set around it. Only the main thread may set it; elsewhere the folder's own rights must do.
 */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.removeListener('listening', onListening)
      reject(error)
    }
    const onListening = (): void => {
      server.removeListener('error', onError)
      server.on('error', () => {})
      chmodSync(path, SOCKET_MODE)
      resolve()
    }
    server.once('error', onError)
    server.once('listening', onListening)
    const mask = isMainThread ? process.umask(0o777 & ~SOCKET_MODE) : null
    try {
      server.listen(path)
    } finally {
      if (mask !== null) process.umask(mask)
    }
  })
}

/** Removes a socket file whose process is gone. */
async function removeStaleSocket(path: string): Promise<void> {
  // Connecting to a plain file is refused just as a dead socket is, and it must not be deleted.
  if (!lstatSync(path).isSocket()) {
    throw new WireError('SOCKET_PATH_TAKEN', `${path} should be a socket and is something else`, {
      path,
    })
  }
  if (await isAnswered(path)) {
    throw new WireError('SOCKET_IN_USE', `another process listens at ${path}`, { path })
  }
  unlinkSync(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
