import type { FeedId } from '@dunbar/core'
import type { Method, MethodTable, SecurePeer } from '@dunbar/wire'
import { isDialable, type PeerAddress, parseAddress } from './address.js'
import { AddressBook } from './address-book.js'
import { addressArgument } from './arguments.js'
import type { Conn, ConnCounts, ConnOptions } from './conn.js'
import { addressMethod, type ConnServices, connMethods, pingMethods } from './conn-methods.js'
import {
  type ConnectionEvent,
  Connections,
  type ConnectOptions,
  type ConnPeer,
} from './connections.js'
import { gossipMethods } from './gossip-methods.js'
import { isLocalNetworkHost, isLoopbackHost, isPublicHost } from './host.js'
import { InviteLedger } from './invite-ledger.js'
import { guestMethods, inviteMethods } from './invite-methods.js'
import { Invites } from './invites.js'
import { Lan } from './lan.js'
import { CONN_LIMITS, type ConnLimits } from './limits.js'
import { Listeners } from './listeners.js'
import { type Endpoint, OwnAddresses, type Scope } from './own-addresses.js'
import { DEFAULT_PING_MS, Ping, type PingOptions } from './ping.js'
import { Scheduler } from './scheduler.js'
import { Staging } from './staging.js'
import { withSample } from './statistics.js'
import { systemUdp } from './udp.js'

/** The parts of this package, put together. */
export class PeerKeeper implements Conn {
  readonly peerMethods: readonly Method[]
  readonly localMethods: readonly Method[]
  readonly #options: ConnOptions
  readonly #limits: ConnLimits
  readonly #id: FeedId
  readonly #book: AddressBook
  readonly #staging: Staging
  readonly #connections: Connections
  readonly #scheduler: Scheduler
  readonly #ledger: InviteLedger
  readonly #invites: Invites
  readonly #addresses: OwnAddresses
  readonly #lan: Lan
  readonly #ping: PingOptions
  readonly #peers = new Listeners<SecurePeer>()
  /** Connections with the keys of invites. */
  #isClosed = false
  readonly #guests = new Set<SecurePeer>()
  readonly #leaving: (() => void)[]

