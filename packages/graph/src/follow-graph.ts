/**
 * Who follows and blocks whom, and how far all are from one feed: state without any input or output.
 * Edges change at once; hops are searched again by `settle`, so that a burst of changes costs one
 * search, and one that can't move anybody none. Feeds are numbered as they come up; a search looks at each edge of a feed within reach
 * once, some 5 ns each.
 */
import type { FeedId } from '@dunbar/core'
import type { ContactRow } from '@dunbar/feed'
import { BLOCK, type EdgeKind, Edges, FOLLOW, kindOf, MAX_NODES, NEITHER, nodeOf } from './edges.js'
import { countsMore, hopsBehind, MAX_HOPS, searchHops, UNREACHED } from './hop-search.js'

/** 1 follows, -1 blocks, -2 has said that it does neither. */
export type EdgeValue = 1 | -1 | -2

/** An edge that is another now. */
export interface EdgeChange {
  readonly source: FeedId
  readonly dest: FeedId
  /** Null where nothing is known of it any more. */
  readonly value: EdgeValue | null
  readonly previous: EdgeValue | null
}

/** A feed whose distance is another now; null for out of reach. */
export interface HopChange {
  readonly id: FeedId
  readonly hops: number | null
  readonly previous: number | null
}

/** Which distances are wanted. */
export interface HopsQuery {
  /** Where hops are 0; default the own feed. */
  readonly start?: FeedId
  /** Feeds nearer than this lead on; default that of the graph. */
  readonly maxHops?: number
  /** Distances to `start` instead of from it. */
  readonly reverse?: boolean
}

/**
 * What one feed says of so many others counts; more is passed over, so that an author whom somebody
 * follows can't fill the memory. The own feed has no bound.
 */
export const MAX_CONTACTS = 50_000

const EDGE_VALUES = [1, -1, -2] as const
const KIND_OF_STATE = { 1: FOLLOW, '-1': BLOCK, 0: NEITHER } as const

export class FollowGraph {
  readonly id: FeedId
  readonly maxHops: number
  readonly #numbers = new Map<FeedId, number>()
  readonly #ids: FeedId[] = []
  readonly #edges: (Edges | undefined)[] = []
  #hops: Int16Array
  #mustSearch = false
  #edgeCount = 0
  #passedOverCount = 0

  /** @param maxHops whole, from 0; above 1000 it counts as 1000 */
  constructor(id: FeedId, maxHops: number) {
    this.id = id
    this.maxHops = Math.min(maxHops, MAX_HOPS)
    this.#numberOf(id)
    this.#hops = Int16Array.of(0)
  }

  get edgeCount(): number {
    return this.#edgeCount
  }

  /** Contacts beyond `MAX_CONTACTS` that were passed over. */
  get passedOverCount(): number {
    return this.#passedOverCount
  }

  /** Takes what authors say of others; returns the edges that are others now, in order. */
  apply(contacts: readonly ContactRow[]): EdgeChange[] {
    const changes: EdgeChange[] = []
    for (const { source, dest, state } of contacts) {
      if (source === dest) continue
      const change = this.#set(source, dest, KIND_OF_STATE[state])
      if (change !== null) changes.push(change)
    }
    return changes
  }

