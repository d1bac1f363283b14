import type { FeedId } from '@dunbar/core'
import { type FeedClient, type FrameBatch, FrameReader } from '@dunbar/feed'
import { RawBatch } from '@dunbar/wire'
import type { EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'

/** Chunks of 64 KiB of one feed that are read ahead. */
const CREDIT = 2

/** A run of messages of one feed, ready to be sent. */
interface Chunk {
  readonly feed: number
  readonly from: number
  readonly to: number
  readonly batch: RawBatch
  /** Whether it was sent; where not, its reader ends. */
  taken(isSent: boolean): void
}

/** What serving is built on. */
export interface ServingParts {
  readonly engine: EbtEngine
  readonly peer: EbtPeer
  feedOf(id: FeedId): FeedClient
  /** Feeds that are read at once. */
  readonly maxFeeds: number
  /** A chunk is ready. */
  onReady(): void
  /** A feed could not be read; it is served again when there is news of it, or when `retry` runs. */
  onFailure(error: unknown, retry: () => void): void
}

/**
 * Reads the feeds that a peer wants, some at a time, each no further ahead than a chunk or two: what
 * the socket does not take is not read from the disk.
 */
export class FeedServing {
  readonly #parts: ServingParts
  readonly #ready: Chunk[] = []
  /** What ends each feed's reader. */
  readonly #readers = new Set<AbortController>()
  #isClosed = false
  /** Messages that were given out. */
  sentCount = 0

  constructor(parts: ServingParts) {
    this.#parts = parts
  }

  /** The next run of messages; null where none is ready. Begins to read what is wanted. */
  take(): RawBatch | null {
    this.#begin()
    for (let chunk = this.#ready.shift(); chunk !== undefined; chunk = this.#ready.shift()) {
      const { engine, peer } = this.#parts
      const isWanted = engine.advance(peer, chunk.feed, chunk.from, chunk.to)
      chunk.taken(isWanted)
      if (!isWanted) continue
      this.sentCount += chunk.to - chunk.from + 1
      return chunk.batch
    }
    return null
  }

  close(): void {
    this.#isClosed = true
    for (const reader of this.#readers) reader.abort()
    for (const chunk of this.#ready.splice(0)) chunk.taken(false)
  }

  #begin(): void {
    const { engine, peer, maxFeeds } = this.#parts
    while (this.#readers.size < maxFeeds && !this.#isClosed) {
      const wanted = engine.nextServe(peer)
      if (wanted === null) return
      void this.#read(wanted.feed, wanted.from, wanted.to)
    }
  }

  async #read(feed: number, from: number, to: number): Promise<void> {
    const { engine, peer, feedOf, onFailure, onReady } = this.#parts
    const reader = new AbortController()
    this.#readers.add(reader)
    let hasFailed = false
    let next = from
    try {
      const client = feedOf(engine.feeds.idOf(feed))
      const range = { from, to, isPassedOn: true }
      const options = { lane: 'remote', credit: CREDIT, signal: reader.signal } as const
      for await (const chunk of client.read(range, options)) {
        if ('sync' in chunk) continue
        const run = messagesOf(chunk.frames, next)
        if (run.count === 0) break
        const sent = await this.#offer(feed, next, next + run.count - 1, run.batch)
        if (!sent) break
        next += run.count
      }
      // What can't be read will not be read by trying at once again.
      hasFailed = next === from
    } catch (error) {
      hasFailed = true
      if (!this.#isClosed) {
        onFailure(error, () => {
          if (!this.#isClosed) engine.serveAgain(peer, feed)
        })
      }
    }
    this.#readers.delete(reader)
    if (this.#isClosed) return
    engine.served(peer, feed, hasFailed && peer.sent[feed] === from - 1)
    onReady()
  }

  #offer(feed: number, from: number, to: number, batch: RawBatch): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    return new Promise((taken) => {
      this.#ready.push({ feed, from, to, batch, taken })
      this.#parts.onReady()
    })
  }
}

/** The messages in frames, as they are sent; those that follow `next` without a gap. */
function messagesOf(frames: FrameBatch, next: number): { count: number; batch: RawBatch } {
  const bytes = new Uint8Array(frames)
  const reader = new FrameReader(bytes)
  const ranges: number[] = []
  while (reader.next() && reader.sequence === next + ranges.length / 2) {
    const end = reader.offset + reader.frameBytes
    ranges.push(end - reader.message.length, end)
  }
  const batch = RawBatch.ofRanges(bytes, Uint32Array.from(ranges))
  return { count: ranges.length / 2, batch }
}
