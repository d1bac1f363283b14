import { join } from 'node:path'
import type { Ports } from '@dunbar/actor'
import { friendsMethods, publishContent, type Services } from '@dunbar/api'
import {
  type Conn,
  type ConnCounts,
  type ConnGraph,
  type ConnPeer,
  createConn,
  type PeerAddress,
} from '@dunbar/conn'
import { CodedError, type FeedId, feedIdToBytes, isCodedError, type Keys } from '@dunbar/core'
import { type Graph, type GraphStatus, openGraph } from '@dunbar/graph'
import { createReplicator, type ReplicationStatus, type Replicator } from '@dunbar/replicate'
import {
  dialTcp,
  type Method,
  type MethodTable,
  methodTable,
  type SecurePeer,
  serveTcp,
  type TcpServer,
} from '@dunbar/wire'
import type { Config } from './config.js'
import { followPubs } from './pub-messages.js'
import { syncMethods } from './sync-job.js'

/** The node among its peers: follow graph, replication, connections. */
export interface Network {
  /** Multiserver address of this machine's port; null where nothing listens. */
  readonly address: string | null
  /** What local clients may call. */
  readonly localMethods: readonly Method[]
  /** Who is connected, and how replication goes on. */
  status(): NetworkStatus
  /** Ends all connections. Close before the shards stop. */
  close(): Promise<void>
}

/** For `status`. */
export interface NetworkStatus {
  readonly address: string | null
  readonly peers: readonly {
    readonly id: FeedId
    readonly address: string
    readonly state: ConnPeer['state']
    /** Whether this side dialled. */
    readonly isDialler: boolean
  }[]
  readonly replication: ReplicationStatus
  readonly graph: GraphStatus
  /** What others tried in vain, ever: connections that came to nothing or broke, by why; packets; invites. */
  readonly refused: ConnCounts & {
    readonly connections: Readonly<Partial<Record<string, number>>>
    readonly broken: Readonly<Partial<Record<string, number>>>
  }
}

export interface NetworkOptions {
  readonly config: Config
  readonly keys: Keys
  readonly services: Services
  readonly ports: Ports
}

/** @throws {LISTEN_FAILED} */
export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { config, services, ports } = options
  const served: Served = { methods: new Map(), rooms: null }
  // The port opens while the threads look through their contacts.
  const listening = config.network.listen ? listen(options, served) : Promise.resolve(null)
  listening.catch(() => undefined)
  const graph = await openGraphOf(options)
  const replicator = await createReplicator({
    id: services.id,
    router: services.router,
    shards: services.shards,
    set: graph.replicationSet,
    files: ports.fs,
    folder: join(config.path, 'derived', 'peer-clocks'),
    timers: ports.timers,
    clock: ports.clock,
    logger: ports.logger,
  })
  const conn = await openConn(options, graph, served)
  served.methods = methodTable([...replicator.peerMethods, ...conn.peerMethods])
  conn.onPeer((peer) => replicator.addPeer(peer))
  const { timers, logger } = ports
  const pubs = followPubs({ services, graph, conn, timers, logger })
  served.rooms = { graph, conn }
  let server: TcpServer | null
  try {
    server = await listening
  } catch (error) {
    await closeAll(graph, replicator, conn, pubs)
    throw error
  }
  conn.setEndpoint(server)
  return {
    address: addressOf(conn),
    localMethods: [
      ...friendsMethods(graph),
      ...replicator.localMethods,
      ...conn.localMethods,
      ...syncMethods({ services, graph, replicator, conn }),
    ],
    status: () => ({
      address: addressOf(conn),
      peers: conn.peers().map(({ key, address, state, isDialler }) => {
        return { id: key, address, state, isDialler }
      }),
      replication: replicator.status(),
      graph: graph.status(),
      refused: {
        connections: { ...server?.refused },
        broken: { ...server?.broken },
        ...conn.counts(),
      },
    }),
    close: async () => {
      conn.setEndpoint(null)
      await Promise.all([server?.close(), closeAll(graph, replicator, conn, pubs)])
    },
  }
}

/** What peers may call, and the rooms that decide on them; nobody is let in before they are open. */
interface Served {
  methods: MethodTable
  rooms: { readonly graph: Graph; readonly conn: Conn } | null
}

async function closeAll(graph: Graph, replicator: Replicator, conn: Conn, pubs: { close(): void }) {
  pubs.close()
  await conn.close()
  await replicator.close()
  await graph.close()
}

