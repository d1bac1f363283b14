import type { FeedId } from '@dunbar/core'
import type { Method } from '@dunbar/wire'
import { synchronous } from './method.js'
import type { Services } from './services.js'

/** What the node knows of itself. */
export interface NodeFacts {
  readonly version: string
  readonly path: string
  readonly startedAt: number
  /** How it stands among its peers. */
  readonly network: () => unknown
}

/** Who this is and how it is. */
export function nodeMethods(services: Services, facts: NodeFacts): Method[] {
  return [
    synchronous('whoami', () => ({ id: services.id })),
    synchronous('status', () => status(services, facts)),
    synchronous('progress', async () => ({ indexes: (await gather(services)).indexes })),
  ]
}

interface Sums {
  readonly indexes: { start: number; current: number; target: number }
  readonly feeds: number
  readonly activeFeeds: number
  readonly messages: number
  readonly bytes: number
  /** The messages that lie in blocks. */
  readonly sealed: {
    readonly feeds: number
    readonly messages: number
    readonly bytes: number
    readonly logBytes: number
  }
  readonly quarantined: FeedId[]
  readonly damaged: FeedId[]
}

async function gather(services: Services) {
  const shards = await Promise.all(services.shards.map((shard) => shard.status()))
  const sums: Sums = {
    indexes: {
      start: sum(shards.map(({ indexes }) => indexes.start)),
      current: sum(shards.map(({ indexes }) => indexes.current)),
      target: sum(shards.map(({ indexes }) => indexes.target)),
    },
    feeds: sum(shards.map(({ feeds }) => feeds)),
    activeFeeds: sum(shards.map(({ activeFeeds }) => activeFeeds)),
    messages: sum(shards.map(({ messages }) => messages)),
    bytes: sum(shards.map(({ bytes }) => bytes)),
    sealed: {
      feeds: sum(shards.map(({ sealed }) => sealed.feeds)),
      messages: sum(shards.map(({ sealed }) => sealed.messages)),
      bytes: sum(shards.map(({ sealed }) => sealed.bytes)),
      logBytes: sum(shards.map(({ sealed }) => sealed.logBytes)),
    },
    quarantined: shards.flatMap(({ quarantined }) => quarantined),
    damaged: shards.flatMap(({ damaged }) => damaged),
  }
  return { shards, ...sums }
}

/** `progress` and `sync` as ssb-server has them; the rest is dunbar's. */
async function status(services: Services, facts: NodeFacts): Promise<unknown> {
  const { shards, indexes, ...sums } = await gather(services)
  const publish = shards.find((shard) => shard.publish !== undefined)?.publish ?? null
  return {
    id: services.id,
    progress: { indexes },
    sync: { since: sums.messages, plugins: {}, sync: indexes.current === indexes.target },
    node: {
      version: facts.version,
      path: facts.path,
      pid: process.pid,
      uptimeSeconds: Math.round((Date.now() - facts.startedAt) / 1000),
      memoryBytes: process.memoryUsage.rss(),
    },
    ...sums,
    publish,
    network: facts.network(),
    shards,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
