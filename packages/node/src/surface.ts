import { join } from 'node:path'
import type { Ports, Router } from '@dunbar/actor'
import { apiMethods, createServices } from '@dunbar/api'
import type { Keys } from '@dunbar/core'
import { ChangeCounts } from '@dunbar/feed'
import { serveUnixSocket, writeManifest } from '@dunbar/wire'
import { openArchiveStore, openArchives } from './archives.js'
import type { Config } from './config.js'
import { maintenanceMethods } from './maintenance.js'
import { openNetwork } from './network.js'
import { VERSION } from './version.js'

/** Where clients and peers reach the node. */
export interface Surface {
  readonly socketPath: string
  /** Multiserver address, where peers reach it; null where it does not listen. */
  readonly address: string | null
  /** Ends all connections. */
  close(): Promise<void>
}

export interface SurfaceOptions {
  readonly config: Config
  readonly keys: Keys
  readonly router: Router
  readonly ports: Ports
  /** What the shards count their changes in. */
  readonly changeCounts: SharedArrayBuffer
  /** ms since 1970. */
  readonly startedAt: number
}

/**
 * Joins the network, writes `manifest.json` and serves the API on `<path>/socket`.
 * @throws {SOCKET_PATH_TOO_LONG} @throws {LISTEN_FAILED}
 */
export async function openSurface(options: SurfaceOptions): Promise<Surface> {
  const { config, keys, router, ports, startedAt, changeCounts } = options
  const { path, shards } = config
  const services = createServices(router, keys, shards, new ChangeCounts(changeCounts))
  const store = openArchiveStore(config, router, ports)
  const network = await openNetwork({ config, keys, services, ports, archives: store.exchange })
  const archives = openArchives({ config, services, ports, store, network })
  const facts = { version: VERSION, path, startedAt, network: () => network.status() }
  try {
    const methods = apiMethods(services, facts, [
      ...maintenanceMethods(services),
      ...network.localMethods,
      ...archives.methods,
    ])
    network.serveOwner(methods)
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
    archives.start()
    return {
      socketPath,
      address: network.address,
      close: async () => {
        await Promise.all([archives.close(), server.close(), network.close()])
        await store.close()
      },
    }
  } catch (error) {
    await network.close()
    throw error
  }
}
