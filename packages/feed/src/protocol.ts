/**
 * What may be asked of feed actors (`feed/<id>`) and of the shard actors that host them
 * (`shard/<number>`). Types only: other rooms import this file's types and the clients.
 *
 * Messages travel as frames, the very bytes of the log (see `frame.ts`):
 * `u32 length · u32 crc32c · u32 sequence · f64 received (ms) · 32-byte key · message bytes`,
 * all numbers little-endian, `length` = bytes of the message alone, crc over everything behind it.
 * A `FrameBatch` is frames one behind the other in memory of its own, so that it can be moved
 * between threads.
 */
import type { BlobId, FeedId, MessageKey, Sequence } from '@dunbar/core'

/** Log frames one behind the other. */
export type FrameBatch = ArrayBuffer

/**
 * Messages on their way in, untrusted: `u32 length · f64 received (ms, NaN = now) · 32-byte author
 * key · message bytes`, one behind the other, little-endian. The author is what the sender read
 * from the bytes to route them; the feed checks it again. Order within one feed is kept.
 */
export type IngestBatch = ArrayBuffer

/** Why messages were not taken, counted by reason. */
export interface Rejection {
  readonly reason: RejectReason
  readonly count: number
  /** Where one was seen: `<feed id>:<sequence>` or a key. */
  readonly example: string
}

/** Reasons from validation, and those that only a feed can know. */
export type RejectReason = string

/** The first message of a feed that was not taken, in one batch. */
export interface Refusal {
  readonly author: FeedId
  /** 0 where the message can't be read, or where none of the feed was looked at. */
  readonly sequence: number
  readonly reason: RejectReason
}

export interface IngestResult {
  readonly added: number
  /** Already held, byte for byte. */
  readonly known: number
  readonly rejected: readonly Rejection[]
  /** The first refusal of each feed in the batch, at most 100; left out where there is none. */
  readonly refused?: readonly Refusal[]
}

/** What happens to a feed; `quarantined` = its actor crashed too often, or its file can't be trusted. */
export type FeedState = 'ok' | 'damaged' | 'quarantined'

export interface FeedStatus {
  readonly id: FeedId
  /** Highest sequence held in an unbroken chain from 1; 0 for none. */
  readonly sequence: Sequence
  /** Messages held, out-of-order ones included. */
  readonly messages: number
  /** On the disk: the log and its blocks. */
  readonly bytes: number
  /** Of a feed with blocks only. */
  readonly sealed?: SealedMessages
  readonly state: FeedState
  readonly forked: boolean
  readonly active: boolean
  /** First of the messages whose signatures were not checked yet; left out where there are none. */
  readonly uncheckedFrom?: Sequence
  /** Of the own feed only. */
  readonly publish?: PublishStatus
}

/** The oldest messages of a feed, which lie in blocks. */
export interface SealedMessages {
  readonly messages: number
  /** Of the block files. */
  readonly bytes: number
  /** That these messages take outside of blocks. */
  readonly logBytes: number
}

