import type { FeedId, MessageKey, Sequence } from '@dunbar/core'
import type { LiveOptions, Marker } from './messages.js'
import type { ConnectedPeer } from './network.js'

/** How far the indexes are, in messages. */
export interface Progress {
  readonly indexes: {
    readonly start: number
    readonly current: number
    readonly target: number
  }
}

/**
 * Whether the node may sign: `safe`, or `recovering` while it may not hold the newest message of its
 * own feed; `unknown` where the feed can't be read.
 */
export interface PublishStatus {
  readonly state: 'safe' | 'recovering' | 'unknown'
  /** Sequence up to which the own feed is held. */
  readonly held: Sequence
  /** What was published last on this machine, as far as it knows. */
  readonly mark: Sequence | null
  /** What peers know of the own feed; 0 for nothing. */
  readonly claimed: Sequence
}

/** How the node is. More fields may be there: print what you don't know. */
export interface NodeStatus {
  readonly id: FeedId
  readonly progress: Progress
  readonly sync: { readonly sync: boolean; readonly [name: string]: unknown }
  readonly feeds: number
  readonly messages: number
  /** On the disk, of all logs and blocks. */
  readonly bytes: number
  /** Of all feeds with blocks together. */
  readonly sealed: SealedMessages & { readonly feeds: number }
  readonly quarantined: readonly FeedId[]
  readonly damaged: readonly FeedId[]
  /** The lock on the own feed; null where its shard is not to be asked. */
  readonly publish: PublishStatus | null
  readonly network: {
    /** Multiserver address, where peers reach the node; null where it does not listen. */
    readonly address: string | null
    readonly peers: readonly ConnectedPeer[]
    readonly replication: {
      /** Feeds that are to be replicated. */
      readonly feeds: number
      /** Those of them of which a connected peer has more, and messages thereof. */
      readonly behind: number
      readonly missing: number
      readonly [name: string]: unknown
    }
    readonly [name: string]: unknown
  }
  readonly [name: string]: unknown
}

/** The oldest messages of a feed, which lie in blocks (`dunbar archive`). */
export interface SealedMessages {
  readonly messages: number
  /** Of the block files. */
  readonly bytes: number
  /** That these messages take outside of blocks. */
  readonly logBytes: number
}

/** How one feed is. */
export interface FeedStatus {
  readonly id: FeedId
  /** Highest sequence held in an unbroken chain from 1; 0 for none. */
  readonly sequence: Sequence
  /** Messages held, out-of-order ones included. */
  readonly messages: number
  /** On the disk: the log and its blocks. */
  readonly bytes: number
  /** Of a feed with blocks only. */
  readonly sealed?: SealedMessages
  readonly state: 'ok' | 'damaged' | 'quarantined'
  readonly forked: boolean
  readonly active: boolean
}

/** What `feeds.forked` takes. */
export type ForkStreamOptions = Omit<LiveOptions, 'limit'>

/** Two signed messages that can't stand in one feed. */
export interface Fork {
  readonly id: FeedId
  /** Of the refused message. */
  readonly sequence: Sequence
  /** Key of the message held at that place, or at the one before it, where the refused one names another `previous`. */
  readonly kept: MessageKey
  /** Key of the message that was not taken; `feeds.forks` gives all of it. */
  readonly refused: MessageKey
}

/** What `feeds.forked` gives with these options. */
export type ForkItem<Options> = Fork | Marker<Options>
