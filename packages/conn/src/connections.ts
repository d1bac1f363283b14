/**
 * The connections of a node, open and being made. One attempt a peer at a time; two connections
 * with one peer are tolerated, since both sides may dial at once, and a third takes the place of
 * the oldest, whose other end may be gone without a word.
 */
import type { Clock } from '@dunbar/actor'
import type { FeedId } from '@dunbar/core'
import type { SecurePeer } from '@dunbar/wire'
import { isDialable, type PeerAddress } from './address.js'
import { ConnError } from './errors.js'
import type { ConnLimits } from './limits.js'
import { Listeners } from './listeners.js'

/** One connection, open or being made. */
export interface ConnPeer {
  readonly address: string
  readonly key: FeedId
  readonly state: 'connecting' | 'connected' | 'disconnecting'
  /** Whether this side dialled. */
  readonly isDialler: boolean
  /** Whether nobody asked for it but the schedule. */
  readonly isScheduled: boolean
  /** What is known of the address: `type`, `source` and more. */
  readonly data: Readonly<Record<string, unknown>>
  /** Wall time of its beginning and of the last change of state, ms. */
  readonly birth: number
  readonly since: number
  /** Monotonic time of the last change of state. */
  readonly sinceMs: number
}

export interface ConnectionEvent {
  readonly type: 'connecting' | 'connecting-failed' | 'connected' | 'disconnecting' | 'disconnected'
  readonly address: string
  readonly key: FeedId
  readonly isDialler: boolean
  /** Null unless connected or disconnected. */
  readonly peer: SecurePeer | null
  /** How long it was connected; 0 for the other types. */
  readonly durationMs: number
}

interface Link extends ConnPeer {
  state: ConnPeer['state']
  isScheduled: boolean
  since: number
  sinceMs: number
  peer: SecurePeer | null
  /** Gives up an attempt. */
  readonly abort: AbortController
}

export interface ConnectionsOptions {
  readonly id: FeedId
  /** Gives up when the signal is aborted; `link` says who asked for it, and what is known of the address. */
  dial(
    address: PeerAddress,
    signal: AbortSignal,
    link: Pick<ConnPeer, 'isScheduled' | 'data'>,
  ): Promise<SecurePeer>
  isBlocked(id: FeedId): boolean
  /** Whether somebody near follows this peer. */
  isKnown(id: FeedId): boolean
  readonly clock: Clock
  readonly limits: ConnLimits
}

export interface ConnectOptions {
  readonly data?: Readonly<Record<string, unknown>>
  readonly isScheduled?: boolean
}

