import {
  createKernel,
  joinThread,
  type Kernel,
  type Ports,
  supervisor,
  type Timers,
  thread,
} from '@dunbar/actor'
import { BlobFolder } from '@dunbar/blobs'
import { type FeedId, feedIdToBytes, isFeedId, type Keys } from '@dunbar/core'
import {
  createPublishMark,
  FeedClient,
  type IngestBatch,
  IngestWriter,
  ShardClient,
  type ShardThreadData,
  shardTree,
} from '@dunbar/feed'
import {
  generatedKeys,
  type MemoryFileSystem,
  newThreadLife,
  SimulatedThreads,
  type Simulation,
} from '@dunbar/testkit'
import {
  type ArchiveSettings,
  ArchiveWatch,
  type ArchiveWork,
  checkBlock,
  OwnArchiver,
  packBundle,
  readBundle,
} from '../src/index.js'

const silent = { log: () => undefined }

/** The work of the pool, done at once. */
export const work: ArchiveWork = {
  pack: async (job) => packBundle(job),
  readBundle: async (job) => readBundle(job),
  checkBlock: async (job) => checkBlock(job),
}

export const OFF: ArchiveSettings = { intervalSeconds: 0, minMessages: 1024, keepMessages: 0 }

/** One shard on a simulated thread, and what archives its own feed, all over one disk in memory. */
export class ArchivingNode {
  readonly id: FeedId
  readonly files: MemoryFileSystem
  readonly blobs: BlobFolder
  readonly feed: FeedClient
  readonly shard: ShardClient
  readonly archiver: OwnArchiver
  readonly watch: ArchiveWatch
  readonly kernel: Kernel
  readonly timers: Timers
  readonly #simulation: Simulation
  readonly #life = newThreadLife()
  readonly #threads: SimulatedThreads

  private constructor(
    simulation: Simulation,
    files: MemoryFileSystem,
    keys: Keys,
    settings: ArchiveSettings,
  ) {
    this.#simulation = simulation
    this.files = files
    this.id = keys.id
    const parts = { fs: files, logger: silent }
    const ports: Ports = simulation.ports('main', parts, this.#life)
    this.#threads = new SimulatedThreads({
      simulation,
      hubLife: this.#life,
      parts: () => parts,
      entries: {
        shard: ({ port, ports, workerData }) =>
          joinThread({
            port,
            ports,
            tree: () =>
              supervisor({
                name: 'shard',
                children: [shardTree(workerData as ShardThreadData, ports)],
              }),
          }),
      },
    })
    this.kernel = createKernel({ ports, place: placeOf })
    const { router } = this.kernel
    this.feed = new FeedClient(router, keys.id)
    this.shard = new ShardClient(router, 0)
    this.blobs = BlobFolder.open(files, ports.random, '/data/blobs')
    const { timers, clock, logger } = ports
    this.timers = timers
    this.archiver = new OwnArchiver({
      id: keys.id,
      feed: this.feed,
      shard: this.shard,
      blobs: this.blobs,
      work,
      files,
      draftPath: '/data/archive-draft.json',
      timers,
      clock,
      logger,
      settings,
    })
    this.watch = new ArchiveWatch({
      id: keys.id,
      router,
      shards: [this.shard],
      work,
      fetchBlob: async (_feed, id) => this.blobs.get(id),
      timers,
      logger,
    })
    this.#keys = keys
  }

  readonly #keys: Keys

  /** A node on a disk, which is new or that of one before; resolves when its shard answers. */
  static async start(
    simulation: Simulation,
    files: MemoryFileSystem,
    settings: ArchiveSettings = OFF,
    keys: Keys = ownKeys,
  ): Promise<ArchivingNode> {
    if (files.stat('/data') === null) {
      files.makeFolder('/data')
      await simulation.run(files.syncFolder('/'))
      await simulation.run(createPublishMark(files, '/data/publish-mark', keys.publicKey))
    }
    const node = new ArchivingNode(simulation, files, keys, settings)
    await simulation.run(node.kernel.start(node.#tree()))
    return node
  }

  /** Publishes posts. */
  async publish(count: number): Promise<void> {
    for (let from = 0; from < count; from += 64) {
      const numbers = Array.from({ length: Math.min(64, count - from) }, (_, at) => from + at)
      const published = numbers.map((at) => {
        const content = { type: 'post', text: `message ${at} of a feed`, at }
        return this.feed.publish(JSON.stringify(content))
      })
      await this.#simulation.run(Promise.all(published))
    }
  }

  /** Takes in messages of another feed, as they come from a peer. */
  async receive(author: FeedId, messages: readonly Uint8Array[]): Promise<void> {
    const batch = this.batchOf(author, messages)
    const { rejected } = await this.#simulation.run(this.shard.ingest(batch))
    if (rejected.length > 0) throw new Error(`refused: ${rejected[0]!.reason}`)
  }

  feedOf(id: FeedId): FeedClient {
    return new FeedClient(this.kernel.router, id)
  }

  batchOf(author: FeedId, messages: readonly Uint8Array[]): IngestBatch {
    const writer = new IngestWriter()
    for (const message of messages) writer.push(Number.NaN, feedIdToBytes(author), message)
    return writer.finish()
  }

  /** Ends at once, in the middle of whatever it does. */
  crash(): void {
    this.#life.isAlive = false
    for (const name of this.#threads.names) this.#threads.kill(name)
  }

  #tree() {
    const workerData: ShardThreadData = {
      shard: 0,
      shards: 1,
      root: '/data',
      cacheBytes: 256 * 1024,
      openFiles: 8,
      passivateAfterMs: 60_000,
      hmacKey: null,
      secretKey: this.#keys.secretKey,
      cores: 1,
      coreShare: null,
    }
    return supervisor({
      name: 'root',
      intensity: { restarts: 100, periodMs: 60_000 },
      children: [thread({ name: 'shard-0', host: this.#threads, entry: 'shard', workerData })],
    })
  }
}

export const ownKeys: Keys = generatedKeys('archiver', 0)

function placeOf(name: string): string | null {
  const [kind, rest = ''] = name.split(/\/(.*)/s)
  return kind === 'shard' || (kind === 'feed' && isFeedId(rest)) ? 'shard-0' : null
}
