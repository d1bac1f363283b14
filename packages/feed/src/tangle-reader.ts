import type { Chunk, Cursor } from '@dunbar/actor'
import { isMessageKey, type MessageKey, messageKeyFromBytes, messageKeyToBytes } from '@dunbar/core'
import { readTangleFields } from '@dunbar/tangle'
import { LRUCache } from 'lru-cache'
import { FrameReader, FrameWriter, frameKey, frameMessage, frameReceived } from './frame.js'
import type { TangleRow, TangleRows } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'
import { requestInvalid } from './stream-bounds.js'

/** What sorting needs of a message is a few hundred bytes; this many are kept. */
const MAX_CACHED_ROWS = 8192
/** A tangle of more messages in one shard is cut; the oldest stay. */
const MAX_TANGLE_ROWS = 100_000

/** Finds the messages of a tangle in one shard and reads from each what sorting needs. */
export class TangleReader {
  readonly #store: ShardStore
  readonly #cache = new LRUCache<number, TangleRow>({ max: MAX_CACHED_ROWS })
  #generation: number

  constructor(store: ShardStore) {
    this.#store = store
    this.#generation = store.generation
  }

  get store(): ShardStore {
    return this.#store
  }

  /**
   * The root, where it is here, and what names it as root or fork, or as root of the tangle `name`.
   * @throws {REQUEST_INVALID}
   */
  read(root: MessageKey, name?: string): TangleRows {
    assertTangle(root, name)
    const rows = new Set<number>()
    const rootRow = this.#store.findKey(messageKeyToBytes(root))
    if (rootRow !== -1) rows.add(rootRow)
    for (const relation of rootRelations(name)) {
      for (const row of this.#store.linksTo(root, relation).rows) {
        if (rows.size < MAX_TANGLE_ROWS) rows.add(row)
      }
    }
    const wanted = Uint32Array.from(rows)
    const { frames, rows: read } = this.#store.readRows(wanted, Number.POSITIVE_INFINITY)
    return this.#describe(root, name, frames, read)
  }

  /** Those of `rows` that belong to the tangle. */
  pick(root: MessageKey, name: string | undefined, rows: Uint32Array): TangleRows {
    const { frames, rows: read } = this.#store.readRows(rows, Number.POSITIVE_INFINITY)
    return this.#describe(root, name, frames, read)
  }

  /** Leaves out rows whose fingerprint matched but that are not of the tangle. */
  #describe(
    root: MessageKey,
    name: string | undefined,
    frames: ArrayBuffer,
    rows: Uint32Array,
  ): TangleRows {
    if (this.#generation !== this.#store.generation) {
      this.#cache.clear()
      this.#generation = this.#store.generation
    }
    const described: TangleRow[] = []
    const kept = new FrameWriter(frames.byteLength)
    const reader = new FrameReader(frames)
    for (const storeRow of rows) {
      reader.next()
      const row = this.#rowOf(storeRow, name, reader.frame)
      if (row.key !== root && row.root !== root && row.fork !== root) continue
      described.push(row)
      kept.pushFrames(reader.frame)
    }
    return { rows: described, frames: described.length === rows.length ? frames : kept.finish() }
  }

  #rowOf(row: number, name: string | undefined, frame: Uint8Array): TangleRow {
    if (name !== undefined) return describeFrame(frame, name)
    let described = this.#cache.get(row)
    if (described === undefined) {
      described = describeFrame(frame, undefined)
      this.#cache.set(row, described)
    }
    return described
  }
}

/** Messages of one tangle that arrive from now on. */
export class LiveTangleCursor implements Cursor {
  readonly #reader: TangleReader
  readonly #root: MessageKey
  readonly #name: string | undefined
  readonly #closed: () => void
  readonly #generation: number
  #watermark: number

  constructor(
    reader: TangleReader,
    root: MessageKey,
    name: string | undefined,
    closed: () => void,
  ) {
    assertTangle(root, name)
    this.#reader = reader
    this.#root = root
    this.#name = name
    this.#closed = closed
    this.#generation = reader.store.generation
    this.#watermark = reader.store.rowCount
  }

  pull(): Chunk | 'wait' {
    assertSameGeneration(this.#reader.store, this.#generation)
    const end = this.#reader.store.rowCount
    if (end === this.#watermark) return 'wait'
    const news = new Set<number>()
    for (const relation of rootRelations(this.#name)) {
      for (const row of this.#reader.store.linksTo(this.#root, relation).rows) {
        if (row >= this.#watermark && row < end) news.add(row)
      }
    }
    const rootRow = this.#reader.store.findKey(messageKeyToBytes(this.#root))
    if (rootRow >= this.#watermark) news.add(rootRow)
    this.#watermark = end
    if (news.size === 0) return 'wait'
    const rows = this.#reader.pick(this.#root, this.#name, Uint32Array.from(news))
    return rows.rows.length === 0 ? 'wait' : { value: rows, transfer: [rows.frames] }
  }

  close(): void {
    this.#closed()
  }
}

/** @throws {REQUEST_INVALID} */
export function assertTangle(root: unknown, name: unknown): void {
  if (!isMessageKey(root)) throw requestInvalid('root must be the key of a message')
  if (name !== undefined && typeof name !== 'string') throw requestInvalid('name must be a text')
}

const rootRelations = (name: string | undefined): readonly string[] =>
  name === undefined ? ['root', 'fork'] : [`tangles.${name}.root`]

function describeFrame(frame: Uint8Array, name: string | undefined): TangleRow {
  const bytes = frameMessage(frame)
  const value = JSON.parse(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
  ) as Pick<TangleRow, 'author' | 'timestamp'> & { content: unknown }
  return {
    key: messageKeyFromBytes(frameKey(frame)),
    author: value.author,
    timestamp: value.timestamp,
    received: frameReceived(frame),
    ...readTangleFields(value.content, name),
    isPrivate: typeof value.content === 'string',
  }
}
