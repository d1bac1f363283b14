import type { Ports } from '@dunbar/actor'
import type { FeedId, Sequence } from '@dunbar/core'
import type { FeedRecord, ForkRecord, UncheckedRange } from './feed-record.js'
import { OpenShardStore } from './open-shard-store.js'
import type { FrameBatch, KeyTable, Order, SealedMessages } from './protocol.js'
import type { Relaying } from './relaying.js'
import type { PackFrames, SealPolicy } from './sealing.js'
import type { StoreLimits } from './store-limits.js'

/** What a store takes from the machine. */
export type StorePorts = Pick<Ports, 'fs' | 'clock' | 'timers' | 'turns' | 'random'>

/** Something that a store met and lived with. Counted in `statistics().troubles` by kind. */
export type StoreTrouble =
  /** The log ended in a frame that was not written whole; it was cut back to the last whole one. */
  | { readonly kind: 'tornTail'; readonly feed: FeedId; readonly cutBytes: number }
  /** Bytes in the middle of a log that are no frame; those behind them still serve. */
  | {
      readonly kind: 'damagedRange'
      readonly feed: FeedId
      readonly from: number
      readonly to: number
    }
  /** A frame that was good when it was indexed can't be read any more. `setBack` has it asked for again, `rebuildFeed` takes its row out. */
  | { readonly kind: 'damagedFrame'; readonly feed: FeedId; readonly sequence: Sequence }
  /** The log is shorter than the snapshot knew it; the feed was folded again. */
  | { readonly kind: 'logShrunk'; readonly feed: FeedId; readonly lostBytes: number }
  /** The snapshot knew a feed that has no folder. */
  | { readonly kind: 'feedMissing'; readonly feed: FeedId }
  /** A name under `feeds/` that is not a feed's. */
  | { readonly kind: 'foreignName'; readonly path: string }
  /** `feed.json` can't be read; the feed counts as one without. */
  | { readonly kind: 'recordDamaged'; readonly feed: FeedId; readonly reason: string }
  /** `feed.json` could not be written; `flush` tries again. */
  | { readonly kind: 'recordFailed'; readonly feed: FeedId; readonly reason: string }
  /** A sync failed. `isRecovered`: the log was written anew and synced; otherwise the feed is quarantined. */
  | { readonly kind: 'syncFailed'; readonly feed: FeedId; readonly isRecovered: boolean }
  /** The derived state could not be used and is folded again from the logs. */
  | { readonly kind: 'snapshotUnusable'; readonly reason: string }
  /** The derived state could not be written when the store closed; the next start folds it from the logs. */
  | { readonly kind: 'snapshotFailed'; readonly reason: string }
  /** A log could not be opened or read; its feed is quarantined. */
  | { readonly kind: 'logUnreadable'; readonly feed: FeedId; readonly reason: string }

export interface ShardStoreOptions {
  readonly ports: StorePorts
  /** The data folder: `feeds/` and `derived/` are in it. */
  readonly root: string
  readonly shard: number
  readonly shards: number
  readonly limits?: Partial<StoreLimits>
  /** Whether a feed is this shard's. */
  readonly belongsHere: (feedIdBytes: Uint8Array) => boolean
  /** Told, in the same turn, whenever an answer may be another from here on. */
  readonly changed?: () => void
  /** Told of each trouble as it is met. */
  readonly report?: (trouble: StoreTrouble) => void
  /** A message that counts as held was found damaged, and none before it yet: `setBack` is due, but not in this call. */
  readonly foundDamaged?: (feed: FeedId) => void
}

/** A checked message on its way into a log. The store keeps none of the objects given. */
export interface AppendEntry {
  readonly sequence: Sequence
  /** Local arrival, ms. */
  readonly received: number
  /** 32 bytes. */
  readonly keyBytes: Uint8Array
  /** What is stored and sent: the message as compact JSON. */
  readonly compact: Uint8Array
  /** The parsed message; its `content` is indexed. */
  readonly value: { readonly content: unknown; readonly previous?: unknown }
  /** Claimed by the author, ms. */
  readonly timestamp: number
  /** Continues the unbroken chain. */
  readonly inChain: boolean
}

