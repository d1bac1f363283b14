import { isCodedError } from '@dunbar/core'
import {
  type IngestResult,
  MAX_INGEST_MESSAGE_BYTES,
  type Rejection,
  RejectionTally,
  type ShardClient,
  shardOf,
} from '@dunbar/feed'
import type { Admission, EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import { IngestLane, type ShardCredit } from './ingest-lane.js'
import type { ReplicationLimits } from './limits.js'
import { RateWindow } from './rate-window.js'

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

/** Why a peer is let go. */
export type Offence = 'useless items' | 'messages sent again and again' | 'refused messages'

/** Refusals that tell nothing of the peer who sent the message. */
const NOT_THE_PEER = /^(GAP$|STORE_|ACTOR_|FEED_|KERNEL_|INTERNAL$|UNKNOWN_CALL$)/

/**
 * Takes the messages that one peer sends: decides by author and sequence which are wanted, collects
 * those for their shards, and hears what became of them.
 */
export class Intake {
  readonly #host: IntakeHost
  readonly #peer: EbtPeer
  readonly #lanes: readonly IngestLane[]
  readonly #tally = new RejectionTally()
  readonly #useless: RateWindow
  readonly #known: RateWindow
  readonly #refused: RateWindow
  readonly #onOffence: (offence: Offence) => void
  readonly #onSettled: () => void
  #sizeBytes = 0
  /** Readers that wait until more may come: one of a session, or each of many streams of history. */
  readonly #waiting: (() => void)[] = []
  /** Messages that were new. */
  receivedCount = 0
  uselessCount = 0

  constructor(
    host: IntakeHost,
    peer: EbtPeer,
    onOffence: (offence: Offence) => void,
    onSettled: () => void,
  ) {
    this.#host = host
    this.#peer = peer
    this.#onOffence = onOffence
    this.#onSettled = onSettled
    const { limits } = host
    this.#useless = new RateWindow(limits.uselessItems)
    this.#known = new RateWindow(limits.knownItems)
    this.#refused = new RateWindow(limits.refusedItems)
    this.#lanes = host.shards.map(
      (shard, index) =>
        new IngestLane(shard, host.credits[index]!, {
          settled: (result, feeds) => this.#settled(result, feeds),
          failed: (code, feeds) => this.#failed(code, feeds),
          released: (sizeBytes, count) => this.#released(sizeBytes, count),
        }),
    )
  }

  get refusals(): readonly Rejection[] {
    return this.#tally.list()
  }

  /** One message; the bytes are copied. */
  message(author: string, sequence: number, bytes: Uint8Array): Admission {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    const { feeds } = engine
    const feed = feeds.numberOf(author)
    const admission = engine.admit(this.#peer, feed, sequence, nowMs)
    if (admission === 'take') this.#take(feed, sequence, bytes, nowMs)
    else if (admission === 'unasked') this.useless()
    else this.#again(nowMs)
    return admission
  }

  /** Something that nobody asked for, or that can't be read. */
  useless(): void {
    this.uselessCount += 1
    if (!this.#useless.add(1, this.#host.now())) this.#onOffence('useless items')
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
    if (this.#sizeBytes === 0) return false
    return (
      this.#sizeBytes >= limits.peerBytes ||
      this.#lanes.some((lane) => lane.shardBytes >= limits.shardBytes)
    )
  }

  #take(feed: number, sequence: number, bytes: Uint8Array, nowMs: number): void {
    if (bytes.length > MAX_INGEST_MESSAGE_BYTES) {
      this.#refuse(feed, 'TOO_LONG', nowMs)
      return
    }
    const authorBytes = this.#host.engine.feeds.keyOf(feed)
    const lane = this.#lanes[shardOf(authorBytes, this.#lanes.length)]!
    this.#sizeBytes += lane.push(feed, authorBytes, sequence, bytes)
    this.#peer.underWay += 1
  }

  #again(nowMs: number): void {
    this.uselessCount += 1
    if (!this.#known.add(1, nowMs)) this.#onOffence('messages sent again and again')
  }

  #settled(result: IngestResult, feeds: ReadonlyMap<number, number>): void {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    this.receivedCount += result.added
    this.#tally.addAll(result.rejected)
    for (const { author, reason } of result.refused ?? []) {
      const feed = engine.feeds.numberOf(author)
      if (feeds.has(feed)) this.#refuse(feed, reason, nowMs)
    }
  }

  #refuse(feed: number, reason: string, nowMs: number): void {
    const isFinal = !NOT_THE_PEER.test(reason)
    this.#host.engine.refused(this.#peer, feed, isFinal, nowMs)
    // A fork is its author's doing.
    if (!isFinal || reason === 'FORK') return
    if (!this.#refused.add(1, nowMs)) this.#onOffence('refused messages')
  }

  #failed(code: string, feeds: ReadonlyMap<number, number>): void {
    const { engine } = this.#host
    const nowMs = this.#host.now()
    for (const feed of feeds.keys()) {
      this.#tally.add(code, engine.feeds.idOf(feed))
      engine.refused(this.#peer, feed, false, nowMs)
    }
  }

  #released(sizeBytes: number, count: number): void {
    this.#sizeBytes -= sizeBytes
    this.#peer.underWay -= count
    this.#peer.usefulAt = this.#host.now()
    this.#onSettled()
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

/** The code of an error, for logs. */
export const codeOf = (error: unknown): string => (isCodedError(error) ? error.code : 'INTERNAL')
