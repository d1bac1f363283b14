import type { Chunk, Cursor } from '@dunbar/actor'
import {
  CodedError,
  type FeedId,
  isCodedError,
  type Keys,
  type MessageKey,
  messageKeyFromBytes,
} from '@dunbar/core'
import { unboxContent } from '@dunbar/formats'
import { readTangleFields } from '@dunbar/tangle'
import { frameKey, frameMessage, frameReceived } from './frame.js'
import type { TangleChunk, TangleRow } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'
import { tangleChunk } from './tangle-chunk.js'

/**
 * Which private messages the node can read, and what tangle each belongs to. Opening a box costs
 * 30 to 100 µs, so this index is made when somebody asks for a private thread and then kept up: the
 * import of a million messages does not wait for it. It is held in memory only; plaintext is not.
 */

/** Boxes tried between two turns of others: about 4 ms. */
const SLICE_MESSAGES = 50
/** One chunk of a private thread. */
const CHUNK_BYTES = 128 * 1024
/** Readable private messages remembered; bounds the memory. With more of them every question is refused. */
const MAX_ROWS = 200_000

export class PrivateIndex {
  readonly #store: ShardStore
  readonly #keys: Keys
  readonly #yieldTurn: () => Promise<void>
  readonly #maxRows: number
  #rows = new Map<number, TangleRow>()
  #byRoot = new Map<MessageKey, number[]>()
  #watermark = 0
  #isFull = false
  #generation: number
  #working: Promise<void> | null = null

  /**
   * @param yieldTurn resolves in a later turn of the thread
   * @param maxRows readable private messages remembered
   */
  constructor(
    store: ShardStore,
    keys: Keys,
    yieldTurn: () => Promise<void>,
    maxRows: number = MAX_ROWS,
  ) {
    this.#store = store
    this.#keys = keys
    this.#yieldTurn = yieldTurn
    this.#maxRows = maxRows
    this.#generation = store.generation
  }

  /**
   * Rows of the readable private messages that are, or name as root or fork, this key, ascending.
   * Resolves when all that is stored was tried.
   * @throws {PRIVATE_INDEX_FULL} there are more readable private messages than are remembered
   */
  async find(root: MessageKey): Promise<readonly number[]> {
    await this.#catchUp()
    if (this.#isFull) throw indexFull(this.#maxRows)
    return this.#byRoot.get(root) ?? []
  }

  /** These rows, which `find` gave, from the first ones on while they fit; `count` were looked at. */
  read(
    root: MessageKey,
    wanted: readonly number[],
    maxBytes: number,
  ): { readonly chunk: TangleChunk; readonly count: number } {
    const { frames, rows, count } = this.#store.readRows(wanted, maxBytes)
    const described = Array.from(rows, (row) => this.#rows.get(row)!)
    return { chunk: tangleChunk(root, described, frames), count }
  }

  #catchUp(): Promise<void> {
    this.#working ??= this.#tryAll().finally(() => {
      this.#working = null
    })
    return this.#working
  }

  async #tryAll(): Promise<void> {
    if (this.#generation !== this.#store.generation) {
      this.#rows = new Map()
      this.#byRoot = new Map()
      this.#watermark = 0
      this.#isFull = false
      this.#generation = this.#store.generation
    }
    let tried = 0
    for (; !this.#isFull && this.#watermark < this.#store.rowCount; this.#watermark++) {
      const row = this.#watermark
      if (!this.#store.isLive(row) || this.#store.typeOf(row) !== '') continue
      this.#open(row)
      tried += 1
      if (tried % SLICE_MESSAGES === 0) await this.#yieldTurn()
    }
  }

  #open(row: number): void {
    const frame = this.#frame(row)
    if (frame === null) return
    const bytes = frameMessage(frame)
    const value = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
    ) as { author: FeedId; timestamp: number; content: unknown }
    if (typeof value.content !== 'string') return
    const content = unboxContent(value.content, this.#keys)
    if (content === null) return
    if (this.#rows.size >= this.#maxRows) {
      this.#isFull = true
      return
    }
    const described: TangleRow = {
      key: messageKeyFromBytes(frameKey(frame)),
      author: value.author,
      timestamp: value.timestamp,
      received: frameReceived(frame),
      ...readTangleFields(content),
      isPrivate: true,
    }
    this.#rows.set(row, described)
    for (const root of new Set([described.key, described.root, described.fork])) {
      if (root === null) continue
      const rows = this.#byRoot.get(root)
      if (rows === undefined) this.#byRoot.set(root, [row])
      else rows.push(row)
    }
  }

  /** Null where it can't be read: one damaged message hides no other. */
  #frame(row: number): Uint8Array | null {
    try {
      return this.#store.readRow(row)
    } catch (error) {
      if (isCodedError(error)) return null
      throw error
    }
  }
}

const indexFull = (maxRows: number) =>
  new CodedError(
    'PRIVATE_INDEX_FULL',
    `more than ${maxRows.toLocaleString('en-US')} readable private messages`,
    { maxRows },
  )

/** The readable private messages of one thread: those stored, or those that arrive from now on. */
export class PrivateCursor implements Cursor {
  readonly #index: PrivateIndex
  readonly #store: ShardStore
  readonly #root: MessageKey
  readonly #isLive: boolean
  readonly #closed: () => void
  readonly #generation: number
  #watermark: number
  #rows: readonly number[] = []
  #isFound = false

  constructor(
    index: PrivateIndex,
    store: ShardStore,
    root: MessageKey,
    isLive: boolean,
    closed: () => void,
  ) {
    this.#index = index
    this.#store = store
    this.#root = root
    this.#isLive = isLive
    this.#closed = closed
    this.#generation = store.generation
    this.#watermark = isLive ? store.rowCount : 0
  }

  async pull(): Promise<Chunk | 'wait' | 'end'> {
    assertSameGeneration(this.#store, this.#generation)
    if (this.#rows.length === 0) await this.#findMore()
    if (this.#rows.length === 0) return this.#isLive ? 'wait' : 'end'
    const { chunk, count } = this.#index.read(this.#root, this.#rows, CHUNK_BYTES)
    this.#rows = this.#rows.slice(count)
    return { value: chunk, transfer: [chunk.frames] }
  }

  close(): void {
    this.#closed()
  }

  async #findMore(): Promise<void> {
    const end = this.#store.rowCount
    const first = this.#watermark
    if (this.#isLive ? end === first : this.#isFound) return
    this.#watermark = end
    this.#isFound = true
    const found = await this.#index.find(this.#root)
    assertSameGeneration(this.#store, this.#generation)
    // What came while the boxes were tried is found the next time.
    this.#rows = found.filter((row) => row >= first && (row < end || !this.#isLive))
  }
}
