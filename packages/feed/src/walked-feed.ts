import { FeedWalk } from './feed-walk.js'
import { frameKey, frameMessage, frameReceived, frameSequence } from './frame.js'
import type { Log } from './log.js'
import type { WalkedFrame } from './shard-store.js'

/** All that a log holds, from its beginning, with the places that are no frame. */
export function* walkedFeed(log: Log): Generator<WalkedFrame> {
  const walk = new FeedWalk(log, 0, log.sizeBytes)
  let expected = 1
  for (;;) {
    const step = walk.next()
    if (step === 'end') return
    if (step === 'frame') {
      const { frame } = walk
      const sequence = frameSequence(frame)
      expected = sequence + 1
      yield {
        kind: 'frame',
        sequence,
        received: frameReceived(frame),
        key: frameKey(frame),
        message: frameMessage(frame),
      }
    } else if (walk.lostBlock !== null) {
      const { firstSequence, lastSequence } = walk.lostBlock
      expected = lastSequence + 1
      yield {
        kind: 'damaged',
        sequence: firstSequence,
        lastSequence,
        reason: 'BLOCK_DAMAGED',
        from: walk.damageFrom,
        to: walk.offset,
      }
    } else if (step !== 'looking') {
      const isTorn = step === 'torn'
      yield {
        kind: 'damaged',
        sequence: expected,
        lastSequence: null,
        reason: isTorn ? 'FRAME_TORN' : 'FRAME_DAMAGED',
        from: walk.damageFrom,
        to: isTorn ? log.sizeBytes : walk.offset,
      }
      if (isTorn) return
    }
  }
}
