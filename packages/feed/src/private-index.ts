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
import type { TangleRow, TangleRows } from './protocol.js'
import { assertSameGeneration } from './query-cursor.js'
import type { ShardStore } from './shard-store.js'

/**
 * Which private messages the node can read, and what tangle each belongs to. Opening a box costs
 * 30 to 100 µs, so this index is made when somebody asks for a private thread and then kept up: the
 * import of a million messages does not wait for it. It is held in memory only; plaintext is not.
 */

/** Boxes tried between two turns of others: about 4 ms. */
const SLICE_MESSAGES = 50
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
   * The readable private messages that are, or name as root or fork, this key. Resolves when all
   * that is stored was tried.
   * @throws {PRIVATE_INDEX_FULL} there are more readable private messages than are remembered
   */
  async read(root: MessageKey): Promise<TangleRows> {
    return this.from(root, 0)
  }

  /** Those of them in rows from `firstRow` on. @throws {PRIVATE_INDEX_FULL} */
  async from(root: MessageKey, firstRow: number): Promise<TangleRows> {
    await this.#catchUp()
    if (this.#isFull) throw indexFull(this.#maxRows)
    const wanted = (this.#byRoot.get(root) ?? []).filter((row) => row >= firstRow)
    const { frames, rows } = this.#store.readRows(wanted, Number.POSITIVE_INFINITY)
    return { rows: [...rows].map((row) => this.#rows.get(row)!), frames }
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

/** Readable private messages of one thread that arrive from now on. */
export class LivePrivateCursor implements Cursor {
  readonly #index: PrivateIndex
  readonly #store: ShardStore
  readonly #root: MessageKey
  readonly #closed: () => void
  readonly #generation: number
  #watermark: number

  constructor(index: PrivateIndex, store: ShardStore, root: MessageKey, closed: () => void) {
    this.#index = index
    this.#store = store
    this.#root = root
    this.#closed = closed
    this.#generation = store.generation
    this.#watermark = store.rowCount
  }

  async pull(): Promise<Chunk | 'wait'> {
    assertSameGeneration(this.#store, this.#generation)
    const end = this.#store.rowCount
    if (end === this.#watermark) return 'wait'
    const first = this.#watermark
    this.#watermark = end
    const found = await this.#index.from(this.#root, first)
    return found.rows.length === 0 ? 'wait' : { value: found, transfer: [found.frames] }
  }

  close(): void {
    this.#closed()
  }
}
