import type { FeedId } from '@dunbar/core'
import { CodedError, isFeedId } from '@dunbar/core'
import type { Peer } from '@dunbar/wire'
import type { Message } from './messages.js'

/** A peer that the node is connected to, or is about to be. */
export interface ConnectedPeer {
  readonly id: FeedId
  /** Multiserver address. */
  readonly address: string
  /** `connected`, `connecting`, `disconnecting`. */
  readonly state: string
}

/** Who the node talks to. */
export class ConnMethods {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /**
   * Connects to a peer; resolves when the handshake is done.
   * @param address multiserver address, `net:host:port~shs:key`
   */
  async connect(address: string): Promise<{ readonly id: FeedId; readonly address: string }> {
    const peer = await this.#peer.call('conn.connect', [address])
    return peer as { id: FeedId; address: string }
  }

  /** Keeps an address and has the node connect there by itself. */
  async remember(address: string): Promise<void> {
    await this.#peer.call('conn.remember', [address, { autoconnect: true }])
  }

  /** Those of this moment. */
  async peers(): Promise<ConnectedPeer[]> {
    for await (const entries of this.#peer.source('conn.peers')) {
      return (entries as [string, { key: FeedId; state: string }][]).map(
        ([address, { key, state }]) => ({ id: key, address, state }),
      )
    }
    throw new CodedError('UNEXPECTED_ANSWER', 'conn.peers gave nothing')
  }
}

/** The follow graph. */
export class FriendMethods {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Distance in follows by id: 0 is the own feed, -1 is blocked. */
  async hops(): Promise<Readonly<Record<FeedId, number>>> {
    return (await this.#peer.call('friends.hops')) as Record<FeedId, number>
  }
}

/** Invites to a node that others reach. */
export class InviteMethods {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Makes a code that `uses` feeds may use. */
  async create(options: {
    readonly uses: number
    readonly note?: string
    /** Name or address under which others reach this node. */
    readonly external?: string
  }): Promise<string> {
    return (await this.#peer.call('invite.create', [options])) as string
  }

  /** Uses a code: the pub follows this node, and this node the pub. */
  async accept(code: string): Promise<{ readonly pub: FeedId }> {
    const published = (await this.#peer.call('invite.accept', [code])) as readonly Message[]
    for (const { value } of published) {
      const { type, address } = value.content as { type?: unknown; address?: { key?: unknown } }
      if (type === 'pub' && isFeedId(address?.key)) return { pub: address.key }
    }
    throw new CodedError('UNEXPECTED_ANSWER', 'invite.accept did not announce the pub')
  }
}