/** What sealing or unsealing made of a feed. */
export interface RelaidFeed {
  /** Messages that went into blocks, or came out of them. */
  readonly messages: number
  /** On the disk: the log and its blocks. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** Both sides of a fork, as frames. */
export interface ForkEvidence {
  /** Of the refused message. */
  readonly sequence: Sequence
  /** Held at that place, or at the one before it, where the refused message names another `previous`. */
  readonly kept: FrameBatch
  readonly refused: FrameBatch
}

/**
 * Whether the node may sign for its own feed: `safe` = it holds the newest message, as far as it and
 * its peers know; `recovering` = it may not, and waits for peers or for the user; `unknown` = the
 * feed can't be asked.
 */
export type PublishState = 'unknown' | 'recovering' | 'safe'

/** What the publish lock goes by. */
export interface PublishStatus {
  readonly state: PublishState
  /** Highest sequence of the unbroken chain. */
  readonly held: Sequence
  /** Highest sequence known to have been signed here; null where there is no mark. */
  readonly mark: Sequence | null
  /** Highest sequence that a peer said to know, or that is held beyond a gap; 0 for none. */
  readonly claimed: Sequence
}

/** What may be asked of one feed. */
export type FeedCall =
  /**
   * Checks and appends messages, in order. Input is untrusted. Replies `IngestResult` when they are
   * in the log. `outOfOrder` is implied for the own feed; `isAuthored` messages were signed by a
   * client just now, and the publish lock holds for them.
   */
  | {
      readonly op: 'append'
      readonly batch: IngestBatch
      readonly outOfOrder?: boolean
      readonly isAuthored?: boolean
    }
  /** What an `archive` message of the feed promises; its bytes are checked. Replies `ArchiveClaim`. */
  | { readonly op: 'readArchive'; readonly message: ArrayBuffer }
  /**
   * Checks a block of an archive and appends its messages. Replies `IngestResult`. On trust in the
   * `author`, whose archive reaches to `through`, signatures are checked later, and nothing is passed
   * on before. Never for the own feed.
   */
  | {
      readonly op: 'appendBlock'
      readonly block: ArrayBuffer
      /** The blobs of the dictionaries that the block needs, in any order. */
      readonly dictionaries: readonly ArrayBuffer[]
      readonly trust: BlockTrust
      readonly through: Sequence
      /** Key that the bundle promises for the last message of the block; left out where nothing does. */
      readonly lastMessage?: MessageKey
    }
  /** Signs and appends content to the own feed; replies a `FrameBatch` of one when it is synced. A string is taken as ciphertext. */
  | { readonly op: 'publish'; readonly content: string }
  /** The message at a sequence as a `FrameBatch`, or null. */
  | { readonly op: 'get'; readonly sequence: Sequence }
  /** The newest message of the unbroken chain as a `FrameBatch`, or null. */
  | { readonly op: 'latest' }
  | { readonly op: 'status' }
  /**
   * A peer said that the newest message of the own feed that it knows is `sequence`, from 1 on: where
   * that is not held here it closes the publish lock, unless a stranger said so. Replies `PublishStatus`.
   */
  | { readonly op: 'claim'; readonly sequence: Sequence; readonly isStranger: boolean }
  /**
   * Peers agree that the newest message of the own feed is `sequence`: where that is the newest one here
   * it opens a publish lock that waits for peers. Replies `PublishStatus`.
   */
  | { readonly op: 'confirm'; readonly sequence: Sequence }
  /** The user decides that what is held of the own feed is all there is. Replies `PublishStatus`. */
  | { readonly op: 'unlock' }
  | { readonly op: 'forks' }
  /** Re-checks every stored message, while others are served; replies `{ messages, damaged: [{ sequence, reason }], unlisted? }`. */
  | { readonly op: 'verify' }
  /** Folds the indexes of this feed again from its log, in one go; replies `{ messages }`. */
  | { readonly op: 'rebuild' }
  /**
   * Packs the oldest messages into blocks, while others are served. Replies `RelaidFeed`. Where no
   * numbers are given those of the configuration hold.
   */
  | { readonly op: 'seal'; readonly keepMessages?: number; readonly minMessages?: number }
  /** Takes all messages out of their blocks. Replies `RelaidFeed`. */
  | { readonly op: 'unseal' }
  /** Stream: messages in sequence order; chunks are `FeedChunk`. */
  | ({ readonly op: 'read' } & ReadRange)

/** What vouches for the texts in a block. */
export type BlockTrust = 'author' | 'signatures'

/** What an `archive` message says; its signature was checked. */
export interface ArchiveClaim {
  readonly bundle: BlobId
  /** Size of the bundle's blob in bytes. */
  readonly size: number
  readonly first: Sequence
  readonly last: Sequence
  readonly lastMessage: MessageKey
  /** Highest sequence of the unbroken chain that is held of the feed. */
  readonly held: Sequence
}

export interface ReadRange {
  /** First sequence wanted; default 1. */
  readonly from?: Sequence
  /** Last sequence wanted; default: no end. */
  readonly to?: Sequence
  readonly limit?: number
  readonly reverse?: boolean
  readonly live?: boolean
  /** Stored ones; default true. */
  readonly old?: boolean
  /** For somebody else: nothing from the first unchecked message on. Default false. */
  readonly isPassedOn?: boolean
}

/** A run of messages, or the point where everything stored has been given and live ones follow. */
export type FeedChunk = { readonly frames: FrameBatch } | { readonly sync: true }

/** Which number orders a shard's stream: local arrival, or min(received, claimed) as `createFeedStream` has it. */
export type Order = 'received' | 'claimed'

/** Which messages of a shard; all conditions hold at once. */
export interface ShardQuery {
  readonly order: Order
  readonly author?: FeedId
  readonly type?: string
  /** Bounds on the order's number, ms. */
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
  readonly reverse?: boolean
  readonly live?: boolean
  readonly old?: boolean
  readonly limit?: number
}

/** Messages in the asked order, with the number that orders each, so that shards can be merged. */
export type ShardChunk =
  | { readonly frames: FrameBatch; readonly order: Float64Array }
  | { readonly sync: true }

/** Which links of a shard. At least one of `dest`, `source`, `rel` should be given. */
export interface LinkQuery {
  /** Any feed, message or blob id. */
  readonly dest?: string
  readonly source?: FeedId
  readonly rel?: string
  readonly live?: boolean
  readonly old?: boolean
  readonly reverse?: boolean
}

/** Links in order of arrival; `frames` runs beside `links`. */
export type LinkChunk =
  | {
      readonly links: readonly LinkRow[]
      readonly frames: FrameBatch
      readonly order: Float64Array
    }
  | { readonly sync: true }

export interface LinkRow {
  readonly source: FeedId
  readonly dest: string
  readonly rel: string
  readonly key: MessageKey
}

/** A message of a tangle with what sorting needs, so that nobody parses it again. */
export interface TangleRow {
  readonly key: MessageKey
  readonly author: FeedId
  /** Claimed, ms. */
  readonly timestamp: number
  readonly received: number
  readonly root: MessageKey | null
  readonly fork: MessageKey | null
  readonly branch: readonly MessageKey[]
  readonly isPrivate: boolean
}

/**
 * A shard's hash index from key to row, in memory that is shared while the shard writes it. A slot is
 * row + 1, 0 is free; `high` and `low` are the first 64 bits of each row's key.
 */
export interface KeyTable {
  readonly slots: Uint32Array<SharedArrayBuffer>
  readonly high: Uint32Array<SharedArrayBuffer>
  readonly low: Uint32Array<SharedArrayBuffer>
  readonly seed: { readonly high: number; readonly low: number }
}

/** Which tangle. */
export interface TangleWanted {
  readonly root: MessageKey
  /** Name of a v2 tangle; left out for threads. */
  readonly name?: string
  /**
   * The private thread of this root, as far as the node can read it, instead of the public one.
   * Refused with `PRIVATE_INDEX_FULL` where the shard holds more private messages for the node than
   * it remembers (200,000): an answer from a part of them would pass for the whole thread.
   */
  readonly private?: boolean
}

/**
 * Messages of a tangle: the columns run beside `frames`, and `tangleMessages` makes rows of them.
 * Frames of private messages hold ciphertext.
 */
export interface TangleChunk {
  readonly frames: FrameBatch
  /** The root that was asked for. */
  readonly root: MessageKey
  readonly keys: readonly MessageKey[]
  readonly authors: readonly FeedId[]
  readonly timestamps: readonly number[]
  /** True for `root`. */
  readonly roots: readonly (MessageKey | true | null)[]
  readonly forks: readonly (MessageKey | null)[]
  readonly branches: readonly (readonly MessageKey[])[]
  readonly isPrivate: readonly boolean[]
}

/** Latest word of one author on another: 1 follows, -1 blocks, 0 neither. */
export interface ContactRow {
  readonly source: FeedId
  readonly dest: FeedId
  readonly state: 1 | 0 | -1
}

/** Contacts side by side, of which `contactRows` makes rows: `ids[sources[i]]` says `states[i]` of `ids[dests[i]]`. */
export interface ContactColumns {
  readonly ids: readonly FeedId[]
  readonly sources: Uint32Array
  readonly dests: Uint32Array
  readonly states: Int8Array
}

/** Latest words of authors on others, or the point where everything held has been given and changes follow. */
export type ContactChunk = ContactColumns | { readonly sync: true }

/**
 * How far feeds are held, in columns side by side: ids of 32 bytes, and the sequence up to which each
 * is held without a gap. `passable` has those up to which they may be passed on, where that is less for
 * any of them. Or the point where all feeds have been given and changes follow. A feed may
 * come with a lower number than before, 0 for none, where messages turned out to be damaged.
 */
export type ClockChunk =
  | {
      readonly authors: Uint8Array
      readonly sequences: Uint32Array
      readonly passable?: Uint32Array
    }
  | { readonly sync: true }

/** Which forks of a shard. */
export interface ForkQuery {
  /** Go on with those whose evidence is kept from here on. Default false. */
  readonly live?: boolean
  /** Those whose evidence is kept already. Default true. */
  readonly old?: boolean
}

/** A fork by the keys of its two sides; `sequence` is that of the refused message. */
export interface ForkRow {
  readonly id: FeedId
  readonly sequence: Sequence
  readonly kept: MessageKey
  readonly refused: MessageKey
}

/** Forks of one feed, or the point where all known ones have been given and new ones follow. */
export type ForkChunk = { readonly forks: readonly ForkRow[] } | { readonly sync: true }

/** What may be asked of a shard. */
export type ShardCall =
  /**
   * Messages of many feeds; replies `IngestResult`. Those that come in bulk may stay off the disk
   * for 15 s or 64 MiB: who tells of them asks for a `checkpoint` or `sync` first.
   */
  | {
      readonly op: 'ingest'
      readonly batch: IngestBatch
      readonly outOfOrder?: boolean
      readonly isBulk?: boolean
    }
  /** The message with this key as a `FrameBatch` of one, or null. */
  | { readonly op: 'getByKey'; readonly key: Uint8Array }
  /** `KeyTable`: which keys the shard holds, for hints. */
  | { readonly op: 'keys' }
  /** `ContactRow[]` of these authors' contact messages. */
  | { readonly op: 'contacts'; readonly sources: readonly FeedId[] }
  /** `FeedStatus[]`, sorted by id. */
  | { readonly op: 'feeds' }
  /** Names given to these feeds: `{ id, name }[]`, the author's own claim. */
  | { readonly op: 'names'; readonly ids: readonly FeedId[] }
  | { readonly op: 'status' }
  /** Resolves when all that was appended is on the disk. */
  | { readonly op: 'sync' }
  /** Writes the derived state, so that the next start is fast. */
  | { readonly op: 'checkpoint' }
  /** Stream of `ShardChunk`. */
  | ({ readonly op: 'query' } & ShardQuery)
  /** Stream of `LinkChunk`. */
  | ({ readonly op: 'links' } & LinkQuery)
  /**
   * Stream of `TangleChunk`: the root, where this shard has it, and the messages that name it as
   * root or fork. With `name`: of that v2 tangle. With `private` it may end with `PRIVATE_INDEX_FULL`.
   */
  | ({ readonly op: 'tangle' } & TangleWanted)
  /** Stream of `TangleChunk`: those that arrive from now on. */
  | ({ readonly op: 'tangleLive' } & TangleWanted)
  /** Stream of `ClockChunk`: all feeds that are held, then changes, at most one chunk a turn. */
  | { readonly op: 'clock'; readonly live?: boolean }
  /** Stream of `ContactChunk`: what all authors of the shard say of others, then changes. */
  | { readonly op: 'contactStream'; readonly live?: boolean }
  /** Stream of `ForkChunk`: the forks of all feeds by their id bytes, then new ones; each once. */
  | ({ readonly op: 'forkStream' } & ForkQuery)
  /**
   * Stream of `RebuildChunk`: throws the derived state away and folds all feeds again. The state
   * before serves until the last chunk; then streams over rows end with `INDEX_REBUILT`.
   */
  | { readonly op: 'rebuild' }

/** How far a rebuild is; the last chunk says of which feeds nothing could be folded. */
export interface RebuildChunk {
  /** Feeds that are folded again, and messages of them. */
  readonly feeds: number
  readonly totalFeeds: number
  readonly messages: number
  /** Null until the end. `reason`: `LOG_MISSING`, or the code of what the system said. */
  readonly failed: readonly { readonly feed: FeedId; readonly reason: string }[] | null
}

export interface ShardStatus {
  readonly shard: number
  readonly feeds: number
  readonly activeFeeds: number
  readonly messages: number
  /** On the disk: logs and blocks. */
  readonly bytes: number
  /** Of all feeds with blocks together. */
  readonly sealed: SealedMessages & { readonly feeds: number }
  readonly quarantined: readonly FeedId[]
  readonly damaged: readonly FeedId[]
  /**
   * Feeds whose log went away. Only the derived state knows of them: after a rebuild, or where
   * `derived/` went away too, nobody does.
   */
  readonly missing: readonly FeedId[]
  /** Of the shard that has the own feed. */
  readonly publish?: PublishStatus
  readonly cache: {
    readonly bytes: number
    readonly maxBytes: number
    readonly hits: number
    readonly misses: number
  }
  readonly openFiles: number
  readonly tableBytes: number
  /** Derived state: what is folded, of what is stored. */
  readonly indexes: { readonly start: number; readonly current: number; readonly target: number }
}
