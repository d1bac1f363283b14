import { FrameReader } from './frame.js'
import type { Log } from './log.js'
import { type LogStep, LogWalk } from './log-walk.js'
import type { SealedEntry } from './sealed-part.js'
import { StoreError } from './store-error.js'

/**
 * Walks the frames of a log, first those in blocks, then those in its file; see `LogWalk`. A block
 * that can't be read is damage from its first frame to its last. A step reads a block at most.
 */
export class FeedWalk {
  readonly #log: Log
  readonly #to: number
  readonly #window: Uint8Array | undefined
  /** Null as long as blocks are walked. */
  #file: LogWalk | null = null
  #block: FrameReader | null = null
  #blockStart = 0
  /** Where the frame at hand begins; after `torn` and `end`, where the whole frames end. */
  offset: number
  frameBytes = 0
  damageFrom = 0
  /** The block that the last `damage` is about; null for damage in the file. */
  lostBlock: SealedEntry | null = null

  /**
   * @param from where a frame begins
   * @param window as for `LogWalk`
   */
  constructor(log: Log, from: number, to: number, window?: Uint8Array) {
    this.#log = log
    this.#to = to
    this.#window = window
    this.offset = from
  }

  /** Goes on to what comes next. @throws {STORE_FAILED} */
  next(): LogStep {
    if (this.#file !== null) return this.#walkFile(this.#file)
    this.lostBlock = null
    const at = this.offset + this.frameBytes
    this.frameBytes = 0
    this.offset = at
    if (at >= this.#to) return 'end'
    const sealed = this.#log.sealed
    const index = sealed?.indexAt(at) ?? -1
    if (sealed === null || index === -1) {
      this.#block = null
      this.#file = new LogWalk(this.#log.read, at, this.#to, this.#window)
      return this.#walkFile(this.#file)
    }
    const entry = sealed.entries[index]!
    if (this.#block === null || this.#blockStart !== entry.start) {
      const block = this.#open(index)
      if (block === null) {
        this.#block = null
        this.damageFrom = at
        this.offset = entry.end
        this.lostBlock = entry
        return 'damage'
      }
      this.#block = block
      this.#blockStart = entry.start
      while (this.#blockStart + block.offset + block.frameBytes < at) block.next()
    }
    const block = this.#block
    block.next()
    this.frameBytes = block.frameBytes
    return 'frame'
  }

  /** The frame at hand: a view, valid until the next step. */
  get frame(): Uint8Array {
    return this.#file?.frame ?? this.#block!.frame
  }

  #walkFile(walk: LogWalk): LogStep {
    const step = walk.next()
    this.offset = walk.offset
    this.frameBytes = walk.frameBytes
    this.damageFrom = walk.damageFrom
    return step
  }

  #open(index: number): FrameReader | null {
    try {
      return new FrameReader(this.#log.openBlock(index).frames())
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_BLOCK_DAMAGED') return null
      throw error
    }
  }
}
