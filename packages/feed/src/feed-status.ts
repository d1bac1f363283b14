import type { FeedState, FeedStatus } from './protocol.js'
import type { FeedInfo } from './shard-store.js'

/** A feed's line in `feeds.list`. */
export function statusOf(
  { id, sequence, messages, bytes, sealed, flags }: FeedInfo,
  isActive: boolean,
): FeedStatus {
  let state: FeedState = 'ok'
  if (flags.isDamaged) state = 'damaged'
  if (flags.isQuarantined) state = 'quarantined'
  const status = { id, sequence, messages, bytes, state, forked: flags.isForked, active: isActive }
  return sealed === null ? status : { ...status, sealed }
}
