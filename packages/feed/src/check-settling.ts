import type { Context } from '@dunbar/actor'
import type { FeedActorState } from './feed-actor-state.js'
import type { FeedRecord } from './feed-record.js'
import type { SignatureFinding } from './signature-pass.js'

/**
 * What the check of messages taken on their author's word comes to: the mark is lifted, or the feed
 * is cut back to the last good one, so that peers are asked for the rest, and archives of it are not
 * taken on that word again.
 * @throws {STORE_FULL} @throws {STORE_FAILED} the mark stays
 */
export async function settleChecks(
  { through, fault }: SignatureFinding,
  state: FeedActorState,
  { logger }: Context,
): Promise<void> {
  const { store, feed, id } = state
  if (feed === -1) return
  const range = store.unchecked(feed)
  // Beyond a hole too: once it is filled, what is held there counts.
  const { highestSequence } = store.feedInfo(feed)
  if (range === null || through < range.first) {
    // An archive of messages that did not come, or were taken away.
    if (range !== null && highestSequence < range.first) await writeChecked(state, {})
    return
  }
  if (fault === null) {
    const isAll = highestSequence <= through || range.last <= through
    await writeChecked(state, isAll ? {} : { unchecked: { ...range, first: through + 1 } })
    return
  }
  const { sequence, reason } = fault
  if (state.own !== null) {
    // None is ever taken on another's word, and a copy that is damaged must not decide what is deleted.
    logger.log('error', 'feed', 'an own message is not what was signed', { sequence, reason })
    await writeChecked(state, {})
    return
  }
  logger.log('warn', 'feed', 'an archive was wrong; its messages are fetched again', {
    id,
    sequence,
    reason,
  })
  // A kill before the cut leaves the mark, and the check finds the same again.
  await store.writeRecord(feed, { ...store.record(feed), distrust: `${reason}:${sequence}` })
  store.cutBack(feed, sequence)
  await store.flush()
  await writeChecked(state, {})
}

async function writeChecked(
  { store, feed, host }: FeedActorState,
  change: Pick<FeedRecord, 'unchecked'>,
): Promise<void> {
  const { unchecked: _, ...rest } = store.record(feed)
  const written = store.writeRecord(feed, { ...rest, ...change })
  host.appended()
  await written
}