function openGraphOf({ config, services, ports }: NetworkOptions): Promise<Graph> {
  const { hops, feeds, bytes } = config.replication
  return openGraph({
    id: services.id,
    shards: services.shards,
    maxHops: hops,
    ...(feeds === null ? {} : { maxFeeds: feeds }),
    ...(bytes === null ? {} : { maxBytes: bytes }),
    turns: ports.turns,
    timers: ports.timers,
    logger: ports.logger,
  })
}

function openConn(
  { config, keys, services, ports }: NetworkOptions,
  graph: Graph,
  served: Served,
): Promise<Conn> {
  const { network } = config
  const networkKey = networkKeyOf(config)
  const { timers, clock, logger } = ports
  const dial = (address: PeerAddress, others?: Keys, signal?: AbortSignal): Promise<SecurePeer> => {
    const { host, port, key } = address
    if (host === null || port === null) {
      throw new CodedError('ADDRESS_UNSUPPORTED', `${address.text} has no host and port`, {})
    }
    return dialTcp({
      host,
      port,
      remoteKey: feedIdToBytes(key),
      keys: others ?? keys,
      networkKey,
      methods: others === undefined ? served.methods : new Map(),
      timers,
      clock,
      logger,
      ...(signal === undefined ? {} : { signal }),
    })
  }
  return createConn({
    keys,
    networkKey,
    folder: config.path,
    dial,
    graph: connGraph(graph),
    publish: (content) => publishContent(services, content),
    files: ports.fs,
    timers,
    clock,
    random: ports.random,
    logger,
    config: {
      externalHosts: network.external,
      autoconnect: network.autoconnect,
      allowsPrivate: network.allowPrivate,
      lan: {
        isEnabled: network.lan && network.listen,
        port: network.lanPort,
        legacyPort: network.lanLegacyPort,
        ...(network.lanHost === null ? {} : { host: network.lanHost }),
        ...(network.lanBroadcast === null ? {} : { broadcastHost: network.lanBroadcast }),
      },
    },
  })
}

const networkKeyOf = (config: Config): Uint8Array =>
  new Uint8Array(Buffer.from(config.caps.shs, 'base64'))

/** The address to hand to others: the furthest-reaching one, of several the first. */
function addressOf(conn: Conn): string | null {
  const all = conn.addressFor('public') ?? conn.addressFor('local') ?? conn.addressFor('device')
  return all === null ? null : all.split(';')[0]!
}

/** What the connections ask of the follow graph. */
function connGraph(graph: Graph): ConnGraph {
  return {
    hopsOf: (id) => graph.hopsOf(id),
    isBlocked: (id) => graph.isBlocking(graph.id, id),
    onBlocked: (listener) =>
      graph.replicationSet.onChange(({ blocks }) => {
        for (const { source, dest, isBlocked } of blocks) {
          if (source === graph.id && isBlocked) listener(dest)
        }
      }),
    onChange: (listener) => graph.onHops(() => listener()),
  }
}

/** All addresses of IPv4, for machines without IPv6. */
const ANY_IPV4 = '0.0.0.0'

/** Who is within the hops may follow as many feeds by history streams as a legacy peer does. */
const FRIEND_LIMITS = { inboundStreams: 256 } as const

async function listen(options: NetworkOptions, served: Served): Promise<TcpServer> {
  const { config, keys, ports } = options
  const { timers, clock, logger } = ports
  const serve = (host: string, port: number) =>
    serveTcp({
      host,
      port,
      keys,
      networkKey: networkKeyOf(config),
      authorize: (id) => served.rooms?.conn.authorize(id) ?? false,
      methodsFor: (id) => served.rooms?.conn.methodsFor(id, served.methods) ?? served.methods,
      limitsFor: (id) => ((served.rooms?.graph.hopsOf(id) ?? -1) >= 0 ? FRIEND_LIMITS : {}),
      timers,
      clock,
      logger,
      onPeer: (peer) => served.rooms?.conn.addPeer(peer),
    })
  let { host, port } = config.network
  for (;;) {
    try {
      return await serve(host, port)
    } catch (error) {
      const reason = isCodedError(error) ? error.data.reason : null
      if (reason === 'EADDRINUSE' && config.network.isPortOpen && port !== 0) {
        logger.log('warn', 'node', `port ${port} is taken; listening on another one`, { port })
        port = 0
      } else if ((reason === 'EAFNOSUPPORT' || reason === 'EADDRNOTAVAIL') && host === '::') {
        host = ANY_IPV4
      } else throw error
    }
  }
}
