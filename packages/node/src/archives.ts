import { join } from 'node:path'
import type { Ports, Router } from '@dunbar/actor'
import { feedOf, type Services } from '@dunbar/api'
import {
  ArchiveWatch,
  type ArchiveWork,
  archiveMethods,
  OwnArchiver,
  readBundle,
} from '@dunbar/archiver'
import { BlobFolder } from '@dunbar/blobs'
import { feedIdToBytes } from '@dunbar/core'
import { CPU_ACTOR_NAME, shardOf } from '@dunbar/feed'
import type { ArchivePorts } from '@dunbar/replicate'
import type { Method } from '@dunbar/wire'
import type { Config } from './config.js'
import type { CpuCall } from './cpu.js'
import { KeptBlobs, MAX_FOLDER_BYTES } from './kept-blobs.js'
import type { Network } from './network.js'

/** Where the blobs of archives lie, and who works on them. */
export interface ArchiveStore {
  readonly blobs: BlobFolder
  readonly work: ArchiveWork
  /** For replication with peers. */
  readonly exchange: ArchivePorts
  /** Resolves when no blob is being written any more. */
  close(): Promise<void>
}

/** @throws {BLOB_STORE_FAILED} */
export function openArchiveStore(config: Config, router: Router, ports: Ports): ArchiveStore {
  const { fs: files, timers, random, logger } = ports
  const path = join(config.path, 'blobs')
  const blobs = BlobFolder.open(files, random, path)
  const kept = new KeptBlobs({
    blobs,
    files,
    path,
    maxFolderBytes: MAX_FOLDER_BYTES,
    timers,
    logger,
  })
  const work = poolWork(router)
  return {
    blobs,
    work,
    exchange: {
      getBlob: (id) => kept.get(id) ?? blobs.get(id),
      hasBlob: (id) => kept.get(id) !== null || blobs.has(id),
      keepBlob: (id, bytes) => kept.keep(id, bytes),
      readBundle: (bytes, signal) => work.readBundle({ bytes }, signal),
    },
    close: () => kept.close(),
  }
}

/** Archives of the own feed and of others, put together. */
export interface Archives {
  readonly methods: readonly Method[]
  /** Begins to look whether something is to be archived. */
  start(): void
  /** Resolves when no archive is being made any more. Close before the shards stop. */
  close(): Promise<void>
}

export interface ArchivesOptions {
  readonly config: Config
  readonly services: Services
  readonly ports: Ports
  readonly store: ArchiveStore
  /** Gives the blobs of others' archives that are not here. */
  readonly network: Pick<Network, 'fetchArchiveBlob'>
}

export function openArchives(options: ArchivesOptions): Archives {
  const { config, services, ports, store, network } = options
  const { path } = config
  const { id, router, shards } = services
  const { fs: files, timers, clock, logger } = ports
  const { blobs, work } = store
  const archiver = new OwnArchiver({
    id,
    feed: feedOf(services, id),
    shard: shards[shardOf(feedIdToBytes(id), shards.length)]!,
    blobs,
    work,
    files,
    draftPath: join(path, 'archive-draft.json'),
    timers,
    clock,
    logger,
    settings: config.archiveMessages,
  })
  const watch = new ArchiveWatch({
    id,
    router,
    shards,
    work,
    fetchBlob: async (feed, blob, sizeBytes, signal) =>
      store.exchange.getBlob(blob) ?? network.fetchArchiveBlob(feed, blob, sizeBytes, signal),
    timers,
    logger,
  })
  return {
    methods: archiveMethods({ archiver, watch, timers }),
    start: () => archiver.start(),
    close: async () => {
      watch.close()
      await archiver.close()
    },
  }
}

/** A bundle of the own messages takes a second or two. */
const PACK_LIMIT_MS = 5 * 60_000
/** What others made may be made to take long. */
const HOSTILE_LIMIT_MS = 10_000
/**
 * A bundle of up to so many bytes is read at once: that takes a millisecond, less than the way to
 * the pool, and no thread has to be started for it. It lists up to thirty blocks or so.
 */
const SMALL_BUNDLE_BYTES = 8 * 1024
/** Above the limit: waiting for a thread counts too. */
const QUEUE_MS = 10 * 60_000

/** Work on blocks, done in the cpu pool, but for what takes no time. */
function poolWork(router: Router): ArchiveWork {
  const run = <Value>(
    call: Omit<Extract<CpuCall, { readonly op: 'archive' }>, 'op'>,
    signal: AbortSignal | undefined,
  ): Promise<Value> =>
    router.call<Value>(CPU_ACTOR_NAME, { op: 'archive', ...call } satisfies CpuCall, {
      deadlineMs: call.limitMs + QUEUE_MS,
      ...(signal === undefined ? {} : { signal }),
    })
  return {
    pack: (job, signal) =>
      run({ task: 'packBundle', job, buffers: job.frames, limitMs: PACK_LIMIT_MS }, signal),
    readBundle: async (job, signal) =>
      job.bytes.length <= SMALL_BUNDLE_BYTES
        ? readBundle(job)
        : run({ task: 'readBundle', job, buffers: [], limitMs: HOSTILE_LIMIT_MS }, signal),
    checkBlock: (job, signal) =>
      run({ task: 'checkBlock', job, buffers: job.frames, limitMs: HOSTILE_LIMIT_MS }, signal),
  }
}
