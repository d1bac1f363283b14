import type { CallOptions, Router, StreamOptions } from '@dunbar/actor'
import type { FeedId, MessageKey, Sequence } from '@dunbar/core'
import type {
  ArchiveClaim,
  BlockTrust,
  ClockChunk,
  ContactChunk,
  ContactRow,
  FeedChunk,
  FeedStatus,
  ForkChunk,
  ForkEvidence,
  ForkQuery,
  FrameBatch,
  IngestBatch,
  IngestResult,
  KeyTable,
  LinkChunk,
  LinkQuery,
  PublishStatus,
  ReadRange,
  RebuildChunk,
  RelaidFeed,
  ShardCall,
  ShardChunk,
  ShardQuery,
  ShardStatus,
  TangleChunk,
  TangleWanted,
} from './protocol.js'
import { feedActorName, shardActorName } from './shard-host.js'
import type { Verification } from './verification.js'

/** A publish waits for a disk sync, which a busy disk may delay. */
const PUBLISH_DEADLINE_MS = 30_000
/** Chunks of a tangle under way at once, some 2 MiB: most tangles come in one go. */
const TANGLE_CREDIT = 16
/** Also of one that waits for other feeds. */
const BLOCK_DEADLINE_MS = 2 * 60_000
/** Work that goes through a whole feed or shard. */
const LONG_DEADLINE_MS = 60 * 60_000

/** Asks one feed's actor. Errors as `Router.call`, and the feed's own. */
export class FeedClient {
  readonly #router: Router
  readonly #name: string

  constructor(router: Router, id: FeedId) {
    this.#router = router
    this.#name = feedActorName(id)
  }

  /** Appends messages, untrusted; see `FeedCall`. The batch is moved. */
  append(batch: IngestBatch, outOfOrder = false, options: CallOptions = {}): Promise<IngestResult> {
    const call = { op: 'append', batch, outOfOrder } as const
    return this.#router.call(this.#name, call, { lane: 'remote', ...options, transfer: [batch] })
  }

  /**
   * What an `archive` message of the feed promises, once its signature was checked.
   * @param message not trusted; moved
   * @throws {ARCHIVE_MESSAGE_INVALID} @throws {ARCHIVE_OWN_FEED} @throws {ARCHIVE_DISTRUSTED}
   */
  readArchive(message: ArrayBuffer): Promise<ArchiveClaim> {
    const call = { op: 'readArchive', message } as const
    return this.#router.call(this.#name, call, { lane: 'remote', transfer: [message] })
  }

  /**
   * Appends the messages of a block, untrusted; see `FeedCall`. What it adds is known to be on the
   * disk after the next `sync` or `checkpoint` of the shard.
   * @param block moved
   * @param dictionaries the blobs that it needs; copied
   * @param options `through`: where the author's archive ends
   * @throws {ARCHIVE_…} what is wrong with the block, or why none is taken
   */
  appendBlock(
    block: ArrayBuffer,
    dictionaries: readonly ArrayBuffer[],
    options: {
      readonly trust: BlockTrust
      readonly through: Sequence
      readonly lastMessage?: MessageKey
    },
  ): Promise<IngestResult> {
    const call = { op: 'appendBlock', block, dictionaries, ...options } as const
    return this.#router.call(this.#name, call, {
      lane: 'remote',
      deadlineMs: BLOCK_DEADLINE_MS,
      transfer: [block],
    })
  }

  /**
   * Takes a message that a client signed for the own feed just now; the publish lock holds for it.
   * @throws {PUBLISH_LOCKED}
   */
  addAuthored(batch: IngestBatch): Promise<IngestResult> {
    const call = { op: 'append', batch, isAuthored: true } as const
    return this.#router.call(this.#name, call, {
      deadlineMs: PUBLISH_DEADLINE_MS,
      transfer: [batch],
    })
  }

  /**
   * Signs and appends; resolves when the message is on the disk.
   * @param content JSON text of the content, or of a string of ciphertext
   * @throws {PUBLISH_LOCKED} @throws {NOT_OWN_FEED} @throws {CONTENT_INVALID} @throws {MESSAGE_TOO_LONG}
   */
  publish(content: string): Promise<FrameBatch> {
    const call = { op: 'publish', content } as const
    return this.#router.call(this.#name, call, { deadlineMs: PUBLISH_DEADLINE_MS })
  }

  get(sequence: Sequence): Promise<FrameBatch | null> {
    return this.#router.call(this.#name, { op: 'get', sequence })
  }

  latest(): Promise<FrameBatch | null> {
    return this.#router.call(this.#name, { op: 'latest' })
  }

  status(): Promise<FeedStatus> {
    return this.#router.call(this.#name, { op: 'status' }, { isPatient: true })
  }

  /**
   * Tells the own feed what a peer knows of it; see `FeedCall`.
   * @param sequence from 1 on: a peer that knows nothing of the feed says nothing about it
   * @param isStranger whose word closes no lock
   * @throws {NOT_OWN_FEED} @throws {REQUEST_INVALID}
   */
  claim(sequence: Sequence, isStranger = false): Promise<PublishStatus> {
    const call = { op: 'claim', sequence, isStranger } as const
    return this.#router.call(this.#name, call, {
      lane: 'remote',
      deadlineMs: PUBLISH_DEADLINE_MS,
    })
  }

  /**
   * Tells the own feed that peers agree on its newest message; see `FeedCall`.
   * @throws {NOT_OWN_FEED} @throws {REQUEST_INVALID}
   */
  confirm(sequence: Sequence): Promise<PublishStatus> {
    const call = { op: 'confirm', sequence } as const
    return this.#router.call(this.#name, call, {
      lane: 'remote',
      deadlineMs: PUBLISH_DEADLINE_MS,
    })
  }

  /**
   * Opens the publish lock of the own feed by the user's word.
   * @throws {NOT_OWN_FEED} @throws {UNLOCK_REFUSED} it is proven that messages are missing, or that the feed is forked
   */
  unlock(): Promise<PublishStatus> {
    return this.#router.call(this.#name, { op: 'unlock' }, { deadlineMs: PUBLISH_DEADLINE_MS })
  }

  forks(): Promise<ForkEvidence[]> {
    return this.#router.call(this.#name, { op: 'forks' })
  }

  verify(): Promise<Verification> {
    return this.#router.call(this.#name, { op: 'verify' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  rebuild(): Promise<{ readonly messages: number }> {
    return this.#router.call(this.#name, { op: 'rebuild' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  /**
   * Packs the oldest messages into blocks; those that the configuration says where nothing is given.
   * @throws {STORE_FULL} @throws {STORE_BUSY} @throws {FEED_QUARANTINED} the feed is as before
   */
  seal(policy: { keepMessages?: number; minMessages?: number } = {}): Promise<RelaidFeed> {
    const call = { op: 'seal', ...policy } as const
    return this.#router.call(this.#name, call, { deadlineMs: LONG_DEADLINE_MS })
  }

  /** Takes all messages out of their blocks. @throws as `seal`, also `STORE_BLOCK_DAMAGED` */
  unseal(): Promise<RelaidFeed> {
    return this.#router.call(this.#name, { op: 'unseal' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  read(range: ReadRange, options?: StreamOptions): AsyncIterableIterator<FeedChunk> {
    return this.#router.stream(this.#name, { op: 'read', ...range }, options)
  }
}

