import { CodedError, type FeedId } from '@dunbar/core'
import type { EdgeChange, FollowGraph } from './follow-graph.js'

/** Feeds asked for beside the graph. */
export const MAX_REQUESTS = 10_000

/** How much is replicated at most. */
export interface ReplicationLimits {
  /** Feeds, the own and requested ones included. Default: no limit. */
  readonly maxFeeds?: number
  /** Size of their logs on the disk together. Default: no limit. */
  readonly maxBytes?: number
}

/** What became different in one turn. */
export interface ReplicationChange {
  readonly added: readonly FeedId[]
  readonly removed: readonly FeedId[]
  /** Who blocks whom anew, or no more. */
  readonly blocks: readonly BlockChange[]
}

export interface BlockChange {
  readonly source: FeedId
  readonly dest: FeedId
  readonly isBlocked: boolean
}

/** A feed within reach that is not replicated. */
export interface LeftOut {
  readonly id: FeedId
  readonly hops: number
  /** The limit that leaves no room for it. */
  readonly limit: 'maxFeeds' | 'maxBytes'
}

/** Which feeds are replicated, and who must not get which. Changes come into force once a turn. */
export interface ReplicationSet {
  /** Number of feeds that are to be replicated. */
  readonly size: number
  /** Feeds that are to be replicated: the own one, requested ones, then by hops. */
  feeds(): Iterable<FeedId>
  has(id: FeedId): boolean
  /** `source` blocks `dest`: messages of `source` are not for `dest`. */
  isBlocked(source: FeedId, dest: FeedId): boolean
  /** Feeds within reach for which a limit leaves no room, the nearest first. */
  leftOut(): Iterable<LeftOut>
  /**
   * Asks for a feed beside the graph, or takes that back. Comes into force at the end of the turn,
   * holds until the node ends, goes before all limits, and gives way to a block by the own feed.
   * @throws {TOO_MANY_REQUESTS} more than 10,000
   */
  request(id: FeedId, isWanted: boolean): void
  /** Tells of changes, once a turn. The returned function ends that. */
  onChange(listener: (change: ReplicationChange) => void): () => void
}

/**
 * Takes feeds nearest first while there is room. At one distance those that are replicated or held
 * go first, then by id, so that who comes new pushes nobody out who is as near. A feed that has
 * outgrown the room left for it makes room for others.
 */
export class LimitedSet implements ReplicationSet {
  readonly #graph: FollowGraph
  readonly #limits: ReplicationLimits
  readonly #schedule: () => void
  readonly #requested = new Set<FeedId>()
  readonly #listeners = new Set<(change: ReplicationChange) => void>()
  #sizes: ReadonlyMap<FeedId, number> = new Map()
  #members: Set<FeedId>
  #leftOut: LeftOut[] = []
  /** Requests or sizes are others than those that were chosen by. */
  #isStale = false

  /** @param schedule asks for a call of `settle` at the end of the turn */
  constructor(graph: FollowGraph, limits: ReplicationLimits, schedule: () => void) {
    this.#graph = graph
    this.#limits = limits
    this.#schedule = schedule
    this.#members = new Set([graph.id])
  }

  get size(): number {
    return this.#members.size
  }

  feeds(): Iterable<FeedId> {
    return this.#members.keys()
  }

  has(id: FeedId): boolean {
    return this.#members.has(id)
  }

  isBlocked(source: FeedId, dest: FeedId): boolean {
    return this.#graph.edge(source, dest) === -1
  }

  leftOut(): Iterable<LeftOut> {
    return this.#leftOut.values()
  }

  get leftOutCount(): number {
    return this.#leftOut.length
  }

  request(id: FeedId, isWanted: boolean): void {
    if (!isWanted) {
      if (this.#requested.delete(id)) this.#touch()
      return
    }
    if (this.#requested.has(id)) return
    if (this.#requested.size >= MAX_REQUESTS) {
      const text = `at most ${MAX_REQUESTS} feeds may be asked for beside the graph`
      throw new CodedError('TOO_MANY_REQUESTS', text, {})
    }
    this.#requested.add(id)
    this.#touch()
  }

  onChange(listener: (change: ReplicationChange) => void): () => void {
    // Wrapped, so that one function may listen twice.
    const own = (change: ReplicationChange) => listener(change)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** Bytes held of each feed; what is not in it is not held. */
  setSizes(sizes: ReadonlyMap<FeedId, number>): void {
    this.#sizes = sizes
    this.#touch()
  }

  /**
   * Chooses again where that is needed, and tells who listens.
   * @param edges those that changed since the last time
   */
  settle(edges: readonly EdgeChange[], haveHopsChanged: boolean): void {
    const added: FeedId[] = []
    const removed: FeedId[] = []
    if (haveHopsChanged || this.#isStale) {
      const before = this.#members
      this.#choose()
      for (const id of this.#members) if (!before.has(id)) added.push(id)
      for (const id of before) if (!this.#members.has(id)) removed.push(id)
    }
    const blocks = blockChanges(edges)
    if (added.length === 0 && removed.length === 0 && blocks.length === 0) return
    for (const listener of [...this.#listeners]) listener({ added, removed, blocks })
  }

  #touch(): void {
    this.#isStale = true
    this.#schedule()
  }

  #choose(): void {
    this.#isStale = false
    const { maxFeeds = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } =
      this.#limits
    const isLimited = Number.isFinite(maxFeeds) || Number.isFinite(maxBytes)
    const { id: own } = this.#graph
    const members = new Set([own])
    const leftOut: LeftOut[] = []
    for (const id of this.#requested) if (!this.isBlocked(own, id)) members.add(id)
    let bytes = 0
    for (const id of members) bytes += this.#sizes.get(id) ?? 0
    for (const [index, level] of this.#graph.levels().entries()) {
      for (const id of isLimited ? this.#ranked(level) : level) {
        if (members.has(id)) continue
        const size = this.#sizes.get(id) ?? 0
        if (members.size >= maxFeeds) leftOut.push({ id, hops: index + 1, limit: 'maxFeeds' })
        else if (bytes + size >= maxBytes) leftOut.push({ id, hops: index + 1, limit: 'maxBytes' })
        else {
          members.add(id)
          bytes += size
        }
      }
    }
    this.#members = members
    this.#leftOut = leftOut
  }

  /** Feeds at one distance, in the order in which they get what room there is. */
  #ranked(level: readonly FeedId[]): FeedId[] {
    const isHere = (id: FeedId) => this.#members.has(id) || this.#sizes.has(id)
    const held = level.filter(isHere)
    const others = level.filter((id) => !isHere(id))
    return [...held.sort(), ...others.sort()]
  }
}

/** Of one pair the first `previous` and the last `value` count. */
function blockChanges(edges: readonly EdgeChange[]): BlockChange[] {
  const pairs = new Map<string, { was: boolean; change: BlockChange }>()
  for (const { source, dest, value, previous } of edges) {
    const pair = source + dest
    const was = pairs.get(pair)?.was ?? previous === -1
    pairs.set(pair, { was, change: { source, dest, isBlocked: value === -1 } })
  }
  return [...pairs.values()]
    .filter(({ was, change }) => was !== change.isBlocked)
    .map(({ change }) => change)
}
