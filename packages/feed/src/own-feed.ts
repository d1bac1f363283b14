import { isCodedError, type Sequence } from '@dunbar/core'
import { frameKey } from './frame.js'
import type { ShardStore } from './shard-store.js'

/** What is held of the own feed. */
export interface HeldFeed {
  /** The identity, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Highest sequence of the unbroken chain. */
  readonly head: Sequence
  /** Highest sequence held at all. */
  readonly highest: Sequence
  /** Whether two signed messages share a place in it. */
  readonly isForked: boolean
  /** Key of a message of the chain, 32 bytes; null where it can't be read. */
  keyAt(sequence: Sequence): Uint8Array | null
}

/** @param feed number in the store; -1 where nothing of the feed is held */
export function heldFeed(store: ShardStore, feed: number, publicKey: Uint8Array): HeldFeed {
  const info = feed === -1 ? null : store.feedInfo(feed)
  return {
    publicKey,
    head: info?.sequence ?? 0,
    highest: info?.highestSequence ?? 0,
    isForked: info?.flags.isForked ?? false,
    keyAt: (sequence) => (feed === -1 ? null : keyAt(store, feed, sequence)),
  }
}

/** The key at a sequence: a view into the cache; null where there is none or it can't be read. */
function keyAt(store: ShardStore, feed: number, sequence: Sequence): Uint8Array | null {
  try {
    const row = store.rowAt(feed, sequence)
    return row === -1 ? null : frameKey(store.readRow(row))
  } catch (error) {
    if (isCodedError(error) && error.code === 'STORE_ROW_DAMAGED') return null
    throw error
  }
}
