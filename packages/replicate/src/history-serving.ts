import { type FeedId, isCodedError } from '@dunbar/core'
import { type FeedClient, FrameReader, type ReadRange } from '@dunbar/feed'
import {
  MessageBatch,
  type MessageShape,
  type Method,
  type RawBatch,
  type RpcConnection,
} from '@dunbar/wire'
import { feedOf, flagOf, numberOf, optionsOf } from './arguments.js'
import { ReplicationError } from './error.js'

const NAME = 'createHistoryStream'
/** Chunks of 64 KiB of one stream that are read ahead. */
const CREDIT = 2
/** A thread that died is back within a second or so. */
const REOPEN_MS = 1_000

/** Who asks for history. */
export interface HistoryReader {
  readonly id: FeedId
  /** Streams that may be open. */
  readonly maxStreams: number
  streamCount: number
  /** A stream was opened, for the messages of a feed from a sequence on. */
  onAsked(feed: FeedId, from: number): void
}

/** What serving history is built on. */
export interface HistoryHost {
  /** @throws {NOT_A_PEER} */
  readerOf(connection: RpcConnection): HistoryReader
  /** Whether anything of a feed is held, or wanted. */
  isKnown(feed: FeedId): boolean
  /** Whether messages of a feed are not for a peer. */
  isHidden(feed: FeedId, reader: FeedId): boolean
  feedOf(id: FeedId): FeedClient
  /** Resolves after a while, earlier where the signal fires. */
  pause(delayMs: number, signal: AbortSignal): Promise<void>
}

/** What is asked for. */
interface Wanted {
  readonly id: FeedId
  readonly range: ReadRange
  readonly shape: MessageShape
}

/**
 * `createHistoryStream` for peers: one feed from a sequence on, that one included, as the bytes of
 * the log; nothing is ever decrypted. A feed that blocks the peer is empty.
 * @source protocol digest 3.1
 */
export const historyMethod = (host: HistoryHost): Method => ({
  name: NAME,
  type: 'source',
  handler(args, { connection, signal }) {
    const reader = host.readerOf(connection)
    const wanted = wantedOf(args)
    if (reader.streamCount >= reader.maxStreams) {
      const text = `${reader.maxStreams} streams of history are open, no more are given`
      throw new ReplicationError('TOO_MANY_STREAMS', text, { maxStreams: reader.maxStreams })
    }
    reader.streamCount += 1
    reader.onAsked(wanted.id, wanted.range.from ?? 1)
    return counted(reader, readFeed(host, wanted, reader.id, signal))
  },
})

/** @throws {BAD_ARGUMENT} */
function wantedOf(args: readonly unknown[]): Wanted {
  const options =
    typeof args[0] === 'string'
      ? optionsOf(NAME, { id: args[0], seq: args[1], live: args[2] })
      : optionsOf(NAME, args[0])
  const from = numberOf(NAME, options, 'sequence') ?? numberOf(NAME, options, 'seq') ?? 0
  const limit = numberOf(NAME, options, 'limit') ?? -1
  const shape = {
    keys: flagOf(NAME, options, 'keys', true),
    values: flagOf(NAME, options, 'values', true),
  }
  if (!shape.keys && !shape.values) {
    throw new ReplicationError('BAD_ARGUMENT', `${NAME}: keys or values must be asked for`)
  }
  return {
    id: feedOf(NAME, options.id),
    shape,
    range: {
      from: Math.min(Math.max(1, Math.ceil(from)), Number.MAX_SAFE_INTEGER),
      live: flagOf(NAME, options, 'live', false),
      old: flagOf(NAME, options, 'old', true),
      reverse: flagOf(NAME, options, 'reverse', false),
      ...(limit < 0 ? {} : { limit: Math.floor(limit) }),
    },
  }
}

async function* readFeed(
  host: HistoryHost,
  { id, range, shape }: Wanted,
  reader: FeedId,
  signal: AbortSignal,
): AsyncGenerator<RawBatch> {
  if (range.limit === 0 || host.isHidden(id, reader)) return
  // No actor is made for a name that a peer thought up.
  if (range.live !== true && !host.isKnown(id)) return
  const batch = new MessageBatch(shape)
  const options = { lane: 'remote', credit: CREDIT, signal } as const
  for (let rest = range; ; ) {
    try {
      for await (const chunk of host.feedOf(id).read(rest, options)) {
        if ('sync' in chunk) continue
        if (host.isHidden(id, reader)) return
        const frames = new FrameReader(chunk.frames)
        let count = 0
        for (; frames.next(); count++) batch.push(frames)
        rest = restAfter(rest, frames.sequence, count)
        yield batch.finish()
      }
      return
    } catch (error) {
      const isDown = isCodedError(error) && error.code === 'ACTOR_DOWN'
      if (!isDown || rest.live !== true || rest.reverse === true) throw error
    }
    if (rest.limit === 0) return
    await host.pause(REOPEN_MS, signal)
    if (signal.aborted) return
  }
}

/** What is still wanted of a range in ascending order after some messages. */
const restAfter = (range: ReadRange, sequence: number, count: number): ReadRange => ({
  ...range,
  from: sequence + 1,
  old: true,
  ...(range.limit === undefined ? {} : { limit: range.limit - count }),
})

/** The same items; the reader's count goes down once, when they end or are left. */
function counted(
  reader: HistoryReader,
  items: AsyncGenerator<RawBatch>,
): AsyncIterableIterator<RawBatch> {
  let isOpen = true
  const close = (): void => {
    if (isOpen) reader.streamCount -= 1
    isOpen = false
  }
  return {
    async next() {
      try {
        const step = await items.next()
        if (step.done === true) close()
        return step
      } catch (error) {
        close()
        throw error
      }
    },
    async return() {
      close()
      return items.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
