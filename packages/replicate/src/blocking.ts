/**
 * Who blocks whom, and what follows from a block by the own feed.
 *
 * Whoever the own feed blocks is given nothing, and is kept out. While the own feed is being recovered
 * its blocks are past ones: the message that lifts one may be among those that are missing, and the
 * peer that it is about may be the only one who holds it. Until all is back such a peer is let in to
 * give the own feed back, which nobody but its author can have signed; it is given nothing all the
 * same, and asked for nothing else. What a local client asks for concerns one feed and one peer, and
 * is of today: it holds in any case.
 */
import type { FeedId } from '@dunbar/core'
import type { ReplicationSet } from './replication-set.js'

export class Blocking {
  /** Whether messages of the own feed are missing, or may be, so that its blocks are past ones. */
  isRecovering = false
  readonly #own: FeedId
  readonly #set: Pick<ReplicationSet, 'isBlocked'>
  /** What local clients asked for, until the node ends. */
  readonly #asked = new Set<string>()

  constructor(own: FeedId, set: Pick<ReplicationSet, 'isBlocked'>) {
    this.#own = own
    this.#set = set
  }

  /** Takes a local client's word. */
  ask(source: FeedId, dest: FeedId, isBlocked: boolean): void {
    if (isBlocked) this.#asked.add(source + dest)
    else this.#asked.delete(source + dest)
  }

  isBlocked(source: FeedId, dest: FeedId): boolean {
    return this.#set.isBlocked(source, dest) || this.#asked.has(source + dest)
  }

  /** Whether a peer gets no messages at all. */
  isGivenNothing(peer: FeedId): boolean {
    return this.#set.isBlocked(this.#own, peer)
  }

  /** Whether there is nothing to be done with a peer. */
  isShutOut(peer: FeedId): boolean {
    return !this.isRecovering && this.isGivenNothing(peer)
  }

  /** Whether messages of a feed go neither to a peer nor come from it. */
  isApart(feed: FeedId, peer: FeedId): boolean {
    if (this.#asked.has(feed + peer)) return true
    if (!this.isGivenNothing(peer)) return this.#set.isBlocked(feed, peer)
    return feed !== this.#own || this.isShutOut(peer)
  }

  /** Whether a reader must not get a feed. */
  isHidden(feed: FeedId, reader: FeedId): boolean {
    const isBlocked = this.isBlocked(feed, reader) || this.isBlocked(this.#own, feed)
    return isBlocked || this.isGivenNothing(reader)
  }
}
