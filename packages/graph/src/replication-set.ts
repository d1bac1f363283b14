import { CodedError, type FeedId } from '@dunbar/core'
import type { EdgeChange, FollowGraph, HopChange } from './follow-graph.js'

/** Feeds asked for beside the graph, by local clients: as many as one node is meant to hold. */
export const MAX_REQUESTS = 100_000

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
   * @throws {TOO_MANY_REQUESTS} more than 100,000
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
  /** In no order. */
  #members: Set<FeedId>
  #leftOut: LeftOut[] = []
  /** Requests or sizes are others than those that were chosen by. */
  #isStale = false
  /** Where there is no limit: feeds whose request came or went since the last choice. */
  readonly #asked = new Set<FeedId>()

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

  *feeds(): IterableIterator<FeedId> {
    const { id: own } = this.#graph
    const first = new Set([own, ...this.#requested])
    for (const id of first) if (this.#members.has(id)) yield id
    for (const id of this.#graph.levels().flat()) {
      if (this.#members.has(id) && !first.has(id)) yield id
    }
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
      if (this.#requested.delete(id)) this.#requestChanged(id)
      return
    }
    if (this.#requested.has(id)) return
    if (this.#requested.size >= MAX_REQUESTS) {
      const text = `at most ${MAX_REQUESTS} feeds may be asked for beside the graph`
      throw new CodedError('TOO_MANY_REQUESTS', text, {})
    }
    this.#requested.add(id)
    this.#requestChanged(id)
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
   * @param edges those that changed since the last time, and hops that did
   */
  settle(edges: readonly EdgeChange[], hops: readonly HopChange[]): void {
    const added: FeedId[] = []
    const removed: FeedId[] = []
    if (this.#isStale || (this.#isLimited && hops.length > 0)) {
      const before = this.#members
      this.#choose()
      for (const id of this.#members) if (!before.has(id)) added.push(id)
      for (const id of before) if (!this.#members.has(id)) removed.push(id)
    } else {
      const touched = new Set(this.#asked)
      for (const { id } of hops) touched.add(id)
      for (const id of touched) {
        const isWanted = this.#isWanted(id)
        if (isWanted === this.#members.has(id)) continue
        if (isWanted) this.#members.add(id)
        else this.#members.delete(id)
        const changed = isWanted ? added : removed
        changed.push(id)
      }
    }
    this.#asked.clear()
    const blocks = blockChanges(edges)
    if (added.length === 0 && removed.length === 0 && blocks.length === 0) return
    for (const listener of [...this.#listeners]) listener({ added, removed, blocks })
  }

  /** Without limits no other feed has to go or come for it: thousands of requests come over many turns. */
  #requestChanged(id: FeedId): void {
    if (this.#isLimited) {
      this.#touch()
      return
    }
    this.#asked.add(id)
    this.#schedule()
  }

  #touch(): void {
    this.#isStale = true
    this.#schedule()
  }

  /** Where there is no limit. A block by the own feed is at hops -1. */
  #isWanted(id: FeedId): boolean {
    const hops = this.#graph.hopsOf(id) ?? -2
    return hops >= 0 || (hops !== -1 && this.#requested.has(id))
  }

  get #isLimited(): boolean {
    return this.#limits.maxFeeds !== undefined || this.#limits.maxBytes !== undefined
  }

  #choose(): void {
    this.#isStale = false
    const { maxFeeds = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } =
      this.#limits
    const members = new Set([this.#graph.id])
    const leftOut: LeftOut[] = []
    for (const id of this.#requested) if (this.#isWanted(id)) members.add(id)
    let bytes = 0
    for (const id of members) bytes += this.#sizes.get(id) ?? 0
    for (const [index, level] of this.#graph.levels().entries()) {
      const others = this.#requested.size === 0 ? level : level.filter((id) => !members.has(id))
      for (const id of this.#ranked(others, maxFeeds - members.size)) {
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

  /**
   * Feeds at one distance, in the order in which they get what room there is.
   * @param room feeds for which there is some
   */
  #ranked(level: readonly FeedId[], room: number): readonly FeedId[] {
    const isByCount = this.#limits.maxBytes === undefined
    // The order says nothing where all are taken, or none.
    if (isByCount && (room >= level.length || room <= 0)) return level
    const held: FeedId[] = []
    const others: FeedId[] = []
    for (const id of level) {
      const isHere = this.#members.has(id) || this.#sizes.has(id)
      if (isHere) held.push(id)
      else others.push(id)
    }
    if (isByCount && room === held.length) return [...held, ...others]
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