  /** Forgets an edge; null where there is none. */
  remove(source: FeedId, dest: FeedId): EdgeChange | null {
    const [from, to] = [this.#numbers.get(source), this.#numbers.get(dest)]
    const edges = from === undefined ? undefined : this.#edges[from]
    const kind = to === undefined ? null : (edges?.get(to) ?? null)
    if (kind === null) return null
    edges!.delete(to!)
    this.#edgeCount -= 1
    this.#changed(from!, to!, kind, null)
    return { source, dest, value: null, previous: EDGE_VALUES[kind] }
  }

  /** Brings hops up to date with the edges; returns those that are others now. */
  settle(): HopChange[] {
    if (!this.#mustSearch) return []
    this.#mustSearch = false
    const before = this.#hops
    const hops = searchHops(this.#edges, this.#ids.length, 0, this.maxHops)
    this.#hops = hops
    const changes: HopChange[] = []
    for (let node = 0; node < hops.length; node++) {
      const now = hops[node]!
      const was = before[node] ?? UNREACHED
      if (now === was) continue
      changes.push({ id: this.#ids[node]!, hops: known(now), previous: known(was) })
    }
    return changes
  }

  /** As of the last `settle`: 0 the own feed, 1 to `maxHops` near, -1 blocked, below that not wanted; null out of reach. */
  hopsOf(id: FeedId): number | null {
    const node = this.#numbers.get(id)
    return node === undefined ? null : known(this.#hops[node] ?? UNREACHED)
  }

  /** Distances of all feeds that are reached; as of the last `settle` where nothing else is wanted. */
  hops({ start = this.id, maxHops = this.maxHops, reverse = false }: HopsQuery = {}) {
    const isHeld = start === this.id && maxHops === this.maxHops && !reverse
    const found = new Map<FeedId, number>()
    const node = this.#numbers.get(start)
    if (node === undefined) return found.set(start, 0)
    const edges = reverse ? this.#reversed() : this.#edges
    const hops = isHeld
      ? this.#hops
      : searchHops(edges, this.#ids.length, node, Math.min(maxHops, MAX_HOPS))
    for (let other = 0; other < hops.length; other++) {
      if (hops[other] !== UNREACHED) found.set(this.#ids[other]!, hops[other]!)
    }
    return found
  }

  /** Feeds by distance: the first list is of those at 1, the last of the farthest. As of the last `settle`. */
  levels(): FeedId[][] {
    const levels: FeedId[][] = []
    for (let node = 1; node < this.#hops.length; node++) {
      const hops = this.#hops[node]!
      if (hops <= 0 || hops === UNREACHED) continue
      while (levels.length < hops) levels.push([])
      levels[hops - 1]!.push(this.#ids[node]!)
    }
    return levels
  }

  /** What `source` last said of `dest`; null for nothing. */
  edge(source: FeedId, dest: FeedId): EdgeValue | null {
    const [from, to] = [this.#numbers.get(source), this.#numbers.get(dest)]
    const kind = from === undefined || to === undefined ? null : this.#edges[from]?.get(to)
    return kind === null || kind === undefined ? null : EDGE_VALUES[kind]
  }

  /** Feeds that said something of others. */
  *sources(): IterableIterator<FeedId> {
    for (const [node, edges] of this.#edges.entries()) {
      if (edges !== undefined && edges.count > 0) yield this.#ids[node]!
    }
  }

  /** What a feed last said of others. */
  *edgesFrom(source: FeedId): IterableIterator<readonly [FeedId, EdgeValue]> {
    const edges = this.#edges[this.#numbers.get(source) ?? -1]
    if (edges === undefined) return
    for (let at = 0; at < edges.count; at++) {
      const edge = edges.packed[at]!
      yield [this.#ids[nodeOf(edge)]!, EDGE_VALUES[kindOf(edge)]]
    }
  }

  #set(source: FeedId, dest: FeedId, kind: EdgeKind): EdgeChange | null {
    const from = this.#numberOf(source)
    this.#edges[from] ??= new Edges()
    const edges = this.#edges[from]!
    const to = this.#numbers.get(dest)
    const previous = to === undefined ? null : edges.get(to)
    if (previous === kind) return null
    const isFull = edges.count >= MAX_CONTACTS && from !== 0
    if (previous === null && (isFull || this.#ids.length >= MAX_NODES)) {
      this.#passedOverCount += 1
      return null
    }
    const number = to ?? this.#numberOf(dest)
    if (previous === null) {
      edges.add(number, kind)
      this.#edgeCount += 1
    } else {
      edges.set(number, kind)
    }
    this.#changed(from, number, previous, kind)
    const value = EDGE_VALUES[kind]
    return { source, dest, value, previous: previous === null ? null : EDGE_VALUES[previous] }
  }

  /**
   * Most changes move nobody: the author is out of reach, what it said did not count, and what it
   * says does not count more than what others say.
   */
  #changed(from: number, to: number, previous: EdgeKind | null, kind: EdgeKind | null): void {
    const hops = this.#hops[from] ?? UNREACHED
    if (hops < 0 || hops >= this.maxHops || to === 0) return
    const held = this.#hops[to] ?? UNREACHED
    const hasCounted = previous !== null && hopsBehind(hops, previous) === held
    const isMore = kind !== null && countsMore(hopsBehind(hops, kind), held)
    if (hasCounted || isMore) this.#mustSearch = true
  }

  #numberOf(id: FeedId): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    const number = this.#ids.push(id) - 1
    this.#edges.push(undefined)
    this.#numbers.set(id, number)
    return number
  }

  #reversed(): Edges[] {
    const reversed = this.#ids.map(() => new Edges())
    for (const [node, edges] of this.#edges.entries()) {
      for (let at = 0; at < (edges?.count ?? 0); at++) {
        const edge = edges!.packed[at]!
        reversed[nodeOf(edge)]!.set(node, kindOf(edge))
      }
    }
    return reversed
  }
}

const known = (hops: number): number | null => (hops === UNREACHED ? null : hops)
