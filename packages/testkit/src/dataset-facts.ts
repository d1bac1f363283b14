import type { FeedId, MessageKey } from '@dunbar/core'

/** What of a message the facts are made of; a `GeneratedMessage` or a parsed line of `dunbar generate` is one. */
export interface DatasetMessage {
  readonly key: string
  /** Compact JSON as bytes or text, or the value itself. */
  readonly value: Uint8Array | string | object
  /** Received, ms. */
  readonly timestamp: number
}

export interface DatasetFacts {
  readonly messages: number
  readonly feeds: number
  /** Compact JSON of all values. */
  readonly sizeBytes: number
  readonly meanSizeBytes: number
  readonly maxSizeBytes: number
  /** By `content.type`; ciphertext is under `private`. */
  readonly countByType: Readonly<Record<string, number>>
  /** The feed with the most messages, the first of equals; null for an empty data set. */
  readonly largestFeed: { readonly id: FeedId; readonly messages: number } | null
  /** The root that most messages name as `root` or `fork`, itself counted. Null where nothing is a reply. */
  readonly largestThread: {
    readonly root: MessageKey
    readonly messages: number
    readonly authors: number
  } | null
  readonly firstReceived: number
  readonly lastReceived: number
}

interface Thread {
  messages: number
  readonly authors: Set<string>
}

interface Value {
  readonly author: FeedId
  readonly content:
    | string
    | { readonly type?: unknown; readonly root?: unknown; readonly fork?: unknown }
}

/** Collects facts message by message, for data sets that come as a stream. Memory grows with feeds and threads. */
export class DatasetCensus {
  #messages = 0
  #sizeBytes = 0
  #maxSizeBytes = 0
  #firstReceived = Number.POSITIVE_INFINITY
  #lastReceived = Number.NEGATIVE_INFINITY
  readonly #types = new Map<string, number>()
  readonly #feeds = new Map<FeedId, number>()
  readonly #threads = new Map<string, Thread>()
  readonly #rootAuthors = new Map<string, string>()

  /** @throws {SyntaxError} a value that is no JSON */
  add(message: DatasetMessage): void {
    const text = textOf(message.value)
    const { author, content } = JSON.parse(text) as Value
    const sizeBytes = Buffer.byteLength(text)
    this.#messages += 1
    this.#sizeBytes += sizeBytes
    this.#maxSizeBytes = Math.max(this.#maxSizeBytes, sizeBytes)
    this.#firstReceived = Math.min(this.#firstReceived, message.timestamp)
    this.#lastReceived = Math.max(this.#lastReceived, message.timestamp)
    increase(this.#feeds, author)
    if (typeof content === 'string') {
      increase(this.#types, 'private')
      return
    }
    increase(this.#types, String(content.type))
    const { root, fork } = content
    if (typeof root === 'string') this.#addReply(root, author)
    else if (content.type === 'post') this.#rootAuthors.set(message.key, author)
    if (typeof fork === 'string' && fork !== root) this.#addReply(fork, author)
  }

  facts(): DatasetFacts {
    let largestFeed: DatasetFacts['largestFeed'] = null
    for (const [id, messages] of this.#feeds) {
      if (largestFeed === null || messages > largestFeed.messages) largestFeed = { id, messages }
    }
    let largest: [string, Thread] | null = null
    for (const entry of this.#threads) {
      if (largest === null || entry[1].messages > largest[1].messages) largest = entry
    }
    return {
      messages: this.#messages,
      feeds: this.#feeds.size,
      sizeBytes: this.#sizeBytes,
      meanSizeBytes: this.#messages === 0 ? 0 : this.#sizeBytes / this.#messages,
      maxSizeBytes: this.#maxSizeBytes,
      countByType: Object.fromEntries([...this.#types].sort(([, a], [, b]) => b - a)),
      largestFeed,
      largestThread: largest === null ? null : this.#threadFacts(...largest),
      firstReceived: this.#messages === 0 ? 0 : this.#firstReceived,
      lastReceived: this.#messages === 0 ? 0 : this.#lastReceived,
    }
  }

  #threadFacts(root: string, thread: Thread): NonNullable<DatasetFacts['largestThread']> {
    const authors = new Set(thread.authors)
    const rootAuthor = this.#rootAuthors.get(root)
    if (rootAuthor !== undefined) authors.add(rootAuthor)
    return {
      root: root as MessageKey,
      messages: thread.messages + 1,
      authors: authors.size,
    }
  }

  #addReply(root: string, author: string): void {
    const thread = this.#threads.get(root)
    if (thread === undefined) this.#threads.set(root, { messages: 1, authors: new Set([author]) })
    else {
      thread.messages += 1
      thread.authors.add(author)
    }
  }
}

/** Facts of a whole data set: its largest feed and thread, sizes and counts. About 10 µs a message. */
export function describeDataset(messages: Iterable<DatasetMessage>): DatasetFacts {
  const census = new DatasetCensus()
  for (const message of messages) census.add(message)
  return census.facts()
}

function textOf(value: DatasetMessage['value']): string {
  if (typeof value === 'string') return value
  if (!(value instanceof Uint8Array)) return JSON.stringify(value)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
