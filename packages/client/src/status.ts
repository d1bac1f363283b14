import type { FeedId, Sequence } from '@dunbar/core'

/** How far the indexes are, in messages. */
export interface Progress {
  readonly indexes: {
    readonly start: number
    readonly current: number
    readonly target: number
  }
}

/** How the node is. More fields may be there: print what you don't know. */
export interface NodeStatus {
  readonly id: FeedId
  readonly progress: Progress
  readonly sync: { readonly sync: boolean; readonly [name: string]: unknown }
  readonly feeds: number
  readonly messages: number
  /** Of all logs on the disk. */
  readonly bytes: number
  readonly quarantined: readonly FeedId[]
  readonly damaged: readonly FeedId[]
  readonly [name: string]: unknown
}

/** How one feed is. */
export interface FeedStatus {
  readonly id: FeedId
  /** Highest sequence held in an unbroken chain from 1; 0 for none. */
  readonly sequence: Sequence
  /** Messages held, out-of-order ones included. */
  readonly messages: number
  /** Size of the log on disk. */
  readonly bytes: number
  readonly state: 'ok' | 'damaged' | 'quarantined'
  readonly forked: boolean
  readonly active: boolean
}