  constructor(options: ConnOptions) {
    const { keys, graph, folder, files, timers, clock, random, logger, config = {} } = options
    const { allowsPrivate = false, externalHosts = [] } = config
    const udp = options.udp ?? systemUdp
    const limits = { ...CONN_LIMITS, ...options.limits }
    const ports = { timers, clock, random, logger, limits }
    const hopsOf = (id: FeedId): number | null => this.#hopsOf(id)
    const isBlocked = (id: FeedId): boolean => graph.isBlocked(id)
    this.#options = options
    this.#limits = limits
    this.#id = keys.id
    this.#book = new AddressBook({ folder, files, ...ports })
    this.#ledger = new InviteLedger({ folder, files, ...ports })
    this.#staging = new Staging(clock, timers, limits.stagedPeers)
    this.#connections = new Connections({
      id: keys.id,
      dial: (address, signal, { isScheduled, data }) => {
        // A name that others spread may stand for a machine of the local network by now.
        const isTold = isScheduled && data.source === 'pub' && !allowsPrivate
        return options.dial(address, undefined, signal, isTold ? isPublicHost : undefined)
      },
      isBlocked,
      isKnown: (id) => hopsOf(id) !== null,
      clock,
      limits,
    })
    this.#scheduler = new Scheduler({
      id: keys.id,
      connections: this.#connections,
      book: this.#book,
      staging: this.#staging,
      hopsOf,
      isBlocked,
      allowsLoopback: allowsPrivate,
      ...ports,
    })
    this.#addresses = new OwnAddresses({
      id: keys.id,
      externalHosts,
      allowsPrivate,
      localAddresses: () => udp.localAddresses(),
    })
    this.#invites = new Invites({
      keys,
      ledger: this.#ledger,
      inviteAddress: (host) => this.#addresses.forInvite(host),
      dial: (address, guest, signal) => options.dial(address, guest, signal),
      isFollowing: (id) => hopsOf(id) === 1,
      isBlocked,
      publish: (content) => options.publish(content),
      onAccepted: (address) => this.#rememberPub(address),
      ...ports,
    })
    this.#lan = new Lan({
      keys,
      networkKey: options.networkKey,
      config: config.lan ?? { isEnabled: false },
      allowsLoopback: allowsPrivate,
      packetsPerSecond: limits.lanPacketsPerSecond,
      udp,
      ...ports,
      onPeer: (address, isVerified) => this.#stageNear(address, isVerified),
    })
    this.#ping = { timers, clock, restMs: config.pingMs ?? DEFAULT_PING_MS }
    this.#leaving = [
      graph.onBlocked((id) => this.#onBlocked(id)),
      graph.onChange(() => this.#scheduler.lookSoon()),
    ]
    this.#connections.onEvent((event) => this.#onEvent(event))

    this.peerMethods = [
      ...pingMethods(this.#ping),
      addressMethod('getAddress', this.#addresses, 'public'),
    ]
    const services: ConnServices = {
      id: keys.id,
      book: this.#book,
      staging: this.#staging,
      connections: this.#connections,
      addresses: this.#addresses,
      ping: this.#ping,
      connect: (address, given) => this.#connect(address, given),
      start: () => this.#start(),
      stop: () => this.#stop(),
    }
    this.localMethods = [
      ...connMethods(services),
      ...gossipMethods(services, {
        switchGlobal: (isOn) => (isOn ? this.#scheduler.start() : this.#scheduler.stop()),
        switchLocal: (isOn) => (isOn ? void this.#lan.start() : this.#lan.stop()),
        maxQueuedEvents: limits.queuedEvents,
      }),
      ...pingMethods(this.#ping),
      ...inviteMethods(this.#invites),
    ]
  }

  /** Begins what the configuration asks for. */
  async begin(): Promise<void> {
    const { opensWhen } = this.#options
    if (opensWhen === undefined) await this.#beginNow()
    // Where it never opens, there is nobody to meet.
    else opensWhen.then(() => this.#beginNow()).catch(() => {})
  }

  async #beginNow(): Promise<void> {
    const { autoconnect = true, lan } = this.#options.config ?? {}
    if (this.#isClosed) return
    if (lan?.isEnabled === true) await this.#lan.start()
    // Last, so that nobody is dialled before this is handed out, and who made it has said who is to
    // be told of peers.
    if (autoconnect && !this.#isClosed) this.#scheduler.start()
  }

  addPeer(peer: SecurePeer): void {
    const { remoteId, connection, isDialler } = peer
    if (isDialler || !this.#ledger.isLive(remoteId)) {
      const address = parseAddress(peer.address)?.text ?? peer.address
      this.#connections.accept(peer, address, { inferredType: kindOf(address) })
      return
    }
    this.#guests.add(peer)
    void connection.closed.then(() => this.#guests.delete(peer))
  }

  authorize(id: FeedId): boolean {
    if (id === this.#id || this.#options.graph.isBlocked(id)) return false
    if (this.#ledger.isLive(id)) return this.#guests.size < this.#limits.guests
    return this.#connections.isConnected(id) || this.#connections.hasRoomFor(id)
  }

  methodsFor(id: FeedId, all: MethodTable): MethodTable {
    if (!this.#ledger.has(id)) return all
    const guest = guestMethods(id, this.#invites, this.#addresses)
    // Some clients keep the key of the code they used, and come back with it as any stranger would.
    return this.#ledger.isLive(id) ? guest : new Map([...all, ...guest])
  }

  async connect(given: PeerAddress | string): Promise<SecurePeer> {
    return this.#connect(typeof given === 'string' ? addressArgument('connect', given) : given)
  }

  leaveAlone(id: FeedId, forMs: number): void {
    this.#scheduler.leaveAlone(id, forMs)
  }

  disconnect(id: FeedId): Promise<boolean> {
    return this.#connections.disconnect(id)
  }

  peers(): readonly ConnPeer[] {
    return this.#connections.list()
  }

  counts(): ConnCounts {
    return { lanPackets: { ...this.#lan.packets }, failedInviteUses: this.#invites.failedUses }
  }

  onPeer(listener: (peer: SecurePeer) => void): () => void {
    return this.#peers.add(listener)
  }

  setEndpoint(endpoint: { readonly host: string; readonly port: number } | null): void {
    this.#addresses.setEndpoint(endpoint)
    this.#lan.setEndpoint(endpoint)
  }

  addressFor(scope: Scope, endpoint?: Endpoint): string | null {
    return this.#addresses.text(scope, endpoint)
  }

  addPubMessage(author: FeedId, content: unknown): boolean {
    const { graph } = this.#options
    const { type, address: given } = (content ?? {}) as { type?: unknown; address?: unknown }
    const address = type === 'pub' ? parseAddress(given) : null
    if (address === null || address.key === this.#id || this.#book.has(address.text)) return false
    const { host, key } = address
    if (host === null || !isDialable(address) || !isPublicHost(host)) return false
    if (this.#hopsOf(author) === null) return false
    if (graph.isBlocked(author) || graph.isBlocked(key)) return false
    if (this.#book.countOf(author) >= this.#limits.bookEntriesPerAuthor) return false
    try {
      this.#book.set(address, { type: 'pub', source: 'pub', announcer: author })
      return true
    } catch {
      // A full book has no room for what others say.
      return false
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const leave of this.#leaving) leave()
    this.#scheduler.stop()
    this.#lan.stop()
    this.#invites.close()
    await Promise.all([
      this.#connections.close(),
      ...[...this.#guests].map(({ connection }) => connection.close()),
    ])
    this.#staging.close()
    await this.#book.close()
  }

  /** Null for those that are out of reach, whom nobody wants included. */
  #hopsOf(id: FeedId): number | null {
    const hops = this.#options.graph.hopsOf(id)
    return hops === null || hops < 0 ? null : hops
  }

  #connect(address: PeerAddress, options: ConnectOptions = {}): Promise<SecurePeer> {
    const { text } = address
    const known = {
      inferredType: kindOf(text),
      ...this.#book.get(text),
      ...this.#staging.get(text),
    }
    return this.#connections.connect(address, { ...options, data: { ...known, ...options.data } })
  }

  #start(): void {
    this.#scheduler.start()
    if (this.#options.config?.lan?.isEnabled === true) void this.#lan.start()
  }

  async #stop(): Promise<void> {
    this.#scheduler.stop()
    this.#lan.stop()
    await this.#connections.reset()
  }

  #rememberPub(address: PeerAddress): void {
    const { logger } = this.#options
    const log = (text: string) => (error: unknown) => {
      const code = (error as { code?: unknown } | null)?.code
      logger.log('warn', 'conn', text, { id: address.key, code })
    }
    try {
      this.#book.set(address, { type: 'pub', source: 'seed', autoconnect: true })
    } catch (error) {
      log('the pub of an invite could not be remembered')(error)
    }
    this.#connect(address).catch(log('the pub of an invite could not be reached again'))
  }

  #stageNear(address: PeerAddress, isVerified: boolean): void {
    const { text, key } = address
    if (this.#connections.isConnected(key) || this.#options.graph.isBlocked(key)) return
    const held = this.#staging.get(text)
    // Who signs nothing must not unsay what somebody signed.
    const verified = isVerified || held?.verified === true
    this.#staging.stage(address, { type: 'lan', verified })
  }

  #onBlocked(id: FeedId): void {
    this.#staging.unstagePeer(id)
    void this.#connections.disconnect(id)
  }

  #onEvent(event: ConnectionEvent): void {
    const { type, address, key, isDialler, peer, durationMs } = event
    const now = this.#options.clock.now()
    const entry = this.#book.get(address)
    if (entry !== undefined && isDialler) {
      const { failure = 0, duration } = entry
      const known = { stateChange: now }
      if (type === 'connecting-failed') {
        const tried = { failure: failure + 1, duration: withSample(duration, 0) }
        this.#book.update(address, { ...known, ...tried })
      } else if (type === 'connected') {
        this.#book.update(address, { ...known, failure: 0 })
      } else if (type === 'disconnected') {
        this.#book.update(address, { ...known, duration: withSample(duration, durationMs) })
      } else {
        this.#book.update(address, known)
      }
    }
    if (type === 'connecting' || type === 'connected') this.#staging.unstagePeer(key)
    if (type !== 'connected' || peer === null) return
    if (isDialler) this.#beginPing(address, peer)
    this.#peers.tell(peer)
  }

  /** The side that dialled serves. @source protocol digest 2.5 */
  #beginPing(address: string, { connection }: SecurePeer): void {
    const ping = new Ping({
      ...this.#ping,
      onAnswer: (rttMs, skewMs) => {
        const held = this.#book.get(address)?.ping
        const rtt = withSample(held?.rtt, rttMs)
        this.#book.update(address, { ping: { rtt, skew: withSample(held?.skew, skewMs) } })
      },
      onSilence: () => void connection.close(),
    })
    try {
      const options = [{ timeout: this.#ping.restMs }]
      const answers = connection.duplex('gossip.ping', options, ping.output)
      ping.serve()
      void ping.read(answers)
    } catch {
      // The connection is over already.
    }
  }
}

/** What an address looks like. @source npm ssb-conn-hub 1.2 */
function kindOf(text: string): string | undefined {
  const address = parseAddress(text)
  if (address === null) return undefined
  const { transport, host } = address
  if (host === null) return transport
  return isLocalNetworkHost(host) || isLoopbackHost(host) ? 'lan' : 'internet'
}