export interface FeedInfo {
  readonly id: FeedId
  /** Own copy, 32 bytes. */
  readonly idBytes: Uint8Array
  /** Highest sequence of the unbroken chain from 1; 0 for none. */
  readonly sequence: Sequence
  /** Highest sequence held at all; above `sequence` where messages came out of order. */
  readonly highestSequence: Sequence
  /** Key of the message at `sequence`: own copy, 32 bytes; null for none. */
  readonly headKey: Uint8Array | null
  /** Row of the message at `sequence`; -1 for none. */
  readonly headRow: number
  readonly messages: number
  /** On the disk: the log and its blocks. */
  readonly bytes: number
  /** Null for a feed without blocks. */
  readonly sealed: SealedMessages | null
  readonly flags: FeedFlags
}

export interface FeedFlags {
  /** Some of the log can't be read. */
  readonly isDamaged: boolean
  /** `feed.json` says so, or its log can't be trusted: nothing is appended. */
  readonly isQuarantined: boolean
  readonly isForked: boolean
  /** Holds messages above the unbroken chain. */
  readonly isOutOfOrder: boolean
}

/** Bounds on the order's number, ms. */
export interface OrderBounds {
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
}

/** Frames of several rows. */
export interface RowFrames {
  /** Memory of its own, ready to be moved. */
  readonly frames: FrameBatch
  /** Rows dealt with, from the first one given; those that can't be read are among them. */
  readonly count: number
  /** Rows whose frames are there, in the order of `frames`. */
  readonly rows: Uint32Array
}

export interface RangeFrames {
  readonly frames: FrameBatch
  /** Messages in `frames`, with consecutive sequences. */
  readonly count: number
  /** Where to go on; null at the end of what is held, or at a hole. */
  readonly next: Sequence | null
}

/** Links by position: `rows[i]` names the target with `relations[i]` (see `relationName`). In order of arrival. */
export interface LinkRows {
  readonly rows: Uint32Array
  readonly relations: Uint16Array
}

export interface ContactState {
  readonly dest: FeedId
  readonly state: 1 | 0 | -1
  readonly sequence: Sequence
}

/** Rows that last set each of an author's words on a target; -1 for none. */
export interface AboutRows {
  readonly author: number
  readonly nameRow: number
  readonly imageRow: number
  readonly descriptionRow: number
}

export interface Progress {
  readonly start: number
  readonly current: number
  readonly target: number
}

/** How far a rebuild is. */
export interface RebuildProgress {
  /** Feeds that are folded again. */
  readonly feeds: number
  readonly totalFeeds: number
  readonly messages: number
}

/** A feed that can't be folded again. */
export interface RebuildFailure {
  readonly feed: FeedId
  /** `LOG_MISSING` for a log that is gone, else the code of what the system said. */
  readonly reason: string
}

/** What a walk over a log met at one place. Views are valid until the next step. */
export type WalkedFrame =
  | {
      readonly kind: 'frame'
      readonly sequence: Sequence
      /** Local arrival, ms. */
      readonly received: number
      readonly key: Uint8Array
      readonly message: Uint8Array
    }
  /** Bytes that are no frame; `sequence` is the one that belongs there, by what stands before. */
  | {
      readonly kind: 'damaged'
      readonly sequence: Sequence
      /** The last one that stood there, where that is known; null elsewhere. */
      readonly lastSequence: Sequence | null
      readonly reason: 'FRAME_DAMAGED' | 'FRAME_TORN' | 'BLOCK_DAMAGED'
      readonly from: number
      readonly to: number
    }

