import { blockEnd, maxBlockMessages, maxBlockTextBytes } from '@dunbar/archive'
import type { FeedId, MessageKey } from '@dunbar/core'
import { readClassic } from '@dunbar/formats'
import type { ImportSource, SourceRejection } from '@dunbar/import'

/** A message of a file, checked but for its signature. */
export interface PackedMessage {
  readonly key: Uint8Array
  /** Compact JSON, byte for byte as it was signed but for white space. */
  readonly json: Uint8Array
}

/** Messages of one feed that follow each other: what one block holds. */
export interface FeedGroup {
  readonly author: FeedId
  readonly messages: readonly PackedMessage[]
  /** How much of the file has been read. */
  readonly progressBytes: number
}

/** Why a line is not packed; the reasons of `@dunbar/import` and those of the message format beside these. */
export type LeftOutReason = 'GAP' | 'KNOWN' | 'FORKED'

interface OpenFeed {
  sequence: number
  key: MessageKey
  waiting: PackedMessage[]
  waitingBytes: number
}

/** JSON of messages that wait for the rest of their block. Past it the feed with the most gets a smaller block. */
const MAX_WAITING_BYTES = 512 * 2 ** 20

/**
 * Sorts the messages of a file into groups of consecutive messages, each as large as a block may be.
 * The same file gives the same groups. What can't be packed is counted in `leftOut`.
 */
export class FeedGroups {
  readonly #feeds = new Map<FeedId, OpenFeed>()
  readonly #leftOut = new Map<string, { count: number; example: string }>()
  readonly #maxWaitingBytes: number
  #waitingBytes = 0
  #progressBytes = 0

  /** @param maxWaitingBytes JSON that may be held back; 512 MiB by default */
  constructor(maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#maxWaitingBytes = maxWaitingBytes
  }

  /** How many feeds have been seen. */
  get feedCount(): number {
    return this.#feeds.size
  }

  /** Lines that are in no group, by reason. */
  get leftOut(): readonly {
    readonly reason: string
    readonly count: number
    readonly example: string
  }[] {
    return [...this.#leftOut].map(([reason, { count, example }]) => ({ reason, count, example }))
  }

  /** @throws {SOURCE_UNREADABLE} when the disk fails */
  async *of(source: ImportSource): AsyncGenerator<FeedGroup, void, undefined> {
    for await (const { records, rejected, progressBytes } of source.records()) {
      this.#progressBytes = progressBytes
      for (const rejection of rejected) this.#reject(rejection)
      for (const { value, offset } of records) {
        const author = this.#take(value, offset)
        if (author !== null) yield* this.#full(author)
      }
    }
    for (const author of [...this.#feeds.keys()].sort()) {
      while (this.#feeds.get(author)!.waiting.length > 0) yield this.#cut(author)
    }
  }

  /** The feed that has a message more; null where the record is left out. */
  #take(bytes: Uint8Array, offset: number): FeedId | null {
    const example = `byte ${offset}`
    const read = readClassic(bytes)
    if (!read.ok) {
      this.#reject({ reason: read.reason, count: 1, example })
      return null
    }
    const { author, sequence, previous, key, keyBytes, compact } = read.message
    const feed = this.#feeds.get(author)
    const wrong = feed === undefined ? null : misplaced(feed, sequence, previous, key)
    if (wrong !== null) {
      this.#reject({ reason: wrong, count: 1, example })
      return null
    }
    const message = { key: keyBytes, json: new Uint8Array(compact) }
    if (feed === undefined) {
      this.#feeds.set(author, { sequence, key, waiting: [message], waitingBytes: compact.length })
    } else {
      feed.sequence = sequence
      feed.key = key
      feed.waiting.push(message)
      feed.waitingBytes += compact.length
    }
    this.#waitingBytes += compact.length
    return author
  }

  *#full(author: FeedId): Generator<FeedGroup, void, undefined> {
    const { waiting, waitingBytes } = this.#feeds.get(author)!
    if (waiting.length >= maxBlockMessages || waitingBytes > maxBlockTextBytes) {
      yield this.#cut(author)
    }
    while (this.#waitingBytes > this.#maxWaitingBytes) yield this.#cut(this.#largest())
  }

  #cut(author: FeedId): FeedGroup {
    const feed = this.#feeds.get(author)!
    const sizes = feed.waiting.map(({ json }) => json.length)
    const messages = feed.waiting.splice(0, blockEnd(sizes, 0))
    const cutBytes = messages.reduce((sum, { json }) => sum + json.length, 0)
    feed.waitingBytes -= cutBytes
    this.#waitingBytes -= cutBytes
    return { author, messages, progressBytes: this.#progressBytes }
  }

  #largest(): FeedId {
    let largest: FeedId | null = null
    let most = 0
    for (const [author, { waitingBytes }] of this.#feeds) {
      if (waitingBytes <= most) continue
      largest = author
      most = waitingBytes
    }
    return largest!
  }

  #reject({
    reason,
    count,
    example,
  }: Pick<SourceRejection, 'count' | 'example'> & { reason: string }) {
    const known = this.#leftOut.get(reason)
    if (known === undefined) this.#leftOut.set(reason, { count, example })
    else known.count += count
  }
}

/** A feed may begin anywhere, but from there on nothing may be missing. */
function misplaced(
  feed: OpenFeed,
  sequence: number,
  previous: MessageKey | null,
  key: MessageKey,
): LeftOutReason | null {
  if (sequence > feed.sequence + 1) return 'GAP'
  if (sequence === feed.sequence + 1) return previous === feed.key ? null : 'FORKED'
  return sequence === feed.sequence && key !== feed.key ? 'FORKED' : 'KNOWN'
}
