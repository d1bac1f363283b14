import type { Router } from '@dunbar/actor'
import type { FeedId, Keys } from '@dunbar/core'
import { feedIdToBytes } from '@dunbar/core'
import { FeedClient, ShardClient, shardOf } from '@dunbar/feed'

/** What the methods are built on. */
export interface Services {
  readonly id: FeedId
  /** Opens private messages to the own id. */
  readonly keys: Keys
  readonly router: Router
  readonly shards: readonly ShardClient[]
}

export function createServices(router: Router, keys: Keys, shardCount: number): Services {
  return {
    id: keys.id,
    keys,
    router,
    shards: Array.from({ length: shardCount }, (_, shard) => new ShardClient(router, shard)),
  }
}

export const feedOf = (services: Services, id: FeedId): FeedClient =>
  new FeedClient(services.router, id)

export const shardOfFeed = (services: Services, id: FeedId): ShardClient =>
  services.shards[shardOf(feedIdToBytes(id), services.shards.length)]!
