import type { FeedId, MessageKey } from '@dunbar/core'
import type { Manifest, Peer, WireError } from '@dunbar/wire'
import { ArchiveMethods } from './archive.js'
import type {
  GetOptions,
  HistoryStreamOptions,
  LinkItem,
  LinkStreamOptions,
  LiveOptions,
  LogStreamOptions,
  Message,
  MessageValue,
  None,
  StreamItem,
  TangleReadOptions,
  TypeStreamOptions,
  UserStreamOptions,
} from './messages.js'
import { ConnMethods, FriendMethods, InviteMethods } from './network.js'
import { NodeWork } from './node-work.js'
import type { FeedStatus, ForkItem, ForkStreamOptions, NodeStatus, Progress } from './status.js'

/** A stream: loop over it; leaving the loop ends it at the node. */
export type Stream<Item> = AsyncIterableIterator<Item>

/**
 * A node, as an app sees it.
 *
 * Answers come as promises, streams as async iterators. A stream begins when the method is called,
 * so that nothing is missed between the call and the loop; the node sends it about 1 MiB ahead of
 * the loop and no more. In a live stream `{sync: true}` stands between stored and new messages;
 * the types tell whether it can be there, and `sync: false` leaves it out.
 *
 * All methods fail with `REMOTE_ERROR` where the node refuses, with the node's own code as
 * `data.code`, and with `CONNECTION_CLOSED` when the connection has ended.
 */
export class Client {
  /** The connection below, for what has no method here. */
  readonly peer: Peer
  readonly node: NodeWork
  readonly tangle: TangleMethods
  readonly feeds: FeedMethods
  readonly conn: ConnMethods
  readonly friends: FriendMethods
  readonly invite: InviteMethods
  readonly archive: ArchiveMethods

  constructor(peer: Peer) {
    this.peer = peer
    this.node = new NodeWork(peer)
    this.tangle = new TangleMethods(peer)
    this.feeds = new FeedMethods(peer)
    this.conn = new ConnMethods(peer)
    this.friends = new FriendMethods(peer)
    this.invite = new InviteMethods(peer)
    this.archive = new ArchiveMethods(peer)
  }

  /** Resolves when the connection is over: null after an orderly end, else why. Never rejects. */
  get closed(): Promise<WireError | null> {
    return this.peer.closed
  }

  /** Ends all streams, says goodbye and closes. */
  close(): Promise<void> {
    return this.peer.close()
  }

  /** Any method by its dotted name. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.peer.call(name, args)
  }

  /** Any source by its dotted name; items parsed, one by one. */
  source(name: string, ...args: readonly unknown[]): Stream<unknown> {
    return this.peer.source(name, args)
  }

  /** As `source`, with the items that came together in one array: the cheapest way to read many. */
  sourceBatches(name: string, ...args: readonly unknown[]): Stream<readonly unknown[]> {
    return this.peer.sourceBatches(name, args)
  }

  /** As `source`, not parsed: the bytes of each item, JSON for most methods. */
  async *rawSource(name: string, ...args: readonly unknown[]): AsyncGenerator<Uint8Array> {
    for await (const batch of this.peer.rawSource(name, args)) {
      for (let index = 0; index < batch.count; index++) yield batch.body(index)
    }
  }

  /** Any sink by its dotted name; resolves when the node has taken everything. */
  sink(name: string, input: AsyncIterable<unknown>, ...args: readonly unknown[]): Promise<void> {
    return this.peer.sink(name, args, input)
  }

  /** Who this node is. */
  whoami(): Promise<{ readonly id: FeedId }> {
    return this.#ask('whoami')
  }

  /** Names and types of all methods, nested at their dots. */
  manifest(): Promise<Manifest> {
    return this.#ask('manifest')
  }

  /** The message with this key: its value, or all of it with `meta: true`. `data.code` is `NOT_FOUND` where it is not here. */
  get(options: GetOptions & { readonly meta: true }): Promise<Message>
  get(
    key: MessageKey | string,
    options: Omit<GetOptions, 'id'> & { readonly meta: true },
  ): Promise<Message>
  get(
    key: MessageKey | string | GetOptions,
    options?: Omit<GetOptions, 'id' | 'meta'> & { readonly meta?: false },
  ): Promise<MessageValue>
  get(
    key: MessageKey | string | GetOptions,
    options?: Omit<GetOptions, 'id'>,
  ): Promise<Message | MessageValue> {
    if (options === undefined) return this.#ask('get', key)
    return this.#ask('get', { ...options, ...(typeof key === 'string' ? { id: key } : key) })
  }

  /** The newest message of a feed; null where none is here. */
  getLatest(id: FeedId | string): Promise<Message | null> {
    return this.#ask('getLatest', id)
  }

