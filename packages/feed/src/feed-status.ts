import type { UncheckedRange } from './feed-record.js'
import type { FeedState, FeedStatus } from './protocol.js'
import type { FeedInfo } from './shard-store.js'

/** A feed's line in `feeds.list`. */
export function statusOf(
  { id, sequence, messages, bytes, sealed, flags }: FeedInfo,
  isActive: boolean,
  unchecked: UncheckedRange | null,
): FeedStatus {
  let state: FeedState = 'ok'
  if (flags.isDamaged) state = 'damaged'
  if (flags.isQuarantined) state = 'quarantined'
  return {
    id,
    sequence,
    messages,
    bytes,
    state,
    forked: flags.isForked,
    active: isActive,
    ...(sealed === null ? {} : { sealed }),
    ...(unchecked === null ? {} : { uncheckedFrom: unchecked.first }),
  }
}
