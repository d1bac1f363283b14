import type { Conn } from '@dunbar/conn'
import type { FeedId } from '@dunbar/core'
import { FrameWriter, type ShardClient } from '@dunbar/feed'
import type { Graph } from '@dunbar/graph'
import { expect, test } from 'vitest'
import { followPubs, type PubMessageParts } from '../src/pub-messages.js'

const author = `@${Buffer.alloc(32, 1).toString('base64')}.ed25519` as FeedId
const content = { type: 'pub', address: { host: 'pub.example', port: 8008 } }

/** A shard with one pub message, and nothing after it. */
function shardWithPub(onRead: () => void): ShardClient {
  const writer = new FrameWriter()
  writer.push(1, 1, new Uint8Array(32), Buffer.from(JSON.stringify({ author, content })))
  const frames = writer.finish()
  return {
    async *query() {
      onRead()
      yield { frames, order: Float64Array.of(1) }
      await new Promise(() => undefined)
    },
  } as unknown as ShardClient
}

test('a pub that a replicated feed announced before the start is known once the graph is', async () => {
  const replicated = new Set<FeedId>()
  let reads = 0
  let settle = () => {}
  const known = new Promise<void>((resolve) => {
    settle = resolve
  })
  const added = new Promise<unknown>((resolve) => {
    const parts = {
      services: { shards: [shardWithPub(() => reads++)] },
      graph: { replicationSet: replicated } as unknown as Graph,
      conn: { addPubMessage: (...said: unknown[]) => resolve(said) } as unknown as Conn,
      timers: { set: () => () => {} },
      logger: { log: () => {} },
      known,
    } as unknown as PubMessageParts
    followPubs(parts)
  })
  await Promise.resolve()
  expect(reads).toBe(0)
  replicated.add(author)
  settle()
  expect(await added).toEqual([author, content])
})
