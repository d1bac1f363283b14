import { createHash } from 'node:crypto'
import {
  createKernel,
  type FileSystem,
  type Kernel,
  type Logger,
  supervisor,
  systemPorts,
} from '@dunbar/actor'
import { type FeedId, feedIdToBytes, generateKeys, type Keys, type MessageKey } from '@dunbar/core'
import {
  createPublishMark,
  FeedClient,
  IngestWriter,
  ShardClient,
  type ShardThreadData,
  shardTree,
} from '@dunbar/feed'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import { MemoryFileSystem } from '@dunbar/testkit'
import {
  dialTcp,
  type Method,
  methodTable,
  type SecurePeer,
  serveTcp,
  type TcpServer,
} from '@dunbar/wire'
import { onTestFinished } from 'vitest'
import {
  type ArchivePorts,
  createReplicator,
  type ReplicationLimits,
  type ReplicationSet,
  type ReplicationSetChange,
  type Replicator,
} from '../src/index.js'

const NETWORK_KEY = new Uint8Array(32).fill(7)

/** Keys that a name stands for. */
export const keysOf = (name: string): Keys =>
  generateKeys(new Uint8Array(createHash('sha256').update(`keys of ${name}`).digest()))

/** Messages of a feed that somebody writes elsewhere. */
export class Author {
  readonly keys: Keys
  readonly messages: ClassicMessage[] = []

  constructor(name: string) {
    this.keys = keysOf(name)
  }

  get id(): FeedId {
    return this.keys.id
  }

  write(count: number): ClassicMessage[] {
    return Array.from({ length: count }, () => {
      const message = this.sign(this.messages.at(-1) ?? null, `message ${this.messages.length + 1}`)
      this.messages.push(message)
      return message
    })
  }

  sign(head: { readonly key: MessageKey; readonly sequence: number } | null, text: string) {
    const timestamp = 1_600_000_000_000 + (head?.sequence ?? 0)
    return createClassic({ keys: this.keys, head, timestamp, content: { type: 'post', text } })
  }
}

/** A replication set that a test decides. */
export class TestSet implements ReplicationSet {
  readonly #feeds = new Set<FeedId>()
  readonly #blocks = new Set<string>()
  readonly #listeners = new Set<(change: ReplicationSetChange) => void>()

  constructor(feeds: readonly FeedId[]) {
    for (const id of feeds) this.#feeds.add(id)
  }

  feeds(): Iterable<FeedId> {
    return this.#feeds
  }

  has(id: FeedId): boolean {
    return this.#feeds.has(id)
  }

  isBlocked(source: FeedId, dest: FeedId): boolean {
    return this.#blocks.has(`${source}${dest}`)
  }

  request(id: FeedId, isWanted: boolean): void {
    if (isWanted) this.#feeds.add(id)
    else this.#feeds.delete(id)
    this.#tell({ added: isWanted ? [id] : [], removed: isWanted ? [] : [id], blocks: [] })
  }

  block(source: FeedId, dest: FeedId, isBlocked = true): void {
    if (isBlocked) this.#blocks.add(`${source}${dest}`)
    else this.#blocks.delete(`${source}${dest}`)
    this.#tell({ added: [], removed: [], blocks: [{ source, dest, isBlocked }] })
  }

