import { CodedError, type Sequence } from '@dunbar/core'
import type { PublishState } from './protocol.js'
import type { PublishMark } from './publish-mark.js'

/**
 * The publish lock. Two messages with one sequence end a feed for ever, so a node signs only when
 * it knows that it holds the newest message of its own feed. What it knows comes from the
 * high-water mark, which is synced outside the feed's folder before a message is acknowledged:
 *
 * | mark | log | state |
 * | --- | --- | --- |
 * | at or below the head | | `safe` |
 * | above the head | lost messages, restored backup | `recovering` |
 * | none | the secret came from elsewhere | `recovering` |
 */
export function publishState(mark: PublishMark, head: Sequence): PublishState {
  const known = mark.read()
  if (known === null) return 'recovering'
  return known.sequence <= head ? 'safe' : 'recovering'
}

/** @throws {PUBLISH_LOCKED} the node may not hold the newest message of its own feed */
export function assertSafe(state: PublishState, mark: PublishMark, head: Sequence): void {
  if (state === 'safe') return
  const known = mark.read()
  throw new CodedError(
    'PUBLISH_LOCKED',
    known === null
      ? 'publishing is locked: this identity may have newer messages elsewhere'
      : `publishing is locked: message ${known.sequence} was published, but only ${head} are here`,
    { state, head, published: known?.sequence ?? null },
  )
}
