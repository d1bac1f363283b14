import { CodedError, type FeedId, messageKeyFromBytes } from '@dunbar/core'
import type { FeedHead } from './append-run.js'
import { type HeldFeed, heldFeed } from './own-feed.js'
import type { Draft } from './publishing.js'
import type { Relaying } from './relaying.js'
import type { OwnFeed, ShardHost } from './shard-host.js'
import type { ShardStore } from './shard-store.js'
import type { Verification } from './verification.js'

/** What the actor of one feed keeps, and what it reads from it. */
export interface FeedActorState {
  readonly host: ShardHost
  /** The one that was open when this actor started: `feed` is a number of it and of no other. */
  readonly store: ShardStore
  readonly id: FeedId
  readonly idBytes: Uint8Array
  /** Number in the store; -1 as long as nothing of the feed is held. */
  feed: number
  readonly own: OwnFeed | null
  lastUsedMs: number
  /** Messages that its shard handed on since this actor started. */
  broughtMessages: number
  /** Whether the timer that ends an idle actor runs. */
  isTimed: boolean
  /** The check of all messages that is under way: one at a time reads the log. */
  verifying: Generator<void, Verification> | null
  /** Blocks are being made, or taken apart. */
  relaying: Relaying | null
  /** Whether it was sealed, or was to be, without being asked. */
  hasSealed: boolean
  /** Messages to be signed, in the order they came. */
  readonly drafts: Draft[]
  /** Streams of readers; those that wait for news are woken by their number. */
  readonly streams: Set<number>
}

/** What the publish lock looks at. */
export const heldOwnFeed = ({ store, feed, idBytes }: FeedActorState): HeldFeed =>
  heldFeed(store, feed, idBytes)

/** @throws {FEED_QUARANTINED} */
export function assertNotQuarantined(state: FeedActorState): void {
  if (state.feed === -1 || !state.store.feedInfo(state.feed).flags.isQuarantined) return
  throw new CodedError('FEED_QUARANTINED', `${state.id} is set aside`, { id: state.id })
}

/** The newest message of the unbroken chain; null for none. */
export function storedHead({ store, feed }: FeedActorState): FeedHead | null {
  if (feed === -1) return null
  const { sequence, headKey } = store.feedInfo(feed)
  return headKey === null ? null : { sequence, key: messageKeyFromBytes(headKey) }
}

/** Its sequence; 0 for none. */
export function headSequence({ store, feed }: FeedActorState): number {
  return feed === -1 ? 0 : store.feedInfo(feed).sequence
}

/** The row at a sequence; -1 for none, and for a number that is no sequence. */
export function rowAt({ store, feed }: FeedActorState, sequence: number): number {
  return feed === -1 || !Number.isInteger(sequence) ? -1 : store.rowAt(feed, sequence)
}
