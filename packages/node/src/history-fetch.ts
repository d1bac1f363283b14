import { type FeedId, feedIdToBytes } from '@dunbar/core'
import {
  IngestWriter,
  MAX_INGEST_MESSAGE_BYTES,
  type RejectionTally,
  type ShardClient,
  shardOf,
} from '@dunbar/feed'
import type { RpcConnection } from '@dunbar/wire'

/** A feed, and up to where it is held. */
export interface HeldUpTo {
  readonly id: FeedId
  readonly held: number
}

/** Peers open few streams of history for strangers. */
const STREAMS_AT_ONCE = 2

/**
 * Fetches what a peer holds of feeds that it does not replicate, which it gives as history only.
 * Resolves when all streams have ended; what is wrong in them is left out
 * and goes into `rejections`.
 * @throws what a stream ends with: the peer refuses it, or the connection is over
 */
export async function fetchHistory(
  connection: RpcConnection,
  shards: readonly ShardClient[],
  feeds: readonly HeldUpTo[],
  rejections: RejectionTally,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...feeds].reverse()
  const work = async () => {
    for (let feed = waiting.pop(); feed !== undefined; feed = waiting.pop()) {
      await fetchFeed(connection, shards, feed, rejections, signal)
    }
  }
  await Promise.all(Array.from({ length: STREAMS_AT_ONCE }, work))
}

async function fetchFeed(
  connection: RpcConnection,
  shards: readonly ShardClient[],
  { id, held }: HeldUpTo,
  rejections: RejectionTally,
  signal: AbortSignal,
): Promise<void> {
  const authorBytes = feedIdToBytes(id)
  const shard = shards[shardOf(authorBytes, shards.length)]!
  const writer = new IngestWriter()
  const options = { id, sequence: held + 1, live: false, keys: false }
  for await (const batch of connection.rawSource('createHistoryStream', [options], { signal })) {
    for (let index = 0; index < batch.count; index++) {
      const bytes = batch.body(index)
      if (!batch.isJson(index) || bytes.length === 0 || bytes.length > MAX_INGEST_MESSAGE_BYTES) {
        continue
      }
      writer.push(Number.NaN, authorBytes, bytes)
    }
    // One batch at a time, so that the peer sends no faster than messages are checked.
    if (writer.messageCount === 0) continue
    const { rejected } = await shard.ingest(writer.finish())
    rejections.addAll(rejected)
  }
}
