import type { FeedId } from '@dunbar/core'

/** What changed in a replication set. */
export interface ReplicationSetChange {
  readonly added: readonly FeedId[]
  readonly removed: readonly FeedId[]
  readonly blocks: readonly {
    readonly source: FeedId
    readonly dest: FeedId
    readonly isBlocked: boolean
  }[]
}

/** What replication needs to know of the follow graph: which feeds are replicated, and with whom not. */
export interface ReplicationSet {
  /** Feeds that are to be replicated, the own first, then by hops. */
  feeds(): Iterable<FeedId>
  has(id: FeedId): boolean
  /** `source` blocks `dest`: messages of `source` are not for `dest`. */
  isBlocked(source: FeedId, dest: FeedId): boolean
  /** Asks for a feed beside the graph, or takes that back. */
  request(id: FeedId, isWanted: boolean): void
  /** Calls `listener` in the turn of the change; the returned function takes that back. */
  onChange(listener: (change: ReplicationSetChange) => void): () => void
}
