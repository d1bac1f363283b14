import type { Logger, Timers } from '@dunbar/actor'
import type { Services } from '@dunbar/api'
import type { Conn } from '@dunbar/conn'
import { type FeedId, isCodedError } from '@dunbar/core'
import { FrameReader, type ShardClient } from '@dunbar/feed'
import type { Graph } from '@dunbar/graph'

/** How long to wait before a shard that started over is asked again. */
const REOPEN_MS = 1_000

export interface PubMessageParts {
  readonly services: Services
  readonly graph: Graph
  readonly conn: Conn
  readonly timers: Timers
  readonly logger: Logger
  /** Resolves when it is known which feeds are replicated: before that no message counts. */
  readonly known: Promise<unknown>
}

/**
 * Puts the addresses that replicated feeds announce in `pub` messages into the address book. There
 * are few of them; they are the only messages of others that the main thread reads. A stream that
 * ends, since its shard started over or folded everything again, is opened again.
 */
export function followPubs(parts: PubMessageParts): { close(): void } {
  const leaving = new AbortController()
  const follow = () => {
    for (const shard of parts.services.shards) void followShard(shard, parts, leaving.signal)
  }
  void parts.known.then(follow, () => undefined)
  return { close: () => leaving.abort() }
}

async function followShard(shard: ShardClient, parts: PubMessageParts, signal: AbortSignal) {
  const { timers, logger } = parts
  while (!signal.aborted) {
    let code: string | null = null
    try {
      await readShard(shard, parts, signal)
    } catch (error) {
      code = isCodedError(error) ? error.code : 'INTERNAL'
    }
    if (signal.aborted) return
    logger.log('debug', 'node', 'the pub messages of a shard are read again', { code })
    await new Promise<void>((resolve) => {
      const cancel = timers.set(REOPEN_MS, resolve)
      signal.addEventListener('abort', () => {
        cancel()
        resolve()
      })
    })
  }
}

async function readShard(shard: ShardClient, parts: PubMessageParts, signal: AbortSignal) {
  const { graph, conn } = parts
  const query = { order: 'received', type: 'pub', live: true } as const
  for await (const chunk of shard.query(query, { lane: 'remote', signal })) {
    if ('sync' in chunk) continue
    const reader = new FrameReader(chunk.frames)
    while (reader.next()) {
      const text = reader.bytes.toString('utf8', reader.messageStart, reader.messageEnd)
      const message = JSON.parse(text) as {
        readonly author: FeedId
        readonly content: unknown
      }
      if (graph.replicationSet.has(message.author)) {
        conn.addPubMessage(message.author, message.content)
      }
    }
  }
}
