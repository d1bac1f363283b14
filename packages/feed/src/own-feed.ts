import { CodedError, type Sequence } from '@dunbar/core'
import { bytesEqual } from './frame.js'
import type { PublishState } from './protocol.js'
import type { PublishMark } from './publish-mark.js'

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

/**
 * The publish lock. Two messages with one sequence end a feed for ever, so a node signs only when
 * it knows that it holds the newest message of its own feed. What it knows comes from the
 * high-water mark, which is synced outside the feed's folder before a message is acknowledged:
 *
 * | mark | log | state |
 * | --- | --- | --- |
 * | at or below the head | holds the mark's message, and nothing above the head | `safe` |
 * | above the head | lost messages, restored backup | `recovering` |
 * | at or below the head | holds another message in that place | `recovering` |
 * | | holds messages above the head | `recovering` |
 * | | a second signed message for one place is known | `recovering` |
 * | none, or that of another identity | the secret came from elsewhere | `recovering` |
 */
export function publishState(mark: PublishMark, held: HeldFeed): PublishState {
  const known = mark.read()
  if (known === null || held.isForked) return 'recovering'
  if (known.sequence > held.head || held.highest > held.head) return 'recovering'
  const key = known.sequence === 0 ? held.publicKey : held.keyAt(known.sequence)
  return key !== null && bytesEqual(key, known.keyBytes) ? 'safe' : 'recovering'
}

/** @throws {PUBLISH_LOCKED} the node may not hold the newest message of its own feed */
export function assertSafe(mark: PublishMark, held: HeldFeed): void {
  const state = publishState(mark, held)
  if (state === 'safe') return
  const { head, highest } = held
  throw new CodedError('PUBLISH_LOCKED', `publishing is locked: ${lockedBecause(mark, held)}`, {
    state,
    head,
    highest,
    published: mark.read()?.sequence ?? null,
  })
}

function lockedBecause(mark: PublishMark, { head, highest, isForked }: HeldFeed): string {
  if (isForked) return 'this feed is forked: two of its signed messages share one place'
  if (mark.isDamaged) return 'the publish mark is damaged'
  const published = mark.read()?.sequence ?? null
  if (published === null) return 'this identity may have newer messages elsewhere'
  if (published > head) return `message ${published} was published, but only ${head} are here`
  if (highest > head) return `message ${highest} exists, but only ${head} are here without a gap`
  if (published === 0) return 'this identity may have newer messages elsewhere'
  return `message ${published} that was published is not the one that is here`
}
