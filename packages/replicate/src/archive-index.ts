import { parseArchiveContent } from '@dunbar/archive'
import type { BlobId, FeedId, Sequence } from '@dunbar/core'
import { FrameReader, type ShardClient } from '@dunbar/feed'

/** The newest `archive` message of a feed. */
export interface NewestArchive {
  /** Of the message itself. */
  readonly sequence: Sequence
  readonly bundle: BlobId
  readonly last: Sequence
  /** The message as the log holds it, in memory of its own. */
  readonly message: Uint8Array
}

export interface ArchiveIndexParts {
  readonly shards: readonly ShardClient[]
  /** The stream broke; it is opened again after a while. */
  onBroken(error: unknown): void
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
}

/** Feeds whose newest archive is remembered, at about 1 KB each; of others none is offered. */
const MAX_FEEDS = 20_000
/** A thread that died is back within a second or so. */
const REOPEN_MS = 1_000

/** Follows the `archive` messages that are held, so that peers can be told of the newest of each feed. */
export class ArchiveIndex {
  readonly #parts: ArchiveIndexParts
  readonly #newest = new Map<FeedId, NewestArchive>()
  readonly #stop = new AbortController()
  readonly #reopenings = new Set<() => void>()

  constructor(parts: ArchiveIndexParts) {
    this.#parts = parts
    for (const shard of parts.shards) void this.#follow(shard)
  }

  /** Null for none. Whether it is still held, and may be passed on, is for the caller to see. */
  newest(id: FeedId): NewestArchive | null {
    return this.#newest.get(id) ?? null
  }

  close(): void {
    this.#stop.abort()
    for (const cancel of this.#reopenings) cancel()
  }

  async #follow(shard: ShardClient): Promise<void> {
    const { signal } = this.#stop
    try {
      const query = { order: 'received', type: 'archive', live: true } as const
      for await (const chunk of shard.query(query, { lane: 'remote', signal })) {
        if (!('sync' in chunk)) this.#take(new FrameReader(chunk.frames))
      }
    } catch (error) {
      if (!signal.aborted) this.#parts.onBroken(error)
    }
    if (signal.aborted) return
    const cancel = this.#parts.after(REOPEN_MS, () => {
      this.#reopenings.delete(cancel)
      void this.#follow(shard)
    })
    this.#reopenings.add(cancel)
  }

  #take(frames: FrameReader): void {
    while (frames.next()) {
      const message = Uint8Array.from(frames.message)
      const { author, sequence, content } = JSON.parse(Buffer.from(message).toString()) as {
        readonly author: FeedId
        readonly sequence: Sequence
        readonly content: unknown
      }
      const said = parseArchiveContent(content)
      if (said === null || said.last >= sequence) continue
      const before = this.#newest.get(author)
      if (before === undefined ? this.#newest.size >= MAX_FEEDS : before.sequence > sequence) {
        continue
      }
      this.#newest.set(author, { sequence, bundle: said.bundle, last: said.last, message })
    }
  }
}
