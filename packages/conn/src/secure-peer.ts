import type { FeedId } from '@dunbar/core'
import type { RpcConnection } from '@dunbar/wire'

/** A connection to a known identity. */
export interface SecurePeer {
  readonly remoteId: FeedId
  readonly connection: RpcConnection
  /** True where this side dialled. */
  readonly isDialler: boolean
  /** Multiserver address as far as known. */
  readonly address: string
}
