/**
 * What peers say of the own feed, and when that is enough to sign behind what is held. A publish lock
 * that waits for peers must not open for one that is behind itself: what it calls the newest message
 * may be old, and the next one signed would fork the feed.
 *
 * - A peer bears witness where the newest message that it knows is the newest one here, and where it
 *   knew that of itself: who said less before, and is at what is held since, may have it from here.
 * - Two replicated peers are enough. One is, when nothing newer was heard of for a while.
 * - A stranger bears witness only where nobody else is replicated, which is so where a secret begins
 *   anew with a feed that follows nobody; and only after that while. Whom the own feed blocks bears none.
 */
import type { FeedId } from '@dunbar/core'

export interface OwnFeedParts {
  /** Sequence up to which the own feed is held. */
  held(): number
  isReplicated(peer: FeedId): boolean
  /** Whether the own feed, as far as it is held, blocks a peer. */
  isBlocked(peer: FeedId): boolean
  /** Whether the node replicates anybody but itself. */
  hasFriends(): boolean
  /** What is held was confirmed; called again at further words. */
  confirm(sequence: number): void
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
  /** How long the word of one peer has to stand. */
  readonly quietMs: number
  /** Peers whose word is kept; beyond it, the one that spoke first is forgotten. */
  readonly maxPeers: number
}

export class OwnFeedWords {
  readonly #parts: OwnFeedParts
  /** What each peer knew of itself. */
  readonly #known = new Map<FeedId, number>()
  /** For which sequence the while has begun. */
  #waitsFor = 0
  #cancelWait: () => void = () => {}

  constructor(parts: OwnFeedParts) {
    this.#parts = parts
  }

  /** A peer said what the newest message is that it knows, from 1 on. */
  hear(peer: FeedId, sequence: number): void {
    const { held, maxPeers } = this.#parts
    const before = this.#known.get(peer)
    if (before === undefined || sequence < before || sequence > held()) {
      this.#known.delete(peer)
      this.#known.set(peer, sequence)
    }
    if (this.#known.size > maxPeers) this.#known.delete(this.#known.keys().next().value!)
    this.review()
  }

  /** What is held, or who is replicated, has changed. */
  review(): void {
    const { held, confirm, after, quietMs } = this.#parts
    const sequence = held()
    if (sequence !== this.#waitsFor) this.#ceaseWaiting()
    const friends = this.#witnessesOf(sequence)
    if (friends >= 2) {
      confirm(sequence)
    } else if (friends > 0 || this.#strangersKnow(sequence)) {
      if (this.#waitsFor === sequence) return
      this.#waitsFor = sequence
      this.#cancelWait = after(quietMs, () => {
        this.#waitsFor = 0
        if (this.#witnessesOf(sequence) > 0 || this.#strangersKnow(sequence)) confirm(sequence)
      })
    }
  }

  close(): void {
    this.#ceaseWaiting()
  }

  #ceaseWaiting(): void {
    this.#waitsFor = 0
    this.#cancelWait()
  }

  #witnessesOf(sequence: number): number {
    let count = 0
    for (const [peer, known] of this.#known) {
      if (known === sequence && this.#parts.isReplicated(peer)) count += 1
    }
    return count
  }

  #strangersKnow(sequence: number): boolean {
    const { hasFriends, isBlocked } = this.#parts
    if (hasFriends()) return false
    for (const [peer, known] of this.#known) if (known === sequence && !isBlocked(peer)) return true
    return false
  }
}
