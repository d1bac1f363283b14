import type { FeedId } from '@dunbar/core'
import type { Rejection } from '@dunbar/feed'
import type { Offence } from './conduct.js'
import type { ReplicationErrorCode } from './error.js'

/** How replication with one peer goes on. */
export interface PeerReplication {
  readonly id: FeedId
  /** Multiserver address as far as known. */
  readonly address: string
  readonly isDialler: boolean
  /** `waiting`: nothing agreed yet; `ebt`: epidemic broadcast trees; `history`: history streams, which older peers speak. */
  readonly mode: 'waiting' | 'ebt' | 'history'
  /** Messages that came from this peer and were new. */
  readonly received: number
  /** Messages that it sent in vain: held already, not asked for, refused. */
  readonly useless: number
  readonly sent: number
  /** Feeds that this peer has more of and is asked for. */
  readonly receiving: number
  /** Feeds that this peer wants more of. */
  readonly sending: number
  /** Messages that this peer has beyond ours, in feeds that are asked of it. */
  readonly missing: number
  readonly refused: readonly Rejection[]
}

/** A feed of which a peer claims more. */
export interface BehindFeed {
  readonly id: FeedId
  /** Sequence up to which it is held. */
  readonly held: number
  readonly claimed: number
}

/** A feed of which some peer claims more, and nobody sends it. */
export interface StalledFeed {
  readonly id: FeedId
  readonly sequence: number
  readonly claimed: number
  /** Since when, wall time in ms. */
  readonly since: number
}

/** Archives that are fetched instead of messages. */
export interface CatchUpStatus {
  /** Feeds that peers are asked for archives of, and are fetched. */
  readonly waiting: number
  readonly fetching: number
  /** Feeds, and messages of them, that came in this way, ever. */
  readonly feeds: number
  readonly messages: number
  /** Archives that came to nothing, by why; their feeds came as messages. */
  readonly refused: Readonly<Record<string, number>>
}

/** How replication goes on. */
export interface ReplicationStatus {
  readonly peers: readonly PeerReplication[]
  /** Feeds that are to be replicated. */
  readonly feeds: number
  /** Those of them of which a connected peer has more. */
  readonly behind: number
  /** Messages that connected peers have beyond ours, each feed counted once. */
  readonly missing: number
  /** At most 100. */
  readonly stalled: readonly StalledFeed[]
  /** Peers whose connection was closed for what they sent, ever. */
  readonly letGo: Readonly<Partial<Record<Offence, number>>>
  /** Calls of peers that were refused, ever. */
  readonly refusedCalls: Readonly<Partial<Record<ReplicationErrorCode, number>>>
  /** Left out where no archives are fetched. */
  readonly archives?: CatchUpStatus
}