  /**
   * Signs and appends a message to the node's own feed; resolves when it is on the disk. Content
   * with `recps` is encrypted for them. A string is taken as ciphertext.
   */
  publish<Content extends object | string>(content: Content): Promise<Message<Content>> {
    return this.#ask('publish', content)
  }

  /** Takes in a message that its author signed; resolves to it as stored. */
  add(message: MessageValue | Message): Promise<Message> {
    return this.#ask('add', message)
  }

  /** How the node and its shards are. */
  status(): Promise<NodeStatus> {
    return this.#ask('status')
  }

  /** How far the indexes are. */
  progress(): Promise<Progress> {
    return this.#ask('progress')
  }

  /** All messages in order of arrival. */
  createLogStream<const Options extends LogStreamOptions = None>(
    options?: Options,
  ): Stream<StreamItem<Options>> {
    return stream(this.peer, 'createLogStream', options)
  }

  /** All messages in order of the time that their authors claim, or of arrival where that is earlier. */
  createFeedStream<const Options extends LogStreamOptions = None>(
    options?: Options,
  ): Stream<StreamItem<Options>> {
    return stream(this.peer, 'createFeedStream', options)
  }

  /** Messages of one feed in order of sequence. */
  createUserStream<const Options extends UserStreamOptions>(
    options: Options,
  ): Stream<StreamItem<Options>> {
    return stream(this.peer, 'createUserStream', options)
  }

  /** Messages of one feed from a sequence on. */
  createHistoryStream<const Options extends HistoryStreamOptions>(
    options: Options,
  ): Stream<StreamItem<Omit<Options, 'live'>>> {
    return stream(this.peer, 'createHistoryStream', options)
  }

  /** Messages of one type in order of arrival. */
  messagesByType<const Options extends TypeStreamOptions>(
    options: Options,
  ): Stream<StreamItem<Options>>
  messagesByType(type: string): Stream<Message>
  messagesByType(options: string | TypeStreamOptions): Stream<unknown> {
    const given = typeof options === 'string' ? { type: options } : options
    return stream(this.peer, 'messagesByType', given)
  }

  /** Who refers to what, in order of arrival. */
  links<const Options extends LinkStreamOptions>(options: Options): Stream<LinkItem<Options>> {
    return stream(this.peer, 'links', options)
  }

  #ask<Answer>(name: string, ...args: readonly unknown[]): Promise<Answer> {
    return this.peer.call(name, args) as Promise<Answer>
  }
}

/** Threads and other tangles. */
export class TangleMethods {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** The messages of a thread in causal order, the root first; with `live`, those that come later too. */
  read<const Options extends TangleReadOptions>(options: Options): Stream<StreamItem<Options>> {
    return stream(this.#peer, 'tangle.read', options)
  }

  /** The newest messages: those that no other message of the thread names in `branch`. */
  heads(root: MessageKey | string): Promise<readonly MessageKey[]> {
    return this.#peer.call('tangle.heads', [root]) as Promise<readonly MessageKey[]>
  }

  /** What a reply written now should name in `branch`. */
  branch(root: MessageKey | string): Promise<readonly MessageKey[]> {
    return this.#peer.call('tangle.branch', [root]) as Promise<readonly MessageKey[]>
  }
}

/** The feeds that the node holds. */
export class FeedMethods {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** All of them, in order of id. */
  list(): Stream<FeedStatus> {
    return this.#peer.source('feeds.list') as Stream<FeedStatus>
  }

  /** One of them; the node's own by default. */
  status(id?: FeedId | string): Promise<FeedStatus> {
    return this.#peer.call('feeds.status', id === undefined ? [] : [id]) as Promise<FeedStatus>
  }

  /** The names that feeds gave themselves, by id; those without a name are missing. */
  async names(ids: readonly (FeedId | string)[]): Promise<ReadonlyMap<string, string>> {
    const names = (await this.#peer.call('feeds.names', [ids])) as Record<string, string>
    return new Map(Object.entries(names))
  }

  /**
   * The forks of all feeds, in order of the feeds' id bytes; with `live`, those seen later too. A feed
   * comes once for each message that was refused, 16 times at most.
   */
  forked<const Options extends ForkStreamOptions = None>(
    options?: Options,
  ): Stream<ForkItem<Options>> {
    return stream(this.#peer, 'feeds.forked', options)
  }
}

function stream<Item>(peer: Peer, name: string, options: LiveOptions | undefined): Stream<Item> {
  const { signal, ...sent } = options ?? {}
  const args = options === undefined ? [] : [sent]
  return peer.source(name, args, signal === undefined ? {} : { signal }) as Stream<Item>
}
