import type { FeedId, Keys, MessageKey } from '@dunbar/core'
import { messageKeyFromBytes } from '@dunbar/core'
import { unboxContent } from '@dunbar/formats'
import { readTangleFields } from '@dunbar/tangle'
import { frameKey, frameMessage, frameReceived } from './frame.js'
import type { TangleRow } from './protocol.js'
import type { ShardStore } from './shard-store.js'

/**
 * Which private messages the node can read, and what tangle each belongs to. Opening a box costs
 * 30 to 100 µs, so this index is made when somebody asks for a private thread and then kept up: the
 * import of a million messages does not wait for it. It is held in memory only; plaintext is not.
 */

/** Boxes tried between two turns of others: about 4 ms. */
const SLICE_MESSAGES = 50
/** Private messages remembered; later ones are opened at each question. */
const MAX_ROWS = 200_000

export class PrivateIndex {
  readonly #store: ShardStore
  readonly #keys: Keys
  readonly #yieldTurn: () => Promise<void>
  #rows = new Map<number, TangleRow>()
  #byRoot = new Map<MessageKey, number[]>()
  #watermark = 0
  #generation: number
  #working: Promise<void> | null = null

  /** @param yieldTurn resolves in a later turn of the thread */
  constructor(store: ShardStore, keys: Keys, yieldTurn: () => Promise<void>) {
    this.#store = store
    this.#keys = keys
    this.#yieldTurn = yieldTurn
    this.#generation = store.generation
  }

  /** The readable private messages that are, or name as root or fork, this key. Resolves when all that is stored was tried. */
  async tangle(root: MessageKey): Promise<{ rows: number[]; described: TangleRow[] }> {
    await this.#catchUp()
    const rows = this.#byRoot.get(root) ?? []
    return { rows, described: rows.map((row) => this.#rows.get(row)!) }
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
      this.#generation = this.#store.generation
    }
    let tried = 0
    for (; this.#watermark < this.#store.rowCount; this.#watermark++) {
      const row = this.#watermark
      if (!this.#store.isLive(row) || this.#store.typeOf(row) !== '') continue
      this.#open(row)
      tried += 1
      if (tried % SLICE_MESSAGES === 0) await this.#yieldTurn()
    }
  }

  #open(row: number): void {
    const frame = this.#store.readRow(row)
    const bytes = frameMessage(frame)
    const value = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
    ) as { author: FeedId; timestamp: number; content: unknown }
    if (typeof value.content !== 'string' || this.#rows.size >= MAX_ROWS) return
    const content = unboxContent(value.content, this.#keys)
    if (content === null) return
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
}
