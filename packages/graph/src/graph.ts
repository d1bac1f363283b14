import type { Logger, Timers, Turns } from '@dunbar/actor'
import { CodedError, type FeedId, feedIdToBytes, isCodedError } from '@dunbar/core'
import { type ContactRow, type ShardClient, shardOf } from '@dunbar/feed'
import { ContactFeed } from './contact-feed.js'
import {
  type EdgeChange,
  type EdgeValue,
  FollowGraph,
  type HopChange,
  type HopsQuery,
} from './follow-graph.js'
import { LimitedSet, type ReplicationLimits, type ReplicationSet } from './replication-set.js'

/** How often sizes of feeds are looked up where there is a limit by bytes. */
const SIZES_MS = 60_000
/** As in the JavaScript stack. */
export const DEFAULT_HOPS = 3

export interface GraphOptions extends ReplicationLimits {
  /** The own feed. */
  readonly id: FeedId
  /** All shards, by number. */
  readonly shards: readonly ShardClient[]
  /** Feeds up to this far are replicated. Whole, from 0; default 3, above 1000 it counts as 1000. */
  readonly maxHops?: number
  readonly turns: Turns
  readonly timers: Timers
  readonly logger: Logger
}

/** For `status`. */
export interface GraphStatus {
  readonly maxHops: number
  /** Contacts known. */
  readonly edges: number
  /** Contacts of authors with more than 50,000 that were passed over. */
  readonly passedOver: number
  /** Feeds in the replication set. */
  readonly replicated: number
  /** Feeds within reach for which a limit leaves no room. */
  readonly leftOut: number
}

/**
 * Who follows and blocks whom, as far as contact messages are held, and what follows from it for the
 * own feed. All of it is as of the end of the last turn in which something changed, hops and edges
 * alike as far as listeners are concerned; edges are read as they are at the moment.
 */
export interface Graph {
  /** The own feed. */
  readonly id: FeedId
  /** Resolves when all that is held is in; until then nobody but the own feed is within reach. */
  readonly ready: Promise<void>
  readonly maxHops: number
  readonly replicationSet: ReplicationSet
  /** 0 the own feed, 1 to `maxHops` replicated, -1 blocked, below that not wanted; null out of reach. */
  hopsOf(id: FeedId): number | null
  /** All that is reached. With a query of another start, reach or direction a search of its own: some ms for 100,000 contacts. */
  hops(query?: HopsQuery): Map<FeedId, number>
  isFollowing(source: FeedId, dest: FeedId): boolean
  isBlocking(source: FeedId, dest: FeedId): boolean
  /** What `source` last said of `dest`; null for nothing. */
  edge(source: FeedId, dest: FeedId): EdgeValue | null
  /** Feeds that said something of others. */
  sources(): Iterable<FeedId>
  /** What a feed last said of others. */
  edgesFrom(source: FeedId): Iterable<readonly [FeedId, EdgeValue]>
  /** Tells of changed edges, once a turn. The returned function ends that. */
  onEdges(listener: (changes: readonly EdgeChange[]) => void): () => void
  /** Tells of changed hops, once a turn. The returned function ends that. */
  onHops(listener: (changes: readonly HopChange[]) => void): () => void
  status(): GraphStatus
  /** Resolves when nothing is under way any more. Close before the shards stop. */
  close(): Promise<void>
}

/**
 * Reads the contacts of all shards and stays with them; resolves when all that is held is in. A
 * change comes into force at the end of the turn in which its message arrives here.
 * @throws {GRAPH_OPTIONS_INVALID}
 */
export async function openGraph(options: GraphOptions): Promise<Graph> {
  const graph = startGraph(options)
  await graph.ready
  return graph
}

/**
 * As `openGraph`, without waiting for what is held.
 * @throws {GRAPH_OPTIONS_INVALID}
 */
export function startGraph(options: GraphOptions): Graph {
  const { maxHops = DEFAULT_HOPS, maxFeeds, maxBytes } = options
  if (!Number.isInteger(maxHops) || maxHops < 0) throw invalid('maxHops', maxHops)
  for (const [name, limit] of Object.entries({ maxFeeds, maxBytes })) {
    if (limit !== undefined && !(limit > 0)) throw invalid(name, limit)
  }
  return new LiveGraph(options, maxHops)
}

const invalid = (name: string, value: unknown) =>
  new CodedError(
    'GRAPH_OPTIONS_INVALID',
    `${name} is a number from ${name === 'maxHops' ? 0 : 1} on`,
    {
      name,
      value,
    },
  )

class LiveGraph implements Graph {
  readonly ready: Promise<void>
  readonly replicationSet: LimitedSet
  readonly #options: GraphOptions
  readonly #graph: FollowGraph
  readonly #feeds: readonly ContactFeed[]
  readonly #edgeListeners = new Set<(changes: readonly EdgeChange[]) => void>()
  readonly #hopListeners = new Set<(changes: readonly HopChange[]) => void>()
  #changes: EdgeChange[] = []
  #isScheduled = false
  /** Until then nothing is computed: the first search is over all that is held. */
  #isReady = false
  #isClosed = false
  #cancelSizes: () => void = () => undefined

