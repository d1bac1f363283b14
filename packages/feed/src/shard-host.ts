import { KERNEL_PREFIX } from '@dunbar/actor'
import type { FeedId, Keys } from '@dunbar/core'
import type { CoreShare } from './core-share.js'
import type { PublishLock } from './publish-lock.js'
import type { ShardStore } from './shard-store.js'

/** What the own feed needs beyond other feeds: the keys, and what says when they may be used. */
export interface OwnFeed {
  readonly keys: Keys
  readonly lock: PublishLock
}

/** When the oldest messages of a feed go into blocks, and which. */
export interface SealingSettings {
  /** Whether an idle feed is sealed as soon as a whole block has come together. */
  readonly isAutomatic: boolean
  /** The newest messages of a feed that stay as they are. */
  readonly keepMessages: number
  /** With fewer messages to seal, a feed is left as it is. */
  readonly minMessages: number
}

/** Where nothing else is said. */
export const defaultSealing: SealingSettings = {
  isAutomatic: false,
  keepMessages: 16,
  minMessages: 64,
}

/** The actors that are at work; tells the other shards whether there are any. */
export class BusyFeeds {
  readonly #actors = new Set<object>()
  readonly #cores: CoreShare

  constructor(cores: CoreShare) {
    this.#cores = cores
  }

  add(actor: object): void {
    this.#actors.add(actor)
    this.#cores.setAtWork(true)
  }

  delete(actor: object): void {
    this.#actors.delete(actor)
    if (this.#actors.size === 0) this.#cores.setAtWork(false)
  }

  clear(): void {
    this.#actors.clear()
    this.#cores.setAtWork(false)
  }
}

/**
 * What the actors of one thread share. The shard actor opens the store; feed actors wait for
 * `ready` in their `init`.
 */
export interface ShardHost {
  readonly shard: number
  /** @throws {SHARD_NOT_OPEN} before `ready` has resolved */
  readonly store: ShardStore
  readonly ready: Promise<void>
  /** Null on all shards but the one that hosts the own feed. */
  readonly own: OwnFeed | null
  /** The node's keys, which open private messages. */
  readonly keys: Keys
  readonly hmacKey: Uint8Array | null
  /** Actors with a run of messages at work in this shard. */
  readonly busyFeeds: BusyFeeds
  /** Which cores are idle, so that the cpu pool may use them. */
  readonly cores: CoreShare
  /** An idle feed actor passivates after this. */
  readonly passivateAfterMs: number
  readonly sealing: SealingSettings
  /** Arrival time for a message that came just now: ms, rising, never twice in this shard. */
  receivedNow(): number
  /** Tells those who read live that messages were appended or a fork was seen. Costs nothing where nobody does. */
  appended(): void
  /** The same of messages that came in bulk: told after some hundreds, and with the answer to their batch. */
  appendedInBulk(messageCount: number): void
}

/** The name of a feed's actor. */
export const feedActorName = (id: FeedId): string => `feed/${id}`
/** The name of a shard's actor. */
export const shardActorName = (shard: number): string => `shard/${shard}`
/** The name of the kernel that hosts a shard: its thread's. */
export const shardKernelName = (shard: number): string => `${KERNEL_PREFIX}shard-${shard}`
/** The service that checks signatures on all cores; lives on the main thread. */
export const CPU_ACTOR_NAME = 'cpu'

/**
 * The one place that says where a feed lives: the first 32 bits of its public key modulo the
 * number of shards. Public keys are evenly spread.
 */
export function shardOf(authorKey: Uint8Array, shards: number): number {
  const word = authorKey[0]! | (authorKey[1]! << 8) | (authorKey[2]! << 16) | (authorKey[3]! << 24)
  return (word >>> 0) % shards
}
