import { CodedError, type FeedId, type Sequence } from '@dunbar/core'
import type { Peer } from '@dunbar/wire'

/** What the node takes in. */
export interface ImportOptions {
  /** A file or folder as the node sees it: an absolute path. */
  readonly file: string
  readonly signal?: AbortSignal
}

/** Bytes of the source that are read, and messages in them. */
export interface ImportProgress {
  readonly event: 'progress'
  readonly read: number
  readonly bytes: number
  readonly totalBytes: number
}

/** What an import did. Counts of messages, but for `feeds`. */
export interface ImportDone {
  readonly event: 'done'
  /** Sentences for the person. */
  readonly notes: readonly string[]
  readonly read: number
  readonly added: number
  readonly known: number
  readonly feeds: number
  readonly rejected: readonly {
    readonly reason: string
    readonly count: number
    readonly example: string
  }[]
  readonly seconds: number
}

/** Feeds that are through, of all, and messages in them. */
export interface FeedsProgress {
  readonly event: 'progress'
  readonly feeds: number
  readonly totalFeeds: number
  readonly messages: number
}

/** What a check of every stored message found. */
export interface VerifyDone {
  readonly event: 'done'
  readonly messages: number
  readonly feeds: number
  readonly damaged: readonly {
    readonly feed: FeedId
    readonly sequence: Sequence
    readonly reason: string
  }[]
  /** Damaged messages beyond the 1,000 of each feed that are listed. */
  readonly unlisted?: number
  readonly seconds: number
}

/** What was folded again. */
export interface RebuildDone {
  readonly event: 'done'
  readonly feeds: number
  readonly messages: number
  /** Feeds that could not be folded; `reason` is `LOG_MISSING` or the code of what the system said. */
  readonly failed: readonly { readonly feed: FeedId; readonly reason: string }[]
  readonly seconds: number
}

export interface ArchiveOptions {
  /** Default: all feeds. */
  readonly feed?: FeedId | string
  readonly signal?: AbortSignal
}

/** What went into blocks, or came out of them. */
export interface ArchiveDone {
  readonly event: 'done'
  /** Feeds that changed. */
  readonly feeds: number
  readonly messages: number
  /** On the disk, of all feeds that were looked at: logs and blocks. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Feeds that are as they were; `reason` is a code. */
  readonly failed: readonly { readonly feed: FeedId; readonly reason: string }[]
  readonly seconds: number
}

export interface SyncOptions {
  /** Multiserver address of the peer. */
  readonly from: string
  /** All feeds that the peer has, not only those within the hops. */
  readonly all?: boolean
  readonly signal?: AbortSignal
}

/** A feed that is through: all is here that the peer has of it. */
export interface SyncFeed {
  readonly event: 'feed'
  readonly id: FeedId
  readonly sequence: Sequence
}

/** Feeds that are through, of all that the peer has more of; messages likewise. */
export interface SyncProgress {
  readonly event: 'progress'
  readonly feeds: number
  readonly totalFeeds: number
  readonly messages: number
  readonly totalMessages: number
}

/** What came. */
export interface SyncDone {
  readonly event: 'done'
  readonly feeds: number
  readonly messages: number
  readonly refused: ImportDone['rejected']
  readonly seconds: number
}

/** Long work on the node's own data. Leaving a loop early stops the work. */
export class NodeWork {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Imports a message file or another node's store. The last item is `done`; by then all is on the disk. */
  async *import(options: string | ImportOptions): AsyncGenerator<ImportProgress | ImportDone> {
    const { signal, ...sent } = typeof options === 'string' ? { file: options } : options
    const notes: string[] = []
    for await (const item of this.#events('node.import', sent, signal)) {
      if (item.event === 'note') notes.push(String(item.text))
      else if (item.event === 'done') yield { ...done<ImportDone>(item), notes }
      else yield item as unknown as ImportProgress
    }
  }

