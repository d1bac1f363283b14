import { createHash } from 'node:crypto'
import type { FileSystem } from '@dunbar/actor'
import { type FeedId, feedIdFromBytes, messageKeyFromBytes } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { frameMessage } from '../src/frame.js'
import {
  type AppendEntry,
  openShardStore,
  type ShardStore,
  type ShardStoreOptions,
  type StorePorts,
  type StoreTrouble,
} from '../src/shard-store.js'

/** 32 bytes that a number stands for. */
export const idBytesOf = (number: number): Uint8Array =>
  new Uint8Array(createHash('sha256').update(`feed ${number}`).digest())

export const idOf = (number: number): FeedId => feedIdFromBytes(idBytesOf(number))

/** A feed of messages in the form of classic ones, unsigned: a store checks no signatures. */
export class SampleFeed {
  readonly idBytes: Uint8Array
  readonly id: FeedId
  sequence = 0
  #previous: string | null = null

  constructor(number: number) {
    this.idBytes = idBytesOf(number)
    this.id = feedIdFromBytes(this.idBytes)
  }

  /** The next message. */
  next(
    content: unknown = { type: 'post', text: 'hello' },
    times: Partial<Times> = {},
  ): AppendEntry {
    this.sequence += 1
    const entry = entryOf(this.id, this.sequence, this.#previous, content, times)
    this.#previous = messageKeyFromBytes(entry.keyBytes)
    return entry
  }

  take(count: number): AppendEntry[] {
    return Array.from({ length: count }, () =>
      this.next({ type: 'post', text: `${this.sequence}` }),
    )
  }
}

export interface Times {
  readonly received: number
  readonly timestamp: number
}

export function entryOf(
  author: FeedId,
  sequence: number,
  previous: string | null,
  content: unknown,
  times: Partial<Times> = {},
): AppendEntry {
  const timestamp = times.timestamp ?? 1_600_000_000_000 + sequence
  const value = { previous, sequence, author, timestamp, hash: 'sha256', content, signature: 'x' }
  const compact = new Uint8Array(Buffer.from(JSON.stringify(value)))
  return {
    sequence,
    received: times.received ?? 1_700_000_000_000 + sequence,
    keyBytes: new Uint8Array(createHash('sha256').update(compact).digest()),
    compact,
    value,
    timestamp,
    inChain: true,
  }
}

export const outOfOrder = (entry: AppendEntry): AppendEntry => ({ ...entry, inChain: false })

/** Timers that run when they are told to. */
export class ManualTimers {
  #waiting: (() => void)[] = []

  set(_delayMs: number, run: () => void): () => void {
    this.#waiting.push(run)
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== run)
    }
  }

  get count(): number {
    return this.#waiting.length
  }

  /** The one that was set first. */
  runFirst(): void {
    this.#waiting.shift()?.()
  }

  runAll(): void {
    for (const run of this.#waiting.splice(0)) run()
  }
}

export interface TestPorts extends StorePorts {
  readonly timers: ManualTimers
}

export function testPorts(fs: FileSystem): TestPorts {
  let ms = 0
  return {
    fs,
    clock: { now: () => 1_750_000_000_000 + ms, monotonic: () => ms++ },
    timers: new ManualTimers(),
    turns: { soon: (run) => queueMicrotask(run), endOfTurn: (run) => queueMicrotask(run) },
    random: { next: () => 0.5, bytes: (length) => new Uint8Array(length).fill(7) },
  }
}

export interface Opened {
  readonly store: ShardStore
  readonly ports: TestPorts
  readonly troubles: StoreTrouble[]
}

/** A store that is not ready yet. */
export function begin(
  fs: FileSystem = new MemoryFileSystem(),
  options: Partial<ShardStoreOptions> = {},
): Opened {
  const ports = testPorts(fs)
  const troubles: StoreTrouble[] = []
  const store = openShardStore({
    ports,
    root: '/data',
    shard: 0,
    shards: 1,
    belongsHere: () => true,
    report: (trouble) => troubles.push(trouble),
    ...options,
  })
  return { store, ports, troubles }
}

/** A store that is ready. */
export function open(
  fs: FileSystem = new MemoryFileSystem(),
  options: Partial<ShardStoreOptions> = {},
): Opened {
  const opened = begin(fs, options)
  while (!opened.store.step(1000));
  return opened
}

/** Folds everything again; gives the feeds that could not be. `between` runs after each step. */
export function rebuilt(store: ShardStore, between: () => void = () => undefined) {
  const steps = store.rebuildAll()
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    between()
  }
}

/** All messages of a feed as text, read the way a peer is served. */
export function messagesOf(store: ShardStore, idBytes: Uint8Array): string[] {
  const feed = store.feedNumber(idBytes)
  if (feed === -1) return []
  const texts: string[] = []
  for (const row of store.rowsOfFeed(feed)) {
    try {
      texts.push(Buffer.from(frameMessage(store.readRow(row))).toString())
    } catch (error) {
      if ((error as { code?: string }).code !== 'STORE_ROW_DAMAGED') throw error
    }
  }
  return texts
}

export const textOf = (entry: AppendEntry): string => Buffer.from(entry.compact).toString()

/** Where a feed's log is. */
export function logPath(idBytes: Uint8Array, root = '/data'): string {
  const hex = Buffer.from(idBytes).toString('hex')
  return `${root}/feeds/${hex.slice(0, 2)}/${hex.slice(2)}/log`
}

/** Puts a file behind everybody's back. */
export function putFile(fs: FileSystem, path: string, bytes: Uint8Array): void {
  fs.makeFolder(path.slice(0, path.lastIndexOf('/')))
  if (fs.stat(path) !== null) fs.remove(path)
  const handle = fs.open(path, 'createNew')
  handle.write(bytes, 0)
  handle.close()
}
