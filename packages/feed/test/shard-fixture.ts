import { createHash } from 'node:crypto'
import {
  actor,
  type Behaviour,
  type ChildSpec,
  createKernel,
  type Kernel,
  type KernelEvent,
  type Logger,
  type LogLevel,
  type Ports,
  refuse,
  reply,
  supervisor,
} from '@dunbar/actor'
import { feedIdToBytes, generateKeys, type Keys, type MessageKey } from '@dunbar/core'
import { type ClassicMessage, createClassic, type FeedHead } from '@dunbar/formats'
import { createSimulation, MemoryFileSystem, type Simulation, type Step } from '@dunbar/testkit'
import { FeedClient, ShardClient } from '../src/client.js'
import { FrameReader, FrameWriter } from '../src/frame.js'
import { IngestWriter } from '../src/ingest-batch.js'
import type {
  FrameBatch,
  IngestBatch,
  Rejection,
  TangleChunk,
  TangleRow,
  TangleWanted,
} from '../src/protocol.js'
import { createPublishMark } from '../src/publish-mark.js'
import { CPU_ACTOR_NAME } from '../src/shard-host.js'
import { type ShardThreadData, shardTree } from '../src/shard-thread.js'
import { verifySignatureBatch } from '../src/signature-batch.js'
import { tangleMessages } from '../src/tangle-chunk.js'

/** Keys that a name stands for. */
export const keysOf = (name: string): Keys =>
  generateKeys(new Uint8Array(createHash('sha256').update(`keys of ${name}`).digest()))

/** A feed that its author writes: messages in the order of their sequence. */
export class Author {
  readonly keys: Keys
  readonly messages: ClassicMessage[] = []

  constructor(name: string) {
    this.keys = keysOf(name)
  }

  get id() {
    return this.keys.id
  }

  get head(): FeedHead<MessageKey> | null {
    const last = this.messages.at(-1)
    return last === undefined ? null : { sequence: last.sequence, key: last.key }
  }

  write(content: object | string, timestamp = 1_600_000_000_000 + this.messages.length) {
    const message = this.sign(content, this.head, timestamp)
    this.messages.push(message)
    return message
  }

  /** Signs without adding to the feed. */
  sign(
    content: object | string,
    head: FeedHead<MessageKey> | null,
    timestamp = 1_600_000_000_000,
  ): ClassicMessage {
    return createClassic({ keys: this.keys, head, timestamp, content })
  }

  take(count: number): ClassicMessage[] {
    return Array.from({ length: count }, () =>
      this.write({ type: 'post', text: `message ${this.messages.length + 1}` }),
    )
  }
}

/** Bytes of a message whose fields were changed after it was signed. */
export function changed(message: ClassicMessage, fields: Readonly<Record<string, unknown>>) {
  return new Uint8Array(Buffer.from(JSON.stringify({ ...message.value, ...fields })))
}

/** The message with the signature of another one: well formed, but not signed. */
export const badlySigned = (message: ClassicMessage, other: ClassicMessage) =>
  changed(message, { signature: other.value.signature })

/** A batch under one author's name. */
export function batchOf(
  author: { readonly id: Keys['id'] },
  messages: readonly (ClassicMessage | Uint8Array)[],
  receivedMs: number = Number.NaN,
): IngestBatch {
  const writer = new IngestWriter()
  pushAll(writer, author, messages, receivedMs)
  return writer.finish()
}

export function pushAll(
  writer: IngestWriter,
  author: { readonly id: Keys['id'] },
  messages: readonly (ClassicMessage | Uint8Array)[],
  receivedMs: number = Number.NaN,
): void {
  const idBytes = feedIdToBytes(author.id)
  for (const message of messages) {
    writer.push(receivedMs, idBytes, message instanceof Uint8Array ? message : message.compact)
  }
}

export interface LogLine {
  readonly level: LogLevel
  readonly text: string
}

