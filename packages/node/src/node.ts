import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  createKernel,
  type FileSystem,
  type Kernel,
  type Logger,
  logSink,
  supervisor,
  systemPorts,
  thread,
  workerHost,
} from '@dunbar/actor'
import {
  CodedError,
  createSecret,
  type FeedId,
  generateKeys,
  isCodedError,
  type Keys,
  loadSecret,
} from '@dunbar/core'
import {
  changeCountBytes,
  coreShareBytes,
  createPublishMark,
  type ShardThreadData,
} from '@dunbar/feed'
import { type Config, type ConfigFlags, loadConfig } from './config.js'
import { cpuPool } from './cpu.js'
import { refuseForeign } from './foreign-folder.js'
import { lateLogger } from './late-logger.js'
import { type FolderLock, lockFolder } from './lock.js'
import { placeOf, shardThreadName } from './placement.js'
import type { Surface } from './surface.js'

/** A node that answers requests. */
export interface DunbarNode {
  readonly id: FeedId
  /** The data folder, absolute. */
  readonly path: string
  readonly socketPath: string
  /** Multiserver address, where peers reach it; null where it does not listen. */
  readonly address: string | null
  readonly kernel: Kernel
  /** Resolves when the node has ended by itself, with why; never after `stop`. */
  readonly failed: Promise<Error>
  /** Ends all connections, syncs and stops all threads, gives the folder back. Never rejects. */
  stop(): Promise<void>
}

export interface StartOptions extends ConfigFlags {
  /** Default: pino on stderr, as the configuration says. */
  readonly logger?: Logger
  /** Ends the start, and nothing after it: what stands is stopped, the folder given back. */
  readonly signal?: AbortSignal
}

/**
 * Starts a node on a data folder and resolves when it answers requests.
 * @throws {FOLDER_IN_USE} {FOLDER_UNUSABLE} {FOLDER_FOREIGN} {CONFIG_INVALID} {SECRET_INVALID} {SOCKET_PATH_TOO_LONG}
 * @throws {START_ABORTED} `signal` said so
 */
export async function startNode(options: StartOptions = {}): Promise<DunbarNode> {
  const { logger: ownLogger, signal = NEVER, ...flags } = options
  assertWanted(signal)
  const config = loadConfig(flags)
  refuseForeign(config.path)
  const lock = await lockFolder(config.path)
  try {
    return await startLocked(config, lock, ownLogger, signal)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function startLocked(
  config: Config,
  lock: FolderLock,
  ownLogger: Logger | undefined,
  signal: AbortSignal,
): Promise<DunbarNode> {
  const startedAt = Date.now()
  const { path, shards } = config
  const log = ownLogger === undefined ? lateLogger(config.logging) : null
  const logger = ownLogger ?? log!.logger
  const ports = systemPorts(logger)
  const keys = await loadIdentity(path, ports.fs)
  const kernel = createKernel({ ports, place: (name) => placeOf(name, shards) })
  const changeCounts = new SharedArrayBuffer(changeCountBytes(shards))
  // The threads start while this one loads what the surface needs.
  const started = kernel.start(
    supervisor({
      name: 'root',
      strategy: 'oneForOne',
      children: [
        logSink(logger),
        cpuPool(availableParallelism()),
        shardThreads(config, keys, changeCounts),
      ],
    }),
  )
  const abort = () => void kernel.stop()
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  let surface: Surface | null = null
  try {
    const [{ openSurface }] = await Promise.all([import('./surface.js'), log?.load(), started])
    // What opens from here on needs the threads: it is closed when it stands.
    signal.removeEventListener('abort', abort)
    surface = await openSurface({
      config,
      keys,
      router: kernel.router,
      ports,
      changeCounts,
      startedAt,
    })
    assertWanted(signal)
  } catch (error) {
    await surface?.close()
    await kernel.stop()
    assertWanted(signal)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
  logger.log('info', 'node', 'ready', { id: keys.id, path, shards })
  let stopping: Promise<void> | null = null
  /** One part that can't end must not keep the others, the folder's lock above all. */
  const orTold = async (part: string, end: () => Promise<void> | void) => {
    try {
      await end()
    } catch (error) {
      logger.log('error', 'node', `${part} did not end in order`, { error: String(error) })
    }
  }
  const stop = async () => {
    await orTold('the surface', () => surface.close())
    await orTold('the threads', () => kernel.stop())
    await orTold('the lock', () => lock.release())
    logger.log('info', 'node', 'stopped')
    await log?.flush()
  }
  const failed = kernel.ended.then((reason) => {
    if (stopping !== null) return new Promise<never>(() => undefined)
    return reason.kind === 'crash' && reason.error instanceof Error
      ? reason.error
      : new CodedError('NODE_FAILED', `the node ended: ${reason.kind}`, {})
  })
  return {
    id: keys.id,
    path,
    socketPath: surface.socketPath,
    address: surface.address,
    kernel,
    failed,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

const NEVER = new AbortController().signal

function assertWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new CodedError('START_ABORTED', 'the start was broken off', {})
}

/** The keys in the folder, or, where there is no secret, a new identity with its publish mark. */
async function loadIdentity(path: string, fs: FileSystem): Promise<Keys> {
  const secretPath = join(path, 'secret')
  try {
    return loadSecret(secretPath)
  } catch (error) {
    if (!isCodedError(error) || error.code !== 'SECRET_MISSING') throw error
  }
  const keys = generateKeys()
  await createPublishMark(fs, join(path, 'publish-mark'), keys.publicKey)
  return createSecret(secretPath, keys)
}

/** One supervised thread a shard. A thread that dies is started again; its actors rebuild from disk. */
function shardThreads(config: Config, keys: Keys, changeCounts: SharedArrayBuffer) {
  const { path, shards, cacheBytes, openFiles, passivateAfterMs, archive, caps } = config
  const { seal: isAutomatic, ...policy } = archive
  const cores = availableParallelism()
  const coreShare = new SharedArrayBuffer(coreShareBytes(shards))
  const host = workerHost()
  return supervisor({
    name: 'shards',
    strategy: 'oneForOne',
    startsTogether: true,
    intensity: { restarts: 5, periodMs: 60_000 },
    children: Array.from({ length: shards }, (_, shard) =>
      thread({
        name: shardThreadName(shard),
        host,
        entry: new URL(import.meta.resolve('@dunbar/workers/feed-shard')),
        startMs: 60 * 60_000,
        shutdownMs: 60_000,
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
        workerData: {
          shard,
          shards,
          root: path,
          cacheBytes,
          openFiles: Math.max(4, Math.floor(openFiles / shards)),
          passivateAfterMs,
          sealing: { isAutomatic, ...policy },
          hmacKey: caps.sign === null ? null : new Uint8Array(Buffer.from(caps.sign, 'base64')),
          secretKey: keys.secretKey,
          cores,
          coreShare,
          changeCounts,
        } satisfies ShardThreadData,
      }),
    ),
  })
}
