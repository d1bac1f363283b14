/**
 * Replication with a peer that does not speak EBT: it is asked for streams of history, some at a
 * time. The first feeds of the replication set (the own, then the nearest) have a stream that stays
 * open; the others are asked for in rounds.
 */
import { type FeedId, isCodedError } from '@dunbar/core'
import type { ReceivedBatch, RpcConnection } from '@dunbar/wire'
import type { EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import type { Intake } from './intake.js'
import { type MessageHead, readMessageHead } from './items.js'
import type { ReplicationLimits } from './limits.js'

/** What a session is built on. */
export interface HistoryParts {
  readonly connection: RpcConnection
  readonly engine: EbtEngine
  readonly peer: EbtPeer
  readonly intake: Intake
  readonly limits: ReplicationLimits
  /** Whether nothing of a feed is to come from this peer. */
  isBlocked(feed: FeedId): boolean
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
}

export class HistorySession {
  readonly peer: EbtPeer
  readonly intake: Intake
  readonly #parts: HistoryParts
  /** Feeds with an open stream, and what ends it. */
  readonly #open = new Map<number, AbortController>()
  #isOver = false
  #live = 0
  #pending: number[] = []
  #workers = 0
  #cancelRound: (() => void) | null = null

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.peer = parts.peer
    this.intake = parts.intake
  }

  /** Feeds that are asked for at the moment. */
  get openCount(): number {
    return this.#open.size
  }

  /** Asks for all feeds that have no stream. */
  start(): void {
    if (this.#isOver) return
    this.#cancelRound?.()
    this.#cancelRound = null
    const { engine, limits, isBlocked } = this.#parts
    const { feeds } = engine
    this.#pending = []
    for (let feed = feeds.size - 1; feed >= 0; feed--) {
      if (feeds.isWanted[feed] !== 1 || this.#open.has(feed)) continue
      if (!isBlocked(feeds.idOf(feed))) this.#pending.push(feed)
    }
    while (this.#live < limits.askedHistoryStreams / 2) {
      const feed = this.#pending.pop()
      if (feed === undefined) break
      this.#live += 1
      void this.#read(feed, true).finally(() => {
        this.#live -= 1
      })
    }
    while (this.#workers < limits.askedHistoryStreams / 2 && this.#pending.length > 0) {
      this.#workers += 1
      void this.#work()
    }
    if (this.#workers === 0) this.#nextRound()
  }

  /** A feed is not wanted any more: a stream of it that waits for news ends. */
  leave(feed: number): void {
    this.#open.get(feed)?.abort()
  }

  end(): void {
    this.#isOver = true
    for (const stream of this.#open.values()) stream.abort()
    this.#cancelRound?.()
  }

  async #work(): Promise<void> {
    for (let feed = this.#pending.pop(); feed !== undefined; feed = this.#pending.pop()) {
      if (this.#isOver) return
      await this.#read(feed, false)
    }
    this.#workers -= 1
    if (this.#workers === 0) this.#nextRound()
  }

  #nextRound(): void {
    if (this.#isOver || this.#cancelRound !== null) return
    const { limits, after } = this.#parts
    this.#cancelRound = after(limits.historyRoundMs, () => this.start())
  }

  async #read(feed: number, isLive: boolean): Promise<void> {
    const { engine, connection, peer, intake } = this.#parts
    const { feeds } = engine
    const id = feeds.idOf(feed)
    const options = { id, sequence: feeds.coming[feed]! + 1, live: isLive, keys: false }
    const stream = new AbortController()
    const { signal } = stream
    this.#open.set(feed, stream)
    engine.expect(peer, feed)
    const gap = new GapBuffer(id, this.#parts)
    try {
      for await (const batch of connection.rawSource('createHistoryStream', [options], {
        signal,
      })) {
        gap.add(batch, feeds.coming[feed]!)
        await intake.flush()
        if (gap.isOver || feeds.isWanted[feed] !== 1) break
      }
    } catch (error) {
      if (isMissing(error)) this.end()
    }
    this.#open.delete(feed)
  }
}

/** Puts messages of one feed in order: some peers send by the time that messages claim. */
class GapBuffer {
  readonly #id: string
  readonly #parts: HistoryParts
  readonly #waiting = new Map<number, Buffer>()
  #waitingBytes = 0
  readonly #head: MessageHead = { author: '', sequence: 0, start: 0, end: 0 }
  /** Too many wait for what does not come. */
  isOver = false

  constructor(id: string, parts: HistoryParts) {
    this.#id = id
    this.#parts = parts
  }

  add(batch: ReceivedBatch, coming: number): void {
    const { intake } = this.#parts
    let last = coming
    for (let index = 0; index < batch.count && !this.isOver; index++) {
      const bytes = batch.body(index)
      if (!batch.isJson(index) || !readMessageHead(bytes, this.#head)) {
        intake.conduct.useless()
        continue
      }
      const { author, sequence, start, end } = this.#head
      if (author !== this.#id) {
        intake.conduct.useless()
      } else if (sequence <= last + 1) {
        if (intake.message(author, sequence, bytes.subarray(start, end)) === 'take') {
          last = this.#follow(sequence)
        }
      } else if (this.#hasRoomFor(sequence, end - start)) {
        this.#waiting.set(sequence, Buffer.from(bytes.subarray(start, end)))
        this.#waitingBytes += end - start
      } else {
        intake.conduct.useless()
        this.isOver = true
      }
    }
  }

  #hasRoomFor(sequence: number, sizeBytes: number): boolean {
    const { historyGap, historyGapBytes } = this.#parts.limits
    if (this.#waiting.has(sequence) || this.#waiting.size >= historyGap) return false
    return this.#waitingBytes + sizeBytes <= historyGapBytes
  }

  /** Takes what waited for this one. */
  #follow(sequence: number): number {
    let last = sequence
    for (;;) {
      const bytes = this.#waiting.get(last + 1)
      if (bytes === undefined) return last
      this.#waiting.delete(last + 1)
      this.#waitingBytes -= bytes.length
      if (this.#parts.intake.message(this.#id, last + 1, bytes) !== 'take') return last
      last += 1
    }
  }
}

/** Whether the other side does not have the method at all. @source protocol digest 2.3 */
export function isMissing(error: unknown): boolean {
  if (!isCodedError(error) || error.code !== 'REMOTE_ERROR') return false
  const text = String(error.data.message ?? error.message)
  return /not in list of allowed methods$|no such command|no (source|duplex):/.test(text)
}
