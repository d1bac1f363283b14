import { isCodedError } from '@dunbar/core'
import {
  type IngestResult,
  MAX_INGEST_MESSAGE_BYTES,
  type ShardClient,
  shardOf,
} from '@dunbar/feed'
import type { Conduct } from './conduct.js'
import type { Admission, EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import { IngestLane, type ShardCredit } from './ingest-lane.js'
import { IntakeCredit } from './intake-credit.js'
import type { ReplicationLimits } from './limits.js'

/** What taking messages is built on; one for all peers. */
export interface IntakeHost {
  readonly engine: EbtEngine
  readonly shards: readonly ShardClient[]
  /** One a shard. */
  readonly credits: readonly ShardCredit[]
  readonly limits: ReplicationLimits
  /** Monotonic, ms. */
  now(): number
}

/** Refusals that tell nothing of the peer who sent the message. */
const NOT_THE_PEER = /^(GAP$|STORE_|ACTOR_|FEED_|KERNEL_|INTERNAL$|UNKNOWN_CALL$)/

/**
 * Takes the messages that one peer sends: decides by author and sequence which are wanted, collects
 * those for their shards, and hears what became of them.
 */
export class Intake {
  readonly conduct: Conduct
  readonly #host: IntakeHost
  readonly #peer: EbtPeer
  readonly #lanes: readonly IngestLane[]
  readonly #onSettled: () => void
  readonly #credit: IntakeCredit
  /** Readers that wait until more may come: one of a session, or each of many streams of history. */
  readonly #waiting: (() => void)[] = []

  constructor(host: IntakeHost, peer: EbtPeer, conduct: Conduct, onSettled: () => void) {
    this.#host = host
    this.#peer = peer
    this.conduct = conduct
    this.#onSettled = onSettled
    this.#credit = new IntakeCredit(host.limits.peerBytes)
    this.#lanes = host.shards.map(
      (shard, index) =>
        new IngestLane(shard, host.credits[index]!, {
          settled: (result, feeds) => this.#settled(result, feeds),
          failed: (code, feeds) => this.#failed(code, feeds),
          released: (sizeBytes, count) => this.#released(sizeBytes, count),
        }),
    )
  }

  /** One message; the bytes are copied. */
  message(author: string, sequence: number, bytes: Uint8Array): Admission {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    const { feeds } = engine
    const feed = feeds.numberOf(author)
    const admission = engine.admit(this.#peer, feed, sequence, nowMs)
    if (admission === 'take') this.#take(feed, sequence, bytes, nowMs)
    else if (admission === 'unasked') this.conduct.useless()
    else this.conduct.known()
    return admission
  }

  /** Sends on what was taken; resolves when more may come. */
  async flush(): Promise<void> {
    for (const lane of this.#lanes) lane.flush()
    while (this.#isFull()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  #isFull(): boolean {
    const { limits } = this.#host
    if (this.#credit.isFree) return false
    return this.#credit.isUsedUp || this.#lanes.some((lane) => lane.shardBytes >= limits.shardBytes)
  }

  #take(feed: number, sequence: number, bytes: Uint8Array, nowMs: number): void {
    const { feeds } = this.#host.engine
    if (bytes.length > MAX_INGEST_MESSAGE_BYTES) {
      this.conduct.rejected([
        { reason: 'TOO_LONG', count: 1, example: `${feeds.idOf(feed)}:${sequence}` },
      ])
      this.#refuse(feed, 'TOO_LONG', nowMs)
      return
    }
    const authorBytes = feeds.keyOf(feed)
    const lane = this.#lanes[shardOf(authorBytes, this.#lanes.length)]!
    this.#credit.take(lane.push(feed, authorBytes, sequence, bytes))
    this.#peer.underWay += 1
  }

  #settled(result: IngestResult, feeds: ReadonlyMap<number, number>): void {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    this.conduct.receivedCount += result.added
    this.conduct.rejected(result.rejected)
    for (const { author, reason } of result.refused ?? []) {
      const feed = engine.feeds.numberOf(author)
      if (feeds.has(feed)) this.#refuse(feed, reason, nowMs)
    }
  }

  #refuse(feed: number, reason: string, nowMs: number): void {
    const isFinal = !NOT_THE_PEER.test(reason)
    this.#host.engine.refused(this.#peer, feed, isFinal, nowMs)
    // Its words about itself are not those of its message, or the one before it was refused.
    if (reason === 'GAP') this.conduct.useless()
    // A fork is its author's doing.
    else if (isFinal && reason !== 'FORK') this.conduct.refused()
  }

  #failed(code: string, feeds: ReadonlyMap<number, number>): void {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    for (const feed of feeds.keys()) {
      this.conduct.rejected([{ reason: code, count: 1, example: engine.feeds.idOf(feed) }])
      engine.refused(this.#peer, feed, false, nowMs)
    }
  }

  #released(sizeBytes: number, count: number): void {
    this.#credit.give(sizeBytes)
    this.#peer.underWay -= count
    this.#peer.usefulAt = this.#host.now()
    this.#onSettled()
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

/** The code of an error, for logs. */
export const codeOf = (error: unknown): string => (isCodedError(error) ? error.code : 'INTERNAL')
