import type { Method } from '@dunbar/wire'
import type { ReplicationStatus } from './status.js'

/** Replicates feeds with all connected peers. */
export interface Replicator<Peer> {
  /** What peers may call: `ebt.replicate`, `ebt.replicateFormat`, `ebt.clock`, `createHistoryStream`. */
  readonly peerMethods: readonly Method[]
  /** For local clients: `ebt.peerStatus`, `ebt.clock`, `ebt.request`, `ebt.block`, `replicate.*`. */
  readonly localMethods: readonly Method[]
  /** Begins to replicate with a peer; ends with its connection. Never throws. */
  addPeer(peer: Peer): void
  status(): ReplicationStatus
  /** Calls `listener` when the status has changed, at most some times a second; the returned function takes that back. */
  onProgress(listener: () => void): () => void
  /** Ends all sessions and keeps what peers are known to have. */
  close(): Promise<void>
}