  /**
   * Checks every stored message again, signatures included. A feed whose log went away is listed as
   * `LOG_MISSING` with sequence 0 as long as the node's derived state knows of it.
   */
  async *verify(signal?: AbortSignal): AsyncGenerator<FeedsProgress | VerifyDone> {
    for await (const item of this.#events('node.verify', undefined, signal)) {
      yield item.event === 'done' ? done<VerifyDone>(item) : feedsProgress(item)
    }
  }

  /**
   * Deletes the derived state and folds it again from the stored messages. The node goes on serving
   * what it had; at the end live streams over all feeds end with `INDEX_REBUILT`.
   */
  async *rebuild(signal?: AbortSignal): AsyncGenerator<FeedsProgress | RebuildDone> {
    for await (const item of this.#events('node.rebuild', undefined, signal)) {
      yield item.event === 'done' ? done<RebuildDone>(item) : feedsProgress(item)
    }
  }

  /**
   * Packs the oldest messages of feeds into blocks, a third of the size. All is read as before; a
   * single old message takes a little longer.
   */
  archive(options: ArchiveOptions = {}): AsyncGenerator<FeedsProgress | ArchiveDone> {
    return this.#relay('node.archive', options)
  }

  /** Takes all messages of feeds out of their blocks. */
  unarchive(options: ArchiveOptions = {}): AsyncGenerator<FeedsProgress | ArchiveDone> {
    return this.#relay('node.unarchive', options)
  }

  /** Fetches what a peer has of the wanted feeds; the last item is `done`. */
  async *sync(options: SyncOptions): AsyncGenerator<SyncFeed | SyncProgress | SyncDone> {
    const { signal, ...sent } = options
    for await (const item of this.#events('node.sync', sent, signal)) {
      yield item as unknown as SyncFeed | SyncProgress | SyncDone
    }
  }

  /** Takes what is held of the own feed for all there is, so that the node publishes again. */
  async unlock(): Promise<{ readonly sequence: Sequence }> {
    return (await this.#peer.call('node.unlock')) as { sequence: Sequence }
  }

  /** Writes the derived state to the disk, so that the next start is fast. */
  async checkpoint(): Promise<void> {
    await this.#peer.call('node.checkpoint')
  }

  /**
   * Stored messages as JSON lines, in pieces of whole lines, in order of arrival or, for one feed,
   * of sequence. The bytes are the node's: nothing is parsed on the way.
   */
  async *export(options: { readonly feed?: FeedId | string } = {}): AsyncGenerator<Uint8Array> {
    const { feed } = options
    const batches =
      feed === undefined
        ? this.#peer.rawSource('createLogStream', [{}])
        : this.#peer.rawSource('createUserStream', [{ id: feed }])
    for await (const batch of batches) yield batch.lines()
  }

  async *#relay(name: string, options: ArchiveOptions) {
    const { signal, ...sent } = options
    for await (const item of this.#events(name, sent, signal)) {
      yield item.event === 'done' ? done<ArchiveDone>(item) : feedsProgress(item)
    }
  }

  async *#events(name: string, options: unknown, signal: AbortSignal | undefined) {
    const args = options === undefined ? [] : [options]
    const items = this.#peer.source(name, args, signal === undefined ? {} : { signal })
    for await (const item of items) {
      if (typeof item !== 'object' || item === null || !('event' in item)) {
        throw new CodedError('UNEXPECTED_ANSWER', `${name} gave an item that is no event`)
      }
      yield item as { readonly event: unknown; readonly [field: string]: unknown }
    }
  }
}

/** The result's fields beside the event's name, wherever the node put them. */
function done<Done>(item: { readonly [field: string]: unknown }): Done {
  const { result, ...rest } = item
  return { ...rest, ...(typeof result === 'object' ? result : {}) } as Done
}

function feedsProgress(item: { readonly [field: string]: unknown }): FeedsProgress {
  return {
    event: 'progress',
    feeds: Number(item.feeds ?? item.done ?? 0),
    totalFeeds: Number(item.totalFeeds ?? item.total ?? 0),
    messages: Number(item.messages ?? 0),
  }
}
