import type { Router } from '@dunbar/actor'
import type { FeedId, Keys } from '@dunbar/core'
import { feedIdToBytes } from '@dunbar/core'
import { type ChangeCounts, FeedClient, KeyHints, ShardClient, shardOf } from '@dunbar/feed'
import { ThreadCache } from './thread-cache.js'

/** What the methods are built on. */
export interface Services {
  readonly id: FeedId
  /** Opens private messages to the own id. */
  readonly keys: Keys
  readonly router: Router
  readonly shards: readonly ShardClient[]
  /** Which shard to ask first for a key. */
  readonly keyHints: KeyHints
  /** Threads that were read lately. */
  readonly threads: ThreadCache
}

/** @param changes what the shards count their changes in */
export function createServices(
  router: Router,
  keys: Keys,
  shardCount: number,
  changes: ChangeCounts,
): Services {
  const shards = Array.from({ length: shardCount }, (_, shard) => new ShardClient(router, shard))
  const keyHints = new KeyHints(shards.map((shard) => () => shard.keys()))
  return { id: keys.id, keys, router, shards, keyHints, threads: new ThreadCache(changes) }
}

export const feedOf = (services: Services, id: FeedId): FeedClient =>
  new FeedClient(services.router, id)

export const shardOfFeed = (services: Services, id: FeedId): ShardClient =>
  services.shards[shardOf(feedIdToBytes(id), services.shards.length)]!
