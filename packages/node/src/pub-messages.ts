import type { Logger } from '@dunbar/actor'
import type { Services } from '@dunbar/api'
import type { Conn } from '@dunbar/conn'
import { type FeedId, isCodedError } from '@dunbar/core'
import { FrameReader, type ShardClient } from '@dunbar/feed'
import type { Graph } from '@dunbar/graph'

/**
 * Puts the addresses that replicated feeds announce in `pub` messages into the address book. There
 * are few of them; they are the only messages of others that the main thread reads.
 */
export function followPubs(
  services: Services,
  graph: Graph,
  conn: Conn,
  logger: Logger,
): { close(): void } {
  const leaving = new AbortController()
  for (const shard of services.shards) {
    followShard(shard, graph, conn, leaving.signal).catch((error: unknown) => {
      if (leaving.signal.aborted) return
      const code = isCodedError(error) ? error.code : null
      logger.log('warn', 'node', 'pub messages are not followed any more', { code })
    })
  }
  return { close: () => leaving.abort() }
}

async function followShard(shard: ShardClient, graph: Graph, conn: Conn, signal: AbortSignal) {
  const query = { order: 'received', type: 'pub', live: true } as const
  for await (const chunk of shard.query(query, { lane: 'remote', signal })) {
    if ('sync' in chunk) continue
    const reader = new FrameReader(chunk.frames)
    while (reader.next()) {
      const message = JSON.parse(Buffer.from(reader.message).toString()) as {
        readonly author: FeedId
        readonly content: unknown
      }
      if (graph.replicationSet.has(message.author)) {
        conn.addPubMessage(message.author, message.content)
      }
    }
  }
}