export interface StoreStatistics {
  readonly feeds: number
  readonly messages: number
  /** Of all logs and blocks together. */
  readonly bytes: number
  readonly sealed: SealedMessages & { readonly feeds: number }
  readonly cache: {
    readonly bytes: number
    readonly maxBytes: number
    readonly hits: number
    readonly misses: number
  }
  readonly openFiles: number
  /** Feeds whose log was used since they were last passivated. */
  readonly activeFeeds: number
  /** As `progress`. */
  readonly indexes: Progress
  /** Memory of the tables and indexes. */
  readonly tableBytes: number
  /** Rows whose message is gone; taken out at the next start. */
  readonly droppedRows: number
  readonly dirtyLogs: number
  readonly damaged: readonly FeedId[]
  readonly quarantined: readonly FeedId[]
  /** Feeds that the derived state knew with messages and whose log went away; a rebuild forgets them. */
  readonly missing: readonly FeedId[]
  readonly troubles: Readonly<Partial<Record<StoreTrouble['kind'], number>>>
}

/**
 * The messages of one shard and what is derived from them. All calls but those that return a promise
 * are synchronous. A row is the number of a message, from 0, in order of arrival; rows stay valid
 * while the store lives, and those of a dropped feed read as null.
 */
export interface ShardStore {
  /** Whether the derived state is complete. Until then nothing is appended (`STORE_NOT_READY`). */
  readonly isReady: boolean
  /** Bytes of log that are indexed, of those that there are. */
  readonly progress: Progress
  /**
   * Goes on opening for about `budgetMs`. Returns true when there is nothing left to do.
   * @throws {STORE_FAILED} the data folder can't be read or made
   */
  step(budgetMs: number): boolean

  /** The number of a feed, -1 for one that is not held. */
  feedNumber(idBytes: Uint8Array): number
  /** The number of a feed, which is made where it is missing. Touches no disk. */
  addFeed(idBytes: Uint8Array): number
  /** Numbers of all feeds, by id bytes ascending. */
  feedNumbers(): Uint32Array
  feedInfo(feed: number): FeedInfo
  /** `feedInfo(feed).sequence`, at a hundredth of the cost. */
  headSequence(feed: number): Sequence
  feedId(feed: number): FeedId
  /** The 32 bytes of its id: a view, valid until a feed is added. */
  feedIdBytes(feed: number): Uint8Array
  /** What `feed.json` says, or will say once it is written. Touches the disk. A damaged one is reported, and reads as if no signature were checked. */
  record(feed: number): FeedRecord
  /** Replaces `feed.json`; resolves when it is on the disk. @throws {STORE_FULL} @throws {STORE_FAILED} */
  writeRecord(feed: number, record: FeedRecord): Promise<void>
  /** Messages of a feed whose signatures were not checked yet; null for none. Nothing from there on is passed on. */
  unchecked(feed: number): UncheckedRange | null
  /** The last message of the unbroken chain before the first of those; 0 for none. */
  checkedTo(feed: number): Sequence
  /** Feeds with such messages. */
  uncheckedFeeds(): FeedId[]
  /** Counts up when messages became unchecked, or checked, and when a head moved without a message that came. */
  readonly checkCount: number
  /**
   * Takes the messages of a feed away from a sequence on, and all that came after the first of them,
   * but for what lies in blocks; folds the rest again. Nothing of it is on the disk before the next `flush`.
   * @throws {STORE_BUSY} @throws {STORE_FAILED}
   */
  cutBack(feed: number, from: Sequence): void
  /**
   * Lets a feed count as held up to the first message that was found damaged and no further, so that
   * peers are asked for it; the messages themselves stay as they are until they come again. False
   * where none was found, or all can be read after all.
   * @param suspects messages to look at first, on the disk
   */
  setBack(feed: number, suspects?: readonly Sequence[]): boolean
  /** Moves the head over messages that are held behind it, one of which could not be read for a while. */
  closeUp(feed: number): void
  /**
   * Keeps a signed message that contradicts one that is held, with that one, and marks the feed as
   * forked: a second message for a place that is taken, or one for the next place that names another
   * message as `previous`. The caller knows that it is one of these. At most 16 a feed; the same one
   * counts once. `flush` waits until it is on the disk; a failure there is reported.
   * @throws {STORE_FAILED} the log can't be read
   */
  noteFork(feed: number, refused: AppendEntry): void
  /** The evidence kept, the first one seen first. Touches the disk. */
  forks(feed: number): readonly ForkRecord[]
  /** Numbers of the feeds with evidence of a fork, by id bytes ascending. */
  forkedFeeds(): Uint32Array
  /** How much evidence was kept since the store was opened: what is kept later has numbers from here on. */
  readonly keptForkCount: number
  /** The evidence with a number below `keptForkCount`: its feed, and its place among `forks(feed)`. */
  keptFork(number: number): { readonly feed: number; readonly index: number }

