import type { Clock, FileSystem, Logger, Random, Timers } from '@dunbar/actor'
import type { FeedId, Keys } from '@dunbar/core'
import type { Method, MethodTable, SecurePeer } from '@dunbar/wire'
import type { PeerAddress } from './address.js'
import type { ConnPeer } from './connections.js'
import type { LanConfig, LanPacketCounts } from './lan.js'
import type { ConnLimits } from './limits.js'
import type { Endpoint, Scope } from './own-addresses.js'
import { PeerKeeper } from './peer-keeper.js'
import type { UdpPort } from './udp.js'

/** What this room asks of the follow graph. */
export interface ConnGraph {
  /** 0 is this node, 1 whom it follows; null, or below 0, for who is out of reach or not wanted. */
  hopsOf(id: FeedId): number | null
  /** Whether the node has nothing to do with a peer: it blocks it, and needs nothing from it. */
  isBlocked(id: FeedId): boolean
  /** Tells of each peer of which that is so from here on. The returned function takes that back. */
  onBlocked(listener: (id: FeedId) => void): () => void
  /** Tells that distances changed, so that others may be dialled. The returned function takes that back. */
  onChange(listener: () => void): () => void
}

export interface ConnConfig {
  /** Names or addresses under which this node is reached from the internet. Default: none. */
  readonly externalHosts?: readonly string[]
  /** Whether peers are dialled unasked. Default true. */
  readonly autoconnect?: boolean
  /** Whether invites may name, and the schedule may dial, private addresses and this machine. Default false. */
  readonly allowsPrivate?: boolean
  /** Default: off. */
  readonly lan?: LanConfig
  /** How long a connection may rest before it is pinged, 10 s to 30 min. Default 5 min. */
  readonly pingMs?: number
}

export interface ConnOptions {
  /** This node's identity. */
  readonly keys: Keys
  /** 32 bytes; closes the announcements of the local network. */
  readonly networkKey: Uint8Array
  /** Where `conn.json` and `invites.json` are. */
  readonly folder: string
  /**
   * Connects; with the own keys, and serving what peers may call, where none are given. With others
   * nothing is served. Gives up when the signal is aborted. Where `mayResolveTo` is given, the host,
   * if it is a name, must stand for an address that this lets through.
   */
  dial(
    address: PeerAddress,
    keys?: Keys,
    signal?: AbortSignal,
    mayResolveTo?: (address: string) => boolean,
  ): Promise<SecurePeer>
  readonly graph: ConnGraph
  /** Publishes on the own feed; gives `{ key, value, timestamp }`. */
  publish(content: Readonly<Record<string, unknown>>): Promise<unknown>
  readonly files: FileSystem
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Default: the machine's. */
  readonly udp?: UdpPort
  readonly config?: ConnConfig
  /** Nobody is dialled or looked for unasked before this resolves. Default: at once. */
  readonly opensWhen?: Promise<unknown>
  readonly limits?: Partial<ConnLimits>
}

/** What came to nothing, and what came unasked. */
export interface ConnCounts {
  readonly lanPackets: LanPacketCounts
  /** Uses of invites that were refused, ever. */
  readonly failedInviteUses: number
}

/** Peers of a node: whom it knows, whom it dials, who is connected. */
export interface Conn {
  /** What peers may call, of this room: `gossip.ping`, `conn.ping`, `getAddress`. */
  readonly peerMethods: readonly Method[]
  /** For local clients: `conn.*`, `gossip.*`, `invite.*`, `address`, `getAddress`. */
  readonly localMethods: readonly Method[]
  /** Takes over an inbound connection. Outbound ones that this room dialled are known already. */
  addPeer(peer: SecurePeer): void
  /** Whether this identity may connect. */
  authorize(id: FeedId): boolean
  /**
   * What this identity may call: `all`, except for the key of an invite, which may use the invite
   * and nothing else. Once the invite is used up, its key is a stranger's.
   */
  methodsFor(id: FeedId, all: MethodTable): MethodTable
  /**
   * A connection with the peer at this address: one that is there, or a new one.
   * @throws {ADDRESS_INVALID | ADDRESS_UNSUPPORTED | ADDRESS_SELF | PEER_BLOCKED | TOO_MANY_CONNECTIONS | CONN_CLOSED}
   * @throws whatever dialling throws
   */
  connect(address: PeerAddress | string): Promise<SecurePeer>
  /** The schedule does not dial this peer for so long; what is asked for by address it does not touch. */
  leaveAlone(id: FeedId, forMs: number): void
  /** Closes the connections with this peer, however many. Resolves to whether there were any. */
  disconnect(id: FeedId): Promise<boolean>
  peers(): readonly ConnPeer[]
  counts(): ConnCounts
  /** Tells of every established connection, inbound and outbound, except those of invite keys. */
  onPeer(listener: (peer: SecurePeer) => void): () => void
  /** Where the server listens; announced in the local network and named in invites. Null: nowhere. */
  setEndpoint(endpoint: Endpoint | null): void
  /**
   * Multiserver addresses of this node, joined by `;`, for peers of that scope; null where there is
   * none. With `endpoint`: as they will be when that is set.
   */
  addressFor(scope: Scope, endpoint?: Endpoint): string | null
  /** An address in a `pub` message of a feed that is replicated. True where it was taken into the book. */
  addPubMessage(author: FeedId, content: unknown): boolean
  /** Closes all connections, stops what runs, and writes the address book. */
  close(): Promise<void>
}

/**
 * Reads the address book and the invites, and begins to dial and to announce as the configuration
 * says. The caller owns the sockets: it hands inbound connections over by `addPeer`, and asks
 * `authorize` and `methodsFor`.
 */
export async function createConn(options: ConnOptions): Promise<Conn> {
  const keeper = new PeerKeeper(options)
  await keeper.begin()
  return keeper
}
