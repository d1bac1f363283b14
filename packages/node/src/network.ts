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
import { type Graph, type GraphStatus, startGraph } from '@dunbar/graph'
import {
  type ArchivePorts,
  type ReplicationStatus,
  type Replicator,
  startReplicator,
} from '@dunbar/replicate'
import {
  dialTcp,
  type Method,
  type MethodTable,
  methodTable,
  SERVER_LIMITS,
  type SecurePeer,
  serveTcp,
  type TcpServer,
  UnsentTotal,
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
  /** Serves these to apps that connect with the node's own secret, beside those on the socket. */
  serveOwner(methods: MethodTable): void
  /** As `Replicator.fetchArchiveBlob`. */
  readonly fetchArchiveBlob: Replicator['fetchArchiveBlob']
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
  readonly archives: ArchivePorts
}

/**
 * Resolves when the port is open. Peers are let in, and clients answered, as soon as the threads have
 * looked through their contacts and clocks, which may take longer.
 * @throws {LISTEN_FAILED}
 */
export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { config, services, ports } = options
  const { timers, clock, logger } = ports
  const unsent = new UnsentTotal()
  const served: Served = { methods: new Map(), ownMethods: new Map(), rooms: null, unsent }
  const graph = startGraphOf(options)
  const replicator = startReplicator({
    id: services.id,
    router: services.router,
    shards: services.shards,
    set: graph.replicationSet,
    files: ports.fs,
    folder: join(config.path, 'derived', 'peer-clocks'),
    timers,
    clock,
    logger,
    archives: options.archives,
    fetchesArchives: config.replication.archives,
  })
  let open: () => void = () => undefined
  const isOpen = new Promise<void>((resolve) => {
    open = resolve
  })
  const listening = config.network.listen ? listen(options, served, isOpen) : Promise.resolve(null)
  listening.catch(() => undefined)
  let conn: Conn | null = null
  try {
    conn = await openConn(options, graph, replicator, served, isOpen)
    return joined(options, { graph, replicator, conn, server: await listening, served, open })
  } catch (error) {
    const server = await listening.catch(() => null)
    await Promise.all([server?.close(), conn?.close(), replicator.close(), graph.close()])
    throw error
  }
}

/** A peer that was let go for what it sent is not dialled for so long: it would do the same again. */
const LET_GO_MS = 3_600_000

/** What the network is made of. */
interface Parts {
  readonly graph: Graph
  readonly replicator: Replicator
  readonly conn: Conn
  readonly server: TcpServer | null
  readonly served: Served
  /** Lets peers in, and goes to them. */
  open(): void
}