  constructor(options: GraphOptions, maxHops: number) {
    this.#options = options
    this.#graph = new FollowGraph(options.id, maxHops)
    this.replicationSet = new LimitedSet(this.#graph, options, () => this.#schedule())
    this.#feeds = options.shards.map((shard, number) => this.#contactFeed(shard, number))
    this.ready = this.#open()
  }

  get id(): FeedId {
    return this.#graph.id
  }

  get maxHops(): number {
    return this.#graph.maxHops
  }

  hopsOf(id: FeedId): number | null {
    return this.#graph.hopsOf(id)
  }

  hops(query?: HopsQuery): Map<FeedId, number> {
    return this.#graph.hops(query)
  }

  isFollowing(source: FeedId, dest: FeedId): boolean {
    return this.#graph.edge(source, dest) === 1
  }

  isBlocking(source: FeedId, dest: FeedId): boolean {
    return this.#graph.edge(source, dest) === -1
  }

  edge(source: FeedId, dest: FeedId): EdgeValue | null {
    return this.#graph.edge(source, dest)
  }

  sources(): Iterable<FeedId> {
    return this.#graph.sources()
  }

  edgesFrom(source: FeedId): Iterable<readonly [FeedId, EdgeValue]> {
    return this.#graph.edgesFrom(source)
  }

  onEdges(listener: (changes: readonly EdgeChange[]) => void): () => void {
    const own = (changes: readonly EdgeChange[]) => listener(changes)
    this.#edgeListeners.add(own)
    return () => this.#edgeListeners.delete(own)
  }

  onHops(listener: (changes: readonly HopChange[]) => void): () => void {
    const own = (changes: readonly HopChange[]) => listener(changes)
    this.#hopListeners.add(own)
    return () => this.#hopListeners.delete(own)
  }

  status(): GraphStatus {
    return {
      maxHops: this.maxHops,
      edges: this.#graph.edgeCount,
      passedOver: this.#graph.passedOverCount,
      replicated: this.replicationSet.size,
      leftOut: this.replicationSet.leftOutCount,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelSizes()
    await Promise.all(this.#feeds.map((feed) => feed.close()))
  }

  #contactFeed(shard: ShardClient, number: number): ContactFeed {
    const { shards, timers, logger } = this.#options
    const graph = this.#graph
    return new ContactFeed({
      shard,
      timers,
      logger,
      apply: (contacts) => this.#apply(contacts),
      *held() {
        for (const source of graph.sources()) {
          if (shardOf(feedIdToBytes(source), shards.length) !== number) continue
          yield [source, [...graph.edgesFrom(source)].map(([dest]) => dest)]
        }
      },
      forget: (source, dest) => {
        const change = graph.remove(source, dest)
        if (change !== null) this.#note([change])
      },
    })
  }

  async #open(): Promise<void> {
    await Promise.all([...this.#feeds.map((feed) => feed.ready), this.#readSizes()])
    this.#isReady = true
    this.#settle()
  }

  #apply(contacts: readonly ContactRow[]): void {
    this.#note(this.#graph.apply(contacts))
  }

  #note(changes: readonly EdgeChange[]): void {
    if (changes.length === 0) return
    // Nobody listens yet, and there may be very many.
    if (this.#isReady) this.#changes.push(...changes)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isReady) return
    this.#isScheduled = true
    this.#options.turns.endOfTurn(() => this.#settle())
  }

  #settle(): void {
    this.#isScheduled = false
    if (this.#isClosed) return
    const edges = this.#changes
    this.#changes = []
    const hops = this.#graph.settle()
    this.replicationSet.settle(edges, hops)
    if (hops.length > 0) for (const listener of [...this.#hopListeners]) listener(hops)
    if (edges.length > 0) for (const listener of [...this.#edgeListeners]) listener(edges)
  }

  /** Only where limits may ask for them. */
  async #readSizes(): Promise<void> {
    const { shards, maxFeeds, maxBytes, timers, logger } = this.#options
    if (maxFeeds === undefined && maxBytes === undefined) return
    try {
      const lists = await Promise.all(shards.map((shard) => shard.feeds()))
      const held = lists.flat().filter(({ bytes }) => bytes > 0)
      this.replicationSet.setSizes(new Map(held.map(({ id, bytes }) => [id, bytes])))
    } catch (error) {
      if (!isCodedError(error)) throw error
      logger.log('warn', 'graph', 'sizes of feeds are not known at the moment', {
        code: error.code,
      })
    }
    if (this.#isClosed || maxBytes === undefined) return
    this.#cancelSizes = timers.set(SIZES_MS, () => void this.#readSizes())
  }
}