export class Connections {
  readonly #options: ConnectionsOptions
  /** In the order in which they began. */
  readonly #links = new Set<Link>()
  readonly #attempts = new Map<FeedId, { address: string; done: Promise<SecurePeer> }>()
  readonly #events = new Listeners<ConnectionEvent>()
  #isClosed = false

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  list(): readonly ConnPeer[] {
    return [...this.#links]
  }

  /** The newest open connection with this peer; null for none. */
  peerOf(id: FeedId): SecurePeer | null {
    return this.#openLinkOf(id)?.peer ?? null
  }

  /** Whether there is a connection with this peer, or an attempt, or one that is being closed. */
  isConnected(id: FeedId): boolean {
    return this.#linksOf(id).length > 0
  }

  /** Whether one connection more with this peer may be opened. */
  hasRoomFor(id: FeedId): boolean {
    const { limits, isKnown } = this.#options
    if (this.#isClosed || this.#links.size >= limits.connections) return false
    if (isKnown(id)) return true
    const strangers = this.list().filter(({ key }) => !isKnown(key)).length
    return strangers < limits.strangerConnections
  }

  onEvent(listener: (event: ConnectionEvent) => void): () => void {
    return this.#events.add(listener)
  }

  /**
   * An open connection with the peer at this address, or a new one.
   * @throws {ADDRESS_UNSUPPORTED | ADDRESS_SELF | PEER_BLOCKED | TOO_MANY_CONNECTIONS | CONN_CLOSED}
   * @throws whatever dialling throws
   */
  async connect(address: PeerAddress, options: ConnectOptions = {}): Promise<SecurePeer> {
    this.#check(address)
    const open = this.#openLinkOf(address.key)
    if (open !== undefined) {
      if (options.isScheduled !== true) open.isScheduled = false
      return open.peer!
    }
    const attempt = this.#attempts.get(address.key)
    if (attempt === undefined) return this.#begin(address, options)
    if (attempt.address === address.text) return attempt.done
    try {
      return await attempt.done
    } catch {
      // The other address did not work; this one may.
      return this.connect(address, options)
    }
  }

  /** Takes over a connection that the other side made; `address` is its canonical text. */
  accept(peer: SecurePeer, address: string, data: Readonly<Record<string, unknown>>): void {
    if ([...this.#links].some((link) => link.peer === peer)) return
    const { remoteId } = peer
    const others = this.#linksOf(remoteId).filter(({ state }) => state === 'connected')
    const isFull =
      others.length >= this.#options.limits.connectionsPerPeer || !this.hasRoomFor(remoteId)
    const isUnwanted = remoteId === this.#options.id || this.#options.isBlocked(remoteId)
    const [oldest] = others
    if (isUnwanted || (isFull && oldest === undefined)) {
      void peer.connection.close()
      return
    }
    if (isFull && oldest !== undefined) void this.#close(oldest)
    const link = this.#newLink({ address, key: remoteId, isDialler: peer.isDialler, data })
    this.#establish(link, peer)
  }

  /** Closes the connections with this peer and gives up attempts. Resolves to whether there were any. */
  async disconnect(id: FeedId): Promise<boolean> {
    return this.#closeAll(this.#linksOf(id))
  }

  /** Closes all; more can be opened. */
  async reset(): Promise<void> {
    await this.#closeAll([...this.#links])
  }

  /** Closes all, for good. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.reset()
  }

  #check({ transport, text, key }: PeerAddress): void {
    const { id, isBlocked } = this.#options
    if (this.#isClosed) throw new ConnError('CONN_CLOSED', 'the node is stopping', {})
    if (key === id) {
      throw new ConnError('ADDRESS_SELF', 'that is the address of this node itself', {
        address: text,
      })
    }
    if (isBlocked(key)) {
      throw new ConnError('PEER_BLOCKED', `${key} is blocked by this node`, { id: key })
    }
    if (!isDialable({ transport })) {
      const reason = `addresses of the kind ${transport} can't be dialled, only net`
      throw new ConnError('ADDRESS_UNSUPPORTED', reason, { transport })
    }
  }

  #begin(address: PeerAddress, options: ConnectOptions): Promise<SecurePeer> {
    const { key, text } = address
    const { limits } = this.#options
    if (this.#links.size >= limits.connections) {
      const reason = `${limits.connections} connections are open, no more are allowed`
      throw new ConnError('TOO_MANY_CONNECTIONS', reason, { maxConnections: limits.connections })
    }
    const { data = {}, isScheduled = false } = options
    const link = this.#newLink({ address: text, key, isDialler: true, data, isScheduled })
    // Begins behind this turn, so that whoever dials meets a state that is complete.
    const done = Promise.resolve().then(() => this.#attempt(address, link))
    this.#attempts.set(key, { address: text, done })
    this.#tell('connecting', link)
    return done
  }

  async #attempt(address: PeerAddress, link: Link): Promise<SecurePeer> {
    const { dial, isBlocked } = this.#options
    let peer: SecurePeer
    try {
      peer = await dial(address, link.abort.signal, link)
    } catch (error) {
      this.#attempts.delete(link.key)
      this.#links.delete(link)
      this.#tell(link.state === 'disconnecting' ? 'disconnected' : 'connecting-failed', link)
      throw error
    }
    this.#attempts.delete(link.key)
    if (link.state === 'disconnecting' || isBlocked(link.key)) {
      await peer.connection.close()
      this.#links.delete(link)
      this.#tell('disconnected', link)
      throw new ConnError('CONN_CLOSED', 'the connection was not wanted any more', {})
    }
    this.#establish(link, peer)
    return peer
  }

  #establish(link: Link, peer: SecurePeer): void {
    link.peer = peer
    this.#move(link, 'connected')
    const sinceMs = link.sinceMs
    void peer.connection.closed.then(() => {
      this.#links.delete(link)
      this.#tell('disconnected', link, this.#options.clock.monotonic() - sinceMs)
    })
    this.#tell('connected', link)
  }

  async #closeAll(links: readonly Link[]): Promise<boolean> {
    await Promise.all(links.map((link) => this.#close(link)))
    return links.length > 0
  }

  async #close(link: Link): Promise<void> {
    if (link.state !== 'disconnecting') {
      this.#move(link, 'disconnecting')
      this.#tell('disconnecting', link)
    }
    link.abort.abort()
    await link.peer?.connection.close()
  }

  #newLink(begin: {
    readonly address: string
    readonly key: FeedId
    readonly isDialler: boolean
    readonly data: Readonly<Record<string, unknown>>
    readonly isScheduled?: boolean
  }): Link {
    const since = this.#options.clock.now()
    const sinceMs = this.#options.clock.monotonic()
    const times = { birth: since, since, sinceMs }
    const rest = { state: 'connecting' as const, peer: null, abort: new AbortController() }
    const link: Link = { isScheduled: false, ...begin, ...times, ...rest }
    this.#links.add(link)
    return link
  }

  #move(link: Link, state: ConnPeer['state']): void {
    link.state = state
    link.since = this.#options.clock.now()
    link.sinceMs = this.#options.clock.monotonic()
  }

  #openLinkOf(id: FeedId): Link | undefined {
    return this.#linksOf(id).findLast(({ state }) => state === 'connected')
  }

  #linksOf(id: FeedId): Link[] {
    return [...this.#links].filter(({ key }) => key === id)
  }

  #tell(type: ConnectionEvent['type'], link: Link, durationMs = 0): void {
    const { address, key, isDialler, peer } = link
    this.#events.tell({ type, address, key, isDialler, peer, durationMs })
  }
}