  /**
   * Appends one run of messages with one write, then indexes them, then moves the head over those in
   * the chain and over messages that waited out of order behind them. All or nothing. Resolves
   * nothing about the disk: see `flush`. With `isBulk` the sync may wait longer, for a caller that
   * calls `flush` before it tells anyone, and can give the messages again.
   * @throws {STORE_FULL} the disk took only a part; nothing is kept
   * @throws {STORE_FAILED} any other failure of the disk; nothing is kept
   * @throws {STORE_QUARANTINED} the log can't be trusted
   * @throws {STORE_NOT_READY} the store is opening
   * @throws {STORE_ENTRY_INVALID} an entry is out of bounds, or `inChain` does not continue the chain
   */
  append(feed: number, entries: readonly AppendEntry[], isBulk?: boolean): void
  /**
   * As `append`, but nothing is indexed, and so seen by anyone, before the frames are on the disk
   * and `commit` has resolved. Where either fails the frames are taken back. One at a time a feed.
   * @throws {STORE_SYNC_FAILED} also `STORE_BUSY`, those of `append` and of `commit`
   */
  appendDurably(
    feed: number,
    entries: readonly AppendEntry[],
    commit: () => Promise<void>,
  ): Promise<void>
  /** Resolves when all that was appended before is on the disk. @throws {STORE_SYNC_FAILED} also where a sync lost some earlier, until the store is opened again */
  flush(): Promise<void>

  /** The row with this key, confirmed on the disk or in the cache; -1 for none, and for one that can't be read. */
  findKey(keyBytes: Uint8Array): number
  /** The index that `findKey` looks into, for hints. */
  readonly keys: KeyTable
  /** The row at a sequence, -1 for none. */
  rowAt(feed: number, sequence: Sequence): number
  /** The row of the newest message of the unbroken chain, -1 for none. */
  headRow(feed: number): number
  /** Rows of a feed by sequence. The caller must not change the array. */
  rowsOfFeed(feed: number): Uint32Array
  /** How many rows there are: rows that arrive later have numbers from here on. */
  readonly rowCount: number
  /** Counts up when rows are numbered anew (`rebuildFeed`, `rebuildAll`): who remembers rows starts over. */
  readonly generation: number
  /** Whether a row is there and was not dropped. */
  isLive(row: number): boolean
  feedOf(row: number): number
  sequenceOf(row: number): Sequence
  /** The number that orders a row. */
  orderOf(order: Order, row: number): number
  /** The type of a row's message, '' for an encrypted one. Reads the message where its type has no number. */
  typeOf(row: number): string

  /**
   * The frame of a row as a view into the cache, not to be changed.
   * @throws {STORE_ROW_DAMAGED} the bytes are not the message that was indexed; `rebuildFeed` takes it out
   * @throws {STORE_ROW_GONE} the row was dropped
   * @throws {STORE_FAILED} the log can't be read
   */
  readRow(row: number): Uint8Array
  /**
   * Frames of rows in the order given, at least one and then while they fit into `maxBytes` and do
   * not lie in more than a few blocks that have to be opened. Rows of a log that can't be read are
   * left out as damaged ones are.
   */
  readRows(rows: Uint32Array | readonly number[], maxBytes: number): RowFrames
  /** Frames with consecutive sequences from `fromSequence` on, at least one and then as `readRows`. */
  readRange(feed: number, fromSequence: Sequence, maxCount: number, maxBytes: number): RangeFrames