/** Asks one shard. Errors as `Router.call`. */
export class ShardClient {
  readonly #router: Router
  readonly #name: string

  constructor(router: Router, shard: number) {
    this.#router = router
    this.#name = shardActorName(shard)
  }

  /**
   * The batch is moved. What it adds is known to be on the disk after the next `sync` or `checkpoint`.
   * @param isBulk the caller asks for one of these and can give the messages again: they may wait longer
   */
  ingest(batch: IngestBatch, isBulk = false): Promise<IngestResult> {
    return this.#call(
      { op: 'ingest', batch, isBulk },
      {
        lane: 'remote',
        deadlineMs: LONG_DEADLINE_MS,
        transfer: [batch],
      },
    )
  }

  getByKey(key: Uint8Array): Promise<FrameBatch | null> {
    return this.#call({ op: 'getByKey', key })
  }

  contacts(sources: readonly FeedId[]): Promise<ContactRow[]> {
    return this.#call({ op: 'contacts', sources })
  }

  feeds(): Promise<FeedStatus[]> {
    return this.#call({ op: 'feeds' })
  }

  names(ids: readonly FeedId[]): Promise<{ readonly id: FeedId; readonly name: string }[]> {
    return this.#call({ op: 'names', ids })
  }

  status(): Promise<ShardStatus> {
    return this.#call({ op: 'status' }, { isPatient: true })
  }

  sync(): Promise<null> {
    return this.#call({ op: 'sync' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  checkpoint(): Promise<null> {
    return this.#call({ op: 'checkpoint' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  /** Folds all derived state again as the chunks are read; see `ShardCall`. @throws {STORE_BUSY} */
  rebuild(options?: StreamOptions): AsyncIterableIterator<RebuildChunk> {
    return this.#stream({ op: 'rebuild' }, options)
  }

  query(query: ShardQuery, options?: StreamOptions): AsyncIterableIterator<ShardChunk> {
    return this.#stream({ op: 'query', ...query }, options)
  }

  links(query: LinkQuery, options?: StreamOptions): AsyncIterableIterator<LinkChunk> {
    return this.#stream({ op: 'links', ...query }, options)
  }

  keys(): Promise<KeyTable> {
    return this.#call({ op: 'keys' })
  }

  /** The first question for a private thread opens every box that is held. */
  tangle(wanted: TangleWanted, options?: StreamOptions): AsyncIterableIterator<TangleChunk> {
    return this.#stream({ op: 'tangle', ...wanted }, { credit: TANGLE_CREDIT, ...options })
  }

  tangleLive(wanted: TangleWanted, options?: StreamOptions): AsyncIterableIterator<TangleChunk> {
    return this.#stream({ op: 'tangleLive', ...wanted }, options)
  }

  /** How far all feeds of the shard are held; with `live` followed by changes. */
  clock(live = false, options?: StreamOptions): AsyncIterableIterator<ClockChunk> {
    return this.#stream({ op: 'clock', live }, { ...options, isPatient: true })
  }

  /** What all authors of the shard say of others; with `live` followed by changes. */
  contactStream(live = false, options?: StreamOptions): AsyncIterableIterator<ContactChunk> {
    return this.#stream({ op: 'contactStream', live }, { ...options, isPatient: true })
  }

  /** The forks of the shard's feeds, by id bytes ascending; with `live` followed by new ones. */
  forkStream(query: ForkQuery = {}, options?: StreamOptions): AsyncIterableIterator<ForkChunk> {
    return this.#stream({ op: 'forkStream', ...query }, options)
  }

  #call<Value>(call: ShardCall, options?: CallOptions): Promise<Value> {
    return this.#router.call<Value>(this.#name, call, options)
  }

  #stream<Value>(call: ShardCall, options?: StreamOptions): AsyncIterableIterator<Value> {
    return this.#router.stream<Value>(this.#name, call, options)
  }
}