export interface ShardOptions {
  readonly fs?: MemoryFileSystem
  readonly simulation?: Simulation
  readonly seed?: number | string
  readonly own?: Keys | null
  /** Whether the own feed gets the mark of a new identity. Default true. */
  readonly hasMark?: boolean
  readonly data?: Partial<ShardThreadData>
  /** Started before the shard. */
  readonly services?: readonly ChildSpec[]
  readonly onStep?: (step: Step) => void
  /** What each look at the clock takes, so that work costs time. Default 0. */
  readonly lookMs?: number
}

/** A whole shard in memory, under a virtual clock. */
export class TestShard {
  readonly fs: MemoryFileSystem
  readonly simulation: Simulation
  readonly kernel: Kernel
  readonly log: LogLine[] = []
  readonly events: string[] = []
  readonly shard: ShardClient
  #tree: ChildSpec

  private constructor(options: ShardOptions, fs: MemoryFileSystem) {
    const { seed = 1, own = null, services = [], onStep } = options
    this.fs = fs
    this.simulation =
      options.simulation ?? createSimulation({ seed, ...(onStep === undefined ? {} : { onStep }) })
    const logger: Logger = { log: (level, _room, text) => this.log.push({ level, text }) }
    const ports = worked(this.simulation.ports('shard-0', { fs, logger }), options.lookMs ?? 0)
    this.kernel = createKernel({
      ports,
      name: 'shard-0',
      onEvent: (event: KernelEvent) => this.events.push(`${event.op} ${event.name}`),
    })
    const data: ShardThreadData = {
      shard: 0,
      shards: 1,
      root: '/data',
      cacheBytes: 1024 * 1024,
      openFiles: 16,
      passivateAfterMs: 60_000,
      hmacKey: null,
      secretKey: (own ?? generateKeys(new Uint8Array(32).fill(99))).secretKey,
      cores: 2,
      coreShare: null,
      ...options.data,
    }
    this.#tree = supervisor({ name: 'root', children: [...services, shardTree(data, ports)] })
    this.shard = new ShardClient(this.kernel.router, data.shard)
  }

