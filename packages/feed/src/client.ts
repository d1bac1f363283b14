import type { CallOptions, Router, StreamOptions } from '@dunbar/actor'
import type { FeedId, Sequence } from '@dunbar/core'
import type {
  ContactRow,
  FeedChunk,
  FeedStatus,
  ForkEvidence,
  FrameBatch,
  IngestBatch,
  IngestResult,
  LinkChunk,
  LinkQuery,
  ReadRange,
  ShardCall,
  ShardChunk,
  ShardQuery,
  ShardStatus,
  TangleRows,
  TangleWanted,
} from './protocol.js'
import { feedActorName, shardActorName } from './shard-host.js'
import type { Verification } from './verification.js'

/** A publish waits for a disk sync, which a busy disk may delay. */
const PUBLISH_DEADLINE_MS = 30_000
/** The first question for a private thread opens every box that is held. */
const TANGLE_DEADLINE_MS = 10 * 60_000
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
    return this.#router.call(this.#name, { op: 'status' })
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

  /** The batch is moved. What it adds is known to be on the disk after the next `sync` or `checkpoint`. */
  ingest(batch: IngestBatch): Promise<IngestResult> {
    return this.#call(
      { op: 'ingest', batch },
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

  tangle(wanted: TangleWanted): Promise<TangleRows> {
    return this.#call({ op: 'tangle', ...wanted }, { deadlineMs: TANGLE_DEADLINE_MS })
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
    return this.#call({ op: 'status' })
  }

  sync(): Promise<null> {
    return this.#call({ op: 'sync' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  checkpoint(): Promise<null> {
    return this.#call({ op: 'checkpoint' }, { deadlineMs: LONG_DEADLINE_MS })
  }

  query(query: ShardQuery, options?: StreamOptions): AsyncIterableIterator<ShardChunk> {
    return this.#stream({ op: 'query', ...query }, options)
  }

  links(query: LinkQuery, options?: StreamOptions): AsyncIterableIterator<LinkChunk> {
    return this.#stream({ op: 'links', ...query }, options)
  }

  tangleLive(wanted: TangleWanted, options?: StreamOptions): AsyncIterableIterator<TangleRows> {
    return this.#stream({ op: 'tangleLive', ...wanted }, options)
  }

  #call<Value>(call: ShardCall, options?: CallOptions): Promise<Value> {
    return this.#router.call<Value>(this.#name, call, options)
  }

  #stream<Value>(call: ShardCall, options?: StreamOptions): AsyncIterableIterator<Value> {
    return this.#router.stream<Value>(this.#name, call, options)
  }
}