  onChange(listener: (change: ReplicationSetChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(change: ReplicationSetChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}

export interface TestNodeOptions {
  readonly feeds?: readonly FeedId[]
  readonly limits?: Partial<ReplicationLimits>
  readonly fs?: MemoryFileSystem
  /** What peers are not offered. */
  readonly without?: readonly string[]
  readonly archives?: ArchivePorts
}

/** A shard, a replicator and a TCP port; closed when the test ends. */
export class TestNode {
  readonly keys: Keys
  readonly fs: FileSystem
  readonly kernel: Kernel
  readonly shard: ShardClient
  readonly set: TestSet
  readonly replicator: Replicator
  readonly server: TcpServer
  readonly peers: SecurePeer[]
  readonly log: string[]
  readonly #without: readonly string[]

  private constructor(
    parts: Pick<
      TestNode,
      'keys' | 'fs' | 'kernel' | 'shard' | 'set' | 'replicator' | 'server' | 'peers' | 'log'
    >,
    without: readonly string[],
  ) {
    this.keys = parts.keys
    this.fs = parts.fs
    this.kernel = parts.kernel
    this.shard = parts.shard
    this.set = parts.set
    this.replicator = parts.replicator
    this.server = parts.server
    this.peers = parts.peers
    this.log = parts.log
    this.#without = without
  }

  static async start(name: string, options: TestNodeOptions = {}): Promise<TestNode> {
    const keys = keysOf(name)
    const fs = options.fs ?? new MemoryFileSystem()
    if (options.fs === undefined) {
      fs.makeFolder('/data')
      await createPublishMark(fs, '/data/publish-mark', keys.publicKey)
    }
    const log: string[] = []
    const logger: Logger = {
      log: (level, room, text, data) =>
        log.push(`${level} ${room} ${text} ${JSON.stringify(data)}`),
    }
    const ports = { ...systemPorts(logger, { unrefTimers: true }), fs }
    const kernel = createKernel({ ports })
    const data: ShardThreadData = {
      shard: 0,
      shards: 1,
      root: '/data',
      cacheBytes: 1024 * 1024,
      openFiles: 64,
      passivateAfterMs: 60_000,
      hmacKey: null,
      secretKey: keys.secretKey,
      cores: 2,
      coreShare: null,
    }
    await kernel.start(supervisor({ name: 'root', children: [shardTree(data, ports)] }))
    const shard = new ShardClient(kernel.router, 0)
    const set = new TestSet([keys.id, ...(options.feeds ?? [])])
    const replicator = await createReplicator({
      id: keys.id,
      router: kernel.router,
      shards: [shard],
      set,
      files: fs,
      folder: '/data/derived/peer-clocks',
      timers: ports.timers,
      clock: ports.clock,
      logger,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.archives === undefined ? {} : { archives: options.archives }),
    })
    const peers: SecurePeer[] = []
    const without = options.without ?? []
    const methods = methodTable(
      replicator.peerMethods.filter((method) => !without.includes(method.name)),
    )
    const server = await serveTcp({
      host: '127.0.0.1',
      port: 0,
      keys,
      networkKey: NETWORK_KEY,
      authorize: () => true,
      methodsFor: () => methods,
      onPeer(peer) {
        peers.push(peer)
        replicator.addPeer(peer)
      },
    })
    const parts = { keys, fs, kernel, shard, set, replicator, server, peers, log }
    const node = new TestNode(parts, without)
    onTestFinished(() => node.stop())
    return node
  }

  get id(): FeedId {
    return this.keys.id
  }

  feed(id: FeedId): FeedClient {
    return new FeedClient(this.kernel.router, id)
  }

  /** Dials another node and replicates with it. */
  async dial(to: TestNode): Promise<SecurePeer> {
    const methods = this.replicator.peerMethods.filter(({ name }) => !this.#without.includes(name))
    const peer = await dialAs(this.keys, to, methods)
    this.peers.push(peer)
    this.replicator.addPeer(peer)
    return peer
  }

  /** Stores messages of an author. */
  async store(author: Author, messages: readonly ClassicMessage[]): Promise<void> {
    const writer = new IngestWriter()
    for (const { compact } of messages) writer.push(Number.NaN, feedIdToBytes(author.id), compact)
    await this.shard.ingest(writer.finish())
  }

  async publish(text: string): Promise<void> {
    await this.feed(this.id).publish(JSON.stringify({ type: 'post', text }))
  }

  async held(id: FeedId): Promise<number> {
    return (await this.feed(id).status()).sequence
  }

  /** Resolves when a feed is held up to a sequence. */
  async holds(id: FeedId, sequence: number): Promise<void> {
    for await (const chunk of this.feed(id).read({ from: sequence, live: true, limit: 1 })) {
      if ('frames' in chunk) return
    }
  }

  async stop(): Promise<void> {
    await this.replicator.close()
    await Promise.all(this.peers.map(({ connection }) => connection.close()))
    await this.server.close()
    await this.kernel.stop()
  }
}

/** A scripted peer's connection to a node; closed when the test ends. */
export async function dialAs(
  keys: Keys,
  to: TestNode,
  methods: readonly Method[] = [],
): Promise<SecurePeer> {
  const peer = await dialTcp({
    host: '127.0.0.1',
    port: to.server.port,
    remoteKey: to.keys.publicKey,
    keys,
    networkKey: NETWORK_KEY,
    methods: methodTable(methods),
  })
  onTestFinished(() => peer.connection.close())
  return peer
}

/** Turns of the event loop pass until the claim holds; a claim that never does ends with the test's time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