  /** Rows of a type, in order of arrival. A type beyond the bound of named types is confirmed by reading. */
  rowsByType(type: string): Uint32Array
  /** Rows in an order, ties by feed id bytes, then by sequence. */
  rowsBetween(order: Order, bounds: OrderBounds): Uint32Array
  /**
   * Links to a feed, message or blob id. Targets are told apart by 64 bits that an author may
   * choose: who acts on a link confirms it in the message.
   */
  linksTo(targetId: string, relation?: string): LinkRows
  /** Links in the messages of a feed. */
  linksFrom(feed: number, relation?: string): LinkRows
  /** All links with a relation. */
  linksWith(relation: string): LinkRows
  /** The relation behind a number; null where it takes reading. */
  relationName(relation: number): string | null
  /** Latest word of a feed on each other one. */
  contacts(feed: number): ContactState[]
  /** As `contacts`, with a number for each other one, for `contactId`; the feed itself may be among them. */
  contactNumbers(feed: number, visit: (dest: number, state: ContactState['state']) => void): void
  /** The id behind a number of `contactNumbers`, until a contact message arrives. */
  contactId(dest: number): FeedId
  /** Its latest word on one other; null for none, and for what is no feed id. */
  contact(feed: number, dest: unknown): ContactState | null
  /** Who said what about a target (feed, message or blob id). */
  about(targetId: string): AboutRows[]
  /** What one author said about a target; null for nothing. */
  aboutBy(author: number, targetId: string): AboutRows | null
  /** The name that a feed gave itself; null for none. Reads one message. */
  nameOf(feed: number): string | null

  /** Walks the whole log of a feed, checking each frame; one step is at most some 100 KiB of reading. @throws {STORE_FAILED} */
  walkFeed(feed: number): Generator<WalkedFrame>
  /** Folds one feed again from its log; returns its messages. Blocks for about 10 µs a message. */
  rebuildFeed(feed: number): number
  /**
   * Throws the snapshot away and folds all feeds again, beside the state that goes on serving, which
   * is replaced with the last step. Returns the feeds that can't be folded. Leaving it early leaves
   * the state as it was.
   * @throws {STORE_NOT_READY} @throws {STORE_BUSY} one is under way already
   * @throws {STORE_FAILED} the folder of feeds can't be listed
   */
  rebuildAll(): Generator<RebuildProgress, readonly RebuildFailure[]>
  /**
   * Packs the oldest messages of a feed into blocks; see `Relaying`. One change of a feed at a time.
   * @param pack done elsewhere or here
   * @throws {STORE_BUSY} @throws {STORE_QUARANTINED} @throws {STORE_NOT_READY}
   */
  sealing(feed: number, policy: SealPolicy, pack: PackFrames): Relaying
  /** Writes all blocks of a feed back to its log. @throws as `sealing` */
  unsealing(feed: number): Relaying
  /** Whether a feed's log is open, so that it costs more than its columns. */
  isOpen(feed: number): boolean
  /** Gives back the file handle and the cached frames of a feed. */
  passivate(feed: number): void
  /**
   * Syncs what is not on the disk, then writes the derived state as it is at this moment, a MiB a
   * turn; nothing where it is written already.
   * @throws {STORE_NOT_READY} @throws {STORE_SYNC_FAILED} @throws {STORE_FULL} @throws {STORE_FAILED}
   */
  checkpoint(): Promise<void>
  statistics(): StoreStatistics
  /**
   * Syncs what is not on the disk, writes the derived state, closes all files. Further calls are
   * refused. Derived state that can't be written is reported, not thrown: nothing is lost with it.
   * @throws {STORE_SYNC_FAILED} also `STORE_FULL` and `STORE_FAILED` of a `feed.json`
   */
  close(): Promise<void>
}

/**
 * The store of a shard, not yet ready: call `step` until it returns true.
 * @throws {STORE_FAILED} the data folder can't be made
 */
export function openShardStore(options: ShardStoreOptions): ShardStore {
  return new OpenShardStore(options)
}
