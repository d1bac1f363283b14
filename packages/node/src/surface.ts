import { join } from 'node:path'
import type { Ports, Router } from '@dunbar/actor'
import { apiMethods, createServices } from '@dunbar/api'
import type { Keys } from '@dunbar/core'
import { serveUnixSocket, writeManifest } from '@dunbar/wire'
import type { Config } from './config.js'
import { maintenanceMethods } from './maintenance.js'
import { VERSION } from './version.js'

/** Where clients reach the node. */
export interface Surface {
  readonly socketPath: string
  /** Ends all connections. */
  close(): Promise<void>
}

export interface SurfaceOptions {
  readonly config: Config
  readonly keys: Keys
  readonly router: Router
  readonly ports: Ports
  /** ms since 1970. */
  readonly startedAt: number
}

/** Writes `manifest.json` and serves the API on `<path>/socket`. @throws {SOCKET_PATH_TOO_LONG} */
export async function openSurface(options: SurfaceOptions): Promise<Surface> {
  const { config, keys, router, ports, startedAt } = options
  const { path, shards } = config
  const services = createServices(router, keys, shards)
  const methods = apiMethods(
    services,
    { version: VERSION, path, startedAt },
    maintenanceMethods(services),
  )
  writeManifest(join(path, 'manifest.json'), methods)
  const socketPath = join(path, 'socket')
  const server = await serveUnixSocket({
    path: socketPath,
    methods,
    maxConnections: config.api.connections,
    timers: ports.timers,
    clock: ports.clock,
    logger: ports.logger,
  })
  return { socketPath, close: () => server.close() }
}
