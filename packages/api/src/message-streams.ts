import { CodedError } from '@dunbar/core'
import { FrameReader, type ShardChunk, type ShardQuery } from '@dunbar/feed'
import { MessageBatch, type Method, type RawBatch } from '@dunbar/wire'
import { mergeShards, type Steps } from './merge.js'
import { source } from './method.js'
import {
  type MessageStreamOptions,
  messageStreamOptions,
  optionsOf,
  stringOption,
} from './options.js'
import type { Services } from './services.js'

/** Bytes collected before they are sent. */
const BATCH_BYTES = 64 * 1024

/** Streams over all feeds: by arrival, by claimed time, by type. */
export function messageStreams(services: Services): Method[] {
  return [
    source('createLogStream', (args, { signal }) => {
      const options = messageStreamOptions('createLogStream', optionsOf('createLogStream', args))
      return queryStream(services, { order: 'received' }, options, signal)
    }),
    source('createFeedStream', (args, { signal }) => {
      const options = messageStreamOptions('createFeedStream', optionsOf('createFeedStream', args))
      return queryStream(services, { order: 'claimed' }, options, signal)
    }),
    source('messagesByType', (args, { signal }) => {
      const given =
        typeof args[0] === 'string' ? { type: args[0] } : optionsOf('messagesByType', args)
      const type = stringOption('messagesByType', given, 'type')
      if (type === undefined) {
        throw new CodedError('BAD_ARGUMENT', 'messagesByType: type must be given', {})
      }
      const options = messageStreamOptions('messagesByType', given)
      return queryStream(services, { order: 'received', type }, options, signal)
    }),
  ]
}

async function* queryStream(
  services: Services,
  what: Pick<ShardQuery, 'order' | 'type'>,
  options: MessageStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<RawBatch | { sync: true }> {
  let left = options.limit
  if (left === 0) return
  const query = shardQuery(what, options)
  const sources = services.shards.map((shard) => shard.query(query, { signal }))
  const writer = new MessageBatch(options)
  const merged = mergeShards(sources, options, (chunk: Frames) => new FrameSteps(chunk))
  for await (const step of merged) {
    if (step === 'sync') {
      if (writer.count > 0) yield writer.finish()
      if (options.sync) yield { sync: true }
    } else if (step === 'pause') {
      if (writer.count > 0) yield writer.finish()
    } else {
      writer.push(step.item)
      left -= 1
      if (left <= 0) break
      if (writer.sizeBytes >= BATCH_BYTES) yield writer.finish()
    }
  }
  if (writer.count > 0) yield writer.finish()
}

type Frames = Extract<ShardChunk, { readonly frames: unknown }>

class FrameSteps implements Steps<FrameReader> {
  readonly item: FrameReader
  readonly #order: Float64Array
  #position = -1

  constructor(chunk: Frames) {
    this.item = new FrameReader(chunk.frames)
    this.#order = chunk.order
  }

  next(): boolean {
    this.#position += 1
    return this.item.next()
  }

  get order(): number {
    return this.#order[this.#position]!
  }
}

function shardQuery(
  what: Pick<ShardQuery, 'order' | 'type'>,
  { gt, gte, lt, lte, reverse, live, old, limit }: MessageStreamOptions,
): ShardQuery {
  return {
    ...what,
    ...(gt === undefined ? {} : { gt }),
    ...(gte === undefined ? {} : { gte }),
    ...(lt === undefined ? {} : { lt }),
    ...(lte === undefined ? {} : { lte }),
    ...(Number.isFinite(limit) ? { limit } : {}),
    reverse,
    live,
    old,
  }
}