  static async open(options: ShardOptions = {}): Promise<TestShard> {
    const fs = options.fs ?? new MemoryFileSystem()
    if (options.fs === undefined) {
      fs.makeFolder('/data')
      if (options.own && options.hasMark !== false) {
        await createPublishMark(fs, '/data/publish-mark', options.own.publicKey)
      }
      await fs.syncFolder('/')
    }
    const shard = new TestShard(options, fs)
    await shard.run(shard.kernel.start(shard.#tree as Parameters<Kernel['start']>[0]))
    return shard
  }

  feed(of: { readonly id: Keys['id'] }): FeedClient {
    return new FeedClient(this.kernel.router, of.id)
  }

  run<Value>(promise: Promise<Value>): Promise<Value> {
    return this.simulation.run(promise)
  }

  append(of: Author, messages: readonly (ClassicMessage | Uint8Array)[], isOutOfOrder = false) {
    return this.run(this.feed(of).append(batchOf(of, messages), isOutOfOrder))
  }

  publish(own: Keys, content: unknown): Promise<FrameBatch> {
    return this.run(this.feed(own).publish(JSON.stringify(content)))
  }

  /** The code that a promise rejects with, or null where it does not. */
  async codeOf(promise: Promise<unknown>): Promise<string | null> {
    return this.run(
      promise.then(
        () => null,
        (error: { code?: string }) => error.code ?? String(error),
      ),
    )
  }

  /** All that is held of a feed, by `read`. */
  async sequencesOf(of: { readonly id: Keys['id'] }, range = {}): Promise<number[]> {
    return this.run(collect(this.feed(of).read(range))).then((frames) =>
      frames.map(({ sequence }) => sequence),
    )
  }

  stop(): Promise<void> {
    return this.run(this.kernel.stop())
  }
}

function worked(ports: Ports, lookMs: number): Ports {
  let workedMs = 0
  const monotonic = () => {
    workedMs += lookMs
    return ports.clock.monotonic() + workedMs
  }
  return { ...ports, clock: { now: ports.clock.now, monotonic } }
}

export interface ReadFrame {
  readonly sequence: number
  readonly received: number
  readonly key: string
  readonly message: string
}

/** Frames of a batch, with what can be compared. */
export function framesOf(batch: FrameBatch): ReadFrame[] {
  const reader = new FrameReader(batch)
  const frames: ReadFrame[] = []
  while (reader.next()) {
    const { sequence, received, keyBytes, message } = reader
    const key = `%${Buffer.from(keyBytes).toString('base64')}.sha256`
    frames.push({ sequence, received, key, message: Buffer.from(message).toString() })
  }
  return frames
}

/** Frames of a stream until it ends. */
export async function collect(
  stream: AsyncIterable<{ readonly frames: FrameBatch } | { readonly sync: true }>,
): Promise<ReadFrame[]> {
  const frames: ReadFrame[] = []
  for await (const chunk of stream) if ('frames' in chunk) frames.push(...framesOf(chunk.frames))
  return frames
}

export type Seen = ReadFrame | 'sync'

/** Reads a stream in the background; `seen` grows. */
export class Follower {
  readonly seen: Seen[] = []
  isEnded = false
  code: string | null = null
  readonly #stream: AsyncIterableIterator<{ frames: FrameBatch } | { sync: true }>

  constructor(stream: AsyncIterableIterator<unknown>) {
    this.#stream = stream as AsyncIterableIterator<{ frames: FrameBatch } | { sync: true }>
    void this.#follow()
  }

  get keys(): string[] {
    return this.seen.map((each) => (each === 'sync' ? 'sync' : each.key))
  }

  get sequences(): (number | 'sync')[] {
    return this.seen.map((each) => (each === 'sync' ? 'sync' : each.sequence))
  }

  async leave(): Promise<void> {
    await this.#stream.return?.()
  }

  async #follow(): Promise<void> {
    try {
      for await (const chunk of this.#stream) {
        if ('sync' in chunk) this.seen.push('sync')
        else this.seen.push(...framesOf(chunk.frames))
      }
    } catch (error) {
      this.code = (error as { code?: string }).code ?? String(error)
    }
    this.isEnded = true
  }
}

/** `REASON×count`, sorted. */
export const reasonsOf = (rejected: readonly Rejection[]): string[] =>
  rejected.map(({ reason, count }) => `${reason}×${count}`).sort()

/** What the pool on the main thread is to a shard. */
export function cpuActor(verify: (batch: ArrayBuffer) => unknown = verifySignatureBatch) {
  const behaviour: Behaviour<null, null, { op: string; batch: ArrayBuffer }> = {
    init: () => null,
    handleCall: (call, from) => {
      try {
        return reply(from, verify(call.batch))
      } catch (error) {
        return refuse(from, error as Error)
      }
    },
  }
  return actor({ name: CPU_ACTOR_NAME, behaviour, arg: null })
}

/** A tangle as one shard gives it, its chunks put together. */
export interface FoundTangle {
  readonly rows: readonly TangleRow[]
  readonly frames: FrameBatch
}

export function foundTangle(chunks: readonly TangleChunk[]): FoundTangle {
  const rows = chunks.flatMap(tangleMessages)
  const writer = new FrameWriter()
  for (const { frames } of chunks) writer.pushFrames(new Uint8Array(frames))
  return { rows, frames: writer.finish() }
}

export async function tangleOf({ shard }: TestShard, wanted: TangleWanted): Promise<FoundTangle> {
  const chunks: TangleChunk[] = []
  for await (const chunk of shard.tangle(wanted)) chunks.push(chunk)
  return foundTangle(chunks)
}
