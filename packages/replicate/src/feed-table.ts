import { type FeedId, feedIdToBytes } from '@dunbar/core'

/** No peer sends a feed. */
export const NO_SOURCE = -1

const FIRST_FEEDS = 256

/**
 * The feeds that replication knows: those held and those that are to be replicated, by number from
 * 0 in the order in which they were told, in columns side by side. About 150 bytes a feed.
 */
export class FeedTable {
  readonly #numbers = new Map<string, number>()
  readonly #ids: FeedId[] = []
  #keys = new Uint8Array(FIRST_FEEDS * 32)
  #wanted = 0
  /** Sequence up to which each is held without a gap. */
  held = new Int32Array(FIRST_FEEDS)
  /** Sequence up to which each may be passed on: less than held where signatures are still to be checked. */
  passable = new Int32Array(FIRST_FEEDS)
  /** The highest sequence that is held or on its way to the shard. */
  coming = new Int32Array(FIRST_FEEDS)
  /** Slot of the peer that is asked to send each, or `NO_SOURCE`. */
  source = new Int32Array(FIRST_FEEDS).fill(NO_SOURCE)
  /** When each last grew or was asked for, monotonic ms. */
  movedAt = new Float64Array(FIRST_FEEDS)
  /** 1 for those that are to be replicated. */
  isWanted = new Uint8Array(FIRST_FEEDS)

  get size(): number {
    return this.#ids.length
  }

  get wantedCount(): number {
    return this.#wanted
  }

  /** -1 where it is not known. */
  numberOf(id: string): number {
    return this.#numbers.get(id) ?? -1
  }

  idOf(feed: number): FeedId {
    return this.#ids[feed]!
  }

  /** The public key: a view of 32 bytes. */
  keyOf(feed: number): Uint8Array {
    return this.#keys.subarray(feed * 32, feed * 32 + 32)
  }

  /** The number of a feed, which it gets here where it has none. */
  add(id: FeedId): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    const feed = this.#ids.length
    if (feed === this.held.length) this.#grow()
    this.#numbers.set(id, feed)
    this.#ids.push(id)
    this.#keys.set(feedIdToBytes(id), feed * 32)
    return feed
  }

  setWanted(feed: number, isWanted: boolean): void {
    if ((this.isWanted[feed] === 1) === isWanted) return
    this.isWanted[feed] = isWanted ? 1 : 0
    this.#wanted += isWanted ? 1 : -1
  }

  #grow(): void {
    const size = this.held.length * 2
    this.#keys = grown(this.#keys, new Uint8Array(size * 32))
    this.held = grown(this.held, new Int32Array(size))
    this.passable = grown(this.passable, new Int32Array(size))
    this.coming = grown(this.coming, new Int32Array(size))
    this.source = grown(this.source, new Int32Array(size).fill(NO_SOURCE))
    this.movedAt = grown(this.movedAt, new Float64Array(size))
    this.isWanted = grown(this.isWanted, new Uint8Array(size))
  }
}

/** The larger array with what the smaller one holds. */
export function grown<Column extends { set(from: Column): void }>(
  from: Column,
  to: Column,
): Column {
  to.set(from)
  return to
}
