import type { Chunk, Cursor } from '@dunbar/actor'
import { isMessageKey, type MessageKey, messageKeyFromBytes, messageKeyToBytes } from '@dunbar/core'
import { readTangleFields } from '@dunbar/tangle'
import { LRUCache } from 'lru-cache'
import { FrameReader, FrameWriter, frameKey, frameMessage, frameReceived } from './frame.js'
import type { FrameBatch, TangleChunk, TangleRow } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'
import { requestInvalid } from './stream-bounds.js'
import { tangleChunk } from './tangle-chunk.js'

/** What sorting needs of a message is a few hundred bytes; this many are kept. */
const MAX_CACHED_ROWS = 8192
/** Of a tangle with more messages or bytes in one shard the oldest are given. */
const MAX_TANGLE_ROWS = 100_000
const MAX_TANGLE_BYTES = 64 * 1024 * 1024
/** One chunk: about 4 ms where all of it must be read from logs that are not open. */
const CHUNK_BYTES = 128 * 1024

/** Finds the messages of tangles in one shard and reads from each what sorting needs. */
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
   * The root, where it is here, and what names it as root or fork, or as root of the tangle `name`:
   * rows from `firstRow` on, the root first. Some may be of other tangles.
   */
  find(root: MessageKey, name: string | undefined, firstRow: number): Uint32Array {
    const rows = new Set<number>()
    const rootRow = this.#store.findKey(messageKeyToBytes(root))
    if (rootRow >= firstRow) rows.add(rootRow)
    for (const relation of rootRelations(name)) {
      for (const row of this.#store.linksTo(root, relation).rows) {
        if (row >= firstRow && rows.size < MAX_TANGLE_ROWS) rows.add(row)
      }
    }
    return Uint32Array.from(rows)
  }

  /** Those of `rows` that belong to the tangle, from the first ones on while they fit; `count` were looked at. */
  read(
    root: MessageKey,
    name: string | undefined,
    rows: Uint32Array,
    maxBytes: number,
  ): { readonly chunk: TangleChunk; readonly count: number } {
    const { frames, rows: read, count } = this.#store.readRows(rows, maxBytes)
    return { chunk: this.#describe(root, name, frames, read), count }
  }

  /** Leaves out rows whose fingerprint matched but that are not of the tangle. */
  #describe(
    root: MessageKey,
    name: string | undefined,
    frames: ArrayBuffer,
    rows: Uint32Array,
  ): TangleChunk {
    if (this.#generation !== this.#store.generation) {
      this.#cache.clear()
      this.#generation = this.#store.generation
    }
    const described: TangleRow[] = []
    const strangers: { readonly start: number; readonly end: number }[] = []
    const reader = new FrameReader(frames)
    for (const storeRow of rows) {
      reader.next()
      const row = this.#rowOf(storeRow, name, reader)
      if (row.key === root || row.root === root || row.fork === root) described.push(row)
      else strangers.push({ start: reader.offset, end: reader.offset + reader.frameBytes })
    }
    return tangleChunk(
      root,
      described,
      strangers.length === 0 ? frames : without(strangers, frames),
    )
  }

  #rowOf(row: number, name: string | undefined, reader: FrameReader): TangleRow {
    if (name !== undefined) return describeFrame(reader.frame, name)
    let described = this.#cache.get(row)
    if (described === undefined) {
      described = describeFrame(reader.frame, undefined)
      this.#cache.set(row, described)
    }
    return described
  }
}

/** The stored messages of one tangle. Each pull reads one chunk, so that others have their turn. */
export class TangleCursor implements Cursor {
  readonly #reader: TangleReader
  readonly #root: MessageKey
  readonly #name: string | undefined
  readonly #generation: number
  readonly #rows: Uint32Array
  #position = 0
  #leftBytes: number

  /** @throws {REQUEST_INVALID} */
  constructor(
    reader: TangleReader,
    root: MessageKey,
    name: string | undefined,
    maxBytes: number = MAX_TANGLE_BYTES,
  ) {
    assertTangle(root, name)
    this.#reader = reader
    this.#root = root
    this.#name = name
    this.#generation = reader.store.generation
    this.#rows = reader.find(root, name, 0)
    this.#leftBytes = maxBytes
  }

  pull(): Chunk | 'end' {
    assertSameGeneration(this.#reader.store, this.#generation)
    if (this.#position >= this.#rows.length || this.#leftBytes <= 0) return 'end'
    const rows = this.#rows.subarray(this.#position)
    const maxBytes = Math.min(CHUNK_BYTES, this.#leftBytes)
    const { chunk, count } = this.#reader.read(this.#root, this.#name, rows, maxBytes)
    this.#position += count
    this.#leftBytes -= chunk.frames.byteLength
    return { value: chunk, transfer: [chunk.frames] }
  }

  close(): void {}
}

/** Messages of one tangle that arrive from now on. */
export class LiveTangleCursor implements Cursor {
  readonly #reader: TangleReader
  readonly #root: MessageKey
  readonly #name: string | undefined
  readonly #closed: () => void
  readonly #generation: number
  #watermark: number
  #news: Uint32Array = new Uint32Array(0)

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
    for (;;) {
      if (this.#news.length === 0) this.#takeNews()
      if (this.#news.length === 0) return 'wait'
      const { chunk, count } = this.#reader.read(this.#root, this.#name, this.#news, CHUNK_BYTES)
      this.#news = this.#news.subarray(count)
      if (chunk.authors.length > 0) return { value: chunk, transfer: [chunk.frames] }
    }
  }

  close(): void {
    this.#closed()
  }

  #takeNews(): void {
    const end = this.#reader.store.rowCount
    if (end === this.#watermark) return
    this.#news = this.#reader.find(this.#root, this.#name, this.#watermark)
    this.#watermark = end
  }
}

/** @throws {REQUEST_INVALID} */
export function assertTangle(root: unknown, name: unknown): void {
  if (!isMessageKey(root)) throw requestInvalid('root must be the key of a message')
  if (name !== undefined && typeof name !== 'string') throw requestInvalid('name must be a text')
}

const rootRelations = (name: string | undefined): readonly string[] =>
  name === undefined ? ['root', 'fork'] : [`tangles.${name}.root`]

/** The frames without those in some ranges, in memory of their own. */
function without(
  ranges: readonly { readonly start: number; readonly end: number }[],
  frames: FrameBatch,
): FrameBatch {
  const kept = new FrameWriter(frames.byteLength)
  const bytes = new Uint8Array(frames)
  let at = 0
  for (const { start, end } of ranges) {
    kept.pushFrames(bytes.subarray(at, start))
    at = end
  }
  kept.pushFrames(bytes.subarray(at))
  return kept.finish()
}

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
