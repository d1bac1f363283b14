import type { FeedId } from '@dunbar/core'
import { FrameReader, type ReadRange } from '@dunbar/feed'
import { MessageBatch, type Method, type RawBatch } from '@dunbar/wire'
import { source } from './method.js'
import {
  feedArgument,
  type MessageStreamOptions,
  messageStreamOptions,
  numberOption,
  optionsOf,
} from './options.js'
import { feedOf, type Services } from './services.js'

/** Streams over one feed, in sequence order. */
export function feedStreams(services: Services): Method[] {
  return [
    /** Bounds are sequences. */
    source('createUserStream', (args, { signal }) => {
      const given = optionsOf('createUserStream', args)
      const id = feedArgument('createUserStream', 'id', given.id)
      const options = messageStreamOptions('createUserStream', given)
      return readFeed(services, id, rangeOfBounds(options), options, options.sync, signal)
    }),
    /** What peers replicate from: never says `{sync: true}`. Also called as `(id, seq, live)`. */
    source('createHistoryStream', (args, { signal }) => {
      const given =
        typeof args[0] === 'string'
          ? { id: args[0], seq: args[1], live: args[2] }
          : optionsOf('createHistoryStream', args)
      const id = feedArgument('createHistoryStream', 'id', given.id)
      const options = messageStreamOptions('createHistoryStream', given)
      const from =
        numberOption('createHistoryStream', given, 'sequence') ??
        numberOption('createHistoryStream', given, 'seq') ??
        0
      const range = { from: Math.max(1, Math.ceil(from)) }
      return readFeed(services, id, range, options, false, signal)
    }),
  ]
}

/** `gt: 5` is `from: 6`; fractions are rounded inwards. */
function rangeOfBounds({ gt, gte, lt, lte }: MessageStreamOptions): ReadRange {
  const from = Math.max(
    1,
    gt === undefined ? 1 : Math.floor(gt) + 1,
    gte === undefined ? 1 : Math.ceil(gte),
  )
  const to = Math.min(
    lt === undefined ? Number.POSITIVE_INFINITY : Math.ceil(lt) - 1,
    lte === undefined ? Number.POSITIVE_INFINITY : Math.floor(lte),
  )
  return Number.isFinite(to) ? { from, to } : { from }
}

async function* readFeed(
  services: Services,
  id: FeedId,
  range: ReadRange,
  options: MessageStreamOptions,
  saysSync: boolean,
  signal: AbortSignal,
): AsyncGenerator<RawBatch | { sync: true }> {
  const { live, old, reverse, limit } = options
  if (limit === 0) return
  const asked = { ...range, live, old, reverse, ...(Number.isFinite(limit) ? { limit } : {}) }
  const writer = new MessageBatch(options)
  for await (const chunk of feedOf(services, id).read(asked, { signal })) {
    if ('sync' in chunk) {
      if (saysSync && old) yield { sync: true }
      continue
    }
    const frames = new FrameReader(chunk.frames)
    while (frames.next()) writer.push(frames)
    yield writer.finish()
  }
}