function joined({ services, ports }: NetworkOptions, parts: Parts): Network {
  const { graph, replicator, conn, server, served } = parts
  const { timers, logger } = ports
  served.methods = methodTable([...replicator.peerMethods, ...conn.peerMethods])
  served.rooms = { graph, conn }
  conn.onPeer((peer) => replicator.addPeer(peer))
  replicator.onLetGo((id) => conn.leaveAlone(id, LET_GO_MS))
  let isClosed = false
  let end: (error: CodedError) => void = () => undefined
  const closed = new Promise<never>((_resolve, reject) => {
    end = reject
  })
  const known = Promise.all([graph.ready, replicator.ready])
  const pubs = followPubs({ services, graph, conn, timers, logger, known })
  const opened = Promise.race([closed, known]).then(() => {
    conn.setEndpoint(server)
    parts.open()
  })
  opened.catch((error: unknown) => {
    const code = isCodedError(error) ? error.code : null
    if (!isClosed) logger.log('error', 'node', 'no peers are let in', { code })
  })
  const address = server === null ? null : addressOf(conn, server)
  return {
    address,
    localMethods: [
      ...friendsMethods(graph),
      ...replicator.localMethods,
      ...conn.localMethods,
      ...syncMethods({ services, graph, replicator, conn }),
    ].map((method) => answeredAfter(opened, method)),
    serveOwner: (methods) => {
      served.ownMethods = methods
    },
    fetchArchiveBlob: (...blob) => replicator.fetchArchiveBlob(...blob),
    status: () => ({
      address,
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
      isClosed = true
      end(new CodedError('NODE_STOPPING', 'the node stops', {}))
      conn.setEndpoint(null)
      await Promise.all([server?.close(), closeAll(graph, replicator, conn, pubs)])
    },
  }
}

/** A method whose calls wait for something that happens once. */
function answeredAfter(opened: Promise<void>, method: Method): Method {
  if (method.type === 'source') {
    return {
      ...method,
      handler: async function* (args, call) {
        await opened
        yield* method.handler(args, call) as AsyncIterable<unknown>
      },
    }
  }
  return {
    ...method,
    handler: async (args, call) => {
      await opened
      return method.handler(args, call)
    },
  }
}

/** What peers may call, and the rooms that decide on them. */
interface Served {
  methods: MethodTable
  /** For the holder of the node's own secret, as an app of its user is. */
  ownMethods: MethodTable
  rooms: { readonly graph: Graph; readonly conn: Conn } | null
  /** What waits for the sockets of all peers. */
  readonly unsent: UnsentTotal
}

async function closeAll(graph: Graph, replicator: Replicator, conn: Conn, pubs: { close(): void }) {
  pubs.close()
  await conn.close()
  await replicator.close()
  await graph.close()
}

function startGraphOf({ config, services, ports }: NetworkOptions): Graph {
  const { hops, feeds, bytes } = config.replication
  return startGraph({
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
  replicator: Replicator,
  served: Served,
  isOpen: Promise<void>,
): Promise<Conn> {
  const { network } = config
  const networkKey = networkKeyOf(config)
  const { timers, clock, logger } = ports
  const dial = (
    address: PeerAddress,
    others?: Keys,
    signal?: AbortSignal,
    mayResolveTo?: (address: string) => boolean,
  ): Promise<SecurePeer> => {
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
      unsent: served.unsent,
      timers,
      clock,
      logger,
      ...(signal === undefined ? {} : { signal }),
      ...(mayResolveTo === undefined ? {} : { mayResolveTo }),
    })
  }
  return createConn({
    keys,
    networkKey,
    folder: config.path,
    dial,
    graph: connGraph(graph, replicator),
    publish: (content) => publishContent(services, content),
    files: ports.fs,
    timers,
    clock,
    random: ports.random,
    logger,
    opensWhen: isOpen,
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
function addressOf(conn: Conn, server: TcpServer): string | null {
  const all =
    conn.addressFor('public', server) ??
    conn.addressFor('local', server) ??
    conn.addressFor('device', server)
  return all === null ? null : all.split(';')[0]!
}

/** What the connections ask of the follow graph, and of replication, which knows whose block counts. */
function connGraph(graph: Graph, replicator: Replicator): ConnGraph {
  return {
    hopsOf: (id) => graph.hopsOf(id),
    isBlocked: (id) => replicator.isShutOut(id),
    onBlocked: (listener) => replicator.onShutOut(listener),
    onChange: (listener) => graph.onHops(() => listener()),
  }
}

/** All addresses of IPv4, for machines without IPv6. */
const ANY_IPV4 = '0.0.0.0'

/** Who is within the hops may follow as many feeds by history streams as a legacy peer does. */
const FRIEND_LIMITS = { inboundStreams: 256 } as const

async function listen(
  options: NetworkOptions,
  served: Served,
  isOpen: Promise<void>,
): Promise<TcpServer> {
  const { config, keys, ports } = options
  const { timers, clock, logger } = ports
  const serve = (host: string, port: number) =>
    serveTcp({
      host,
      port,
      keys,
      networkKey: networkKeyOf(config),
      authorize: (id) => id === keys.id || (served.rooms?.conn.authorize(id) ?? false),
      methodsFor: (id) => {
        if (id === keys.id) return served.ownMethods
        return served.rooms?.conn.methodsFor(id, served.methods) ?? served.methods
      },
      limitsFor: (id) => {
        if (id === keys.id) return SERVER_LIMITS
        return (served.rooms?.graph.hopsOf(id) ?? -1) >= 0 ? FRIEND_LIMITS : {}
      },
      opensWhen: isOpen,
      unsent: served.unsent,
      timers,
      clock,
      logger,
      onPeer: (peer) => {
        if (peer.remoteId !== keys.id) served.rooms?.conn.addPeer(peer)
      },
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
