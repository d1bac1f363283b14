/**
 * Walks the frames of a log and finds its way through damage.
 *
 * Bytes that are no whole frame are `damage` where a whole frame comes behind them, and `torn`
 * where none does: then the log ends at the last whole frame. The way back is found by looking for
 * a whole frame at every byte. That is cheap, since the upper bytes of a length are zero and no
 * JSON text holds a zero byte, and safe, since a message can't hold a frame for the same reason.
 *
 * Reads through a window that always holds the longest frame (or the end of the log) from the
 * place looked at. One step does a bounded amount of work, so that a walk can be cut in slices.
 */
import { DAMAGED, MAX_FRAME_BYTES, probeFrame, TORN, viewOf } from './frame.js'

/** Reads bytes of the log, as `FileHandle.read`. */
export type ReadLog = (
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => number

export type LogStep =
  /** A whole frame: `offset`, `frame`. */
  | 'frame'
  /** Bytes that are no frame, with a whole frame behind them: `damageFrom` to `offset`. */
  | 'damage'
  /** The rest of the log from `offset` on is no frame. */
  | 'torn'
  /** Nothing yet: still looking for the end of a damaged range. */
  | 'looking'
  /** The end, at `offset`. */
  | 'end'

/** Window of a walk; at least twice the longest frame. */
export const WALK_WINDOW_BYTES = 256 * 1024
/** Bytes looked at in one step on the way out of a damaged range: about a millisecond. */
const LOOK_BYTES = 256 * 1024

export class LogWalk {
  readonly #read: ReadLog
  readonly #window: Uint8Array
  readonly #view: DataView
  #windowStart: number
  #windowEnd: number
  #sizeBytes: number
  #isLooking = false
  #lookedTo = 0
  /** Where the frame at hand begins; after `torn` and `end`, where the whole frames end. */
  offset: number
  frameBytes = 0
  damageFrom = 0

  /** @param window memory for this walk alone while it lasts, at least `WALK_WINDOW_BYTES` or the whole rest of the log */
  constructor(read: ReadLog, fromOffset: number, sizeBytes: number, window?: Uint8Array) {
    this.#read = read
    this.offset = fromOffset
    this.#sizeBytes = sizeBytes
    const rest = Math.max(0, sizeBytes - fromOffset)
    this.#window = window ?? new Uint8Array(Math.min(WALK_WINDOW_BYTES, rest))
    this.#view = viewOf(this.#window)
    this.#windowStart = fromOffset
    this.#windowEnd = fromOffset
  }

  /** Goes on to what comes next. Errors of the file system pass through. */
  next(): LogStep {
    if (this.#isLooking) return this.#look()
    this.offset += this.frameBytes
    this.frameBytes = 0
    const found = this.#probe(this.offset)
    if (found > 0) {
      this.frameBytes = found
      return 'frame'
    }
    if (this.offset >= this.#sizeBytes) return 'end'
    this.damageFrom = this.offset
    this.#lookedTo = this.offset + 1
    this.#isLooking = true
    return this.#look()
  }

  /** The frame at hand: a view, valid until the next step. */
  get frame(): Uint8Array {
    const at = this.offset - this.#windowStart
    return this.#window.subarray(at, at + this.frameBytes)
  }

  #look(): LogStep {
    const stopAt = this.#lookedTo + LOOK_BYTES
    while (this.#lookedTo < this.#sizeBytes) {
      if (this.#lookedTo >= stopAt) return 'looking'
      if (this.#probe(this.#lookedTo) > 0) {
        this.#isLooking = false
        this.offset = this.#lookedTo
        this.frameBytes = 0
        return 'damage'
      }
      this.#lookedTo += 1
    }
    this.#isLooking = false
    this.#sizeBytes = this.damageFrom
    this.offset = this.damageFrom
    return 'torn'
  }

  #probe(position: number): number {
    if (this.#windowEnd - position < MAX_FRAME_BYTES) this.#refill(position)
    const at = position - this.#windowStart
    const end = this.#windowEnd - this.#windowStart
    // Two bytes that every frame has tell nearly all other places at once.
    if (end - at < 4) return TORN
    if (this.#window[at + 3] !== 0 || (this.#window[at + 2] as number) > 1) return DAMAGED
    return probeFrame(this.#window, this.#view, at, end)
  }

  #refill(position: number): void {
    if (this.#windowEnd >= this.#sizeBytes) return
    const kept = Math.max(0, this.#windowEnd - position)
    if (kept > 0)
      this.#window.copyWithin(0, position - this.#windowStart, this.#windowEnd - this.#windowStart)
    this.#windowStart = position
    this.#windowEnd = position + kept
    const wanted = Math.min(this.#window.length - kept, this.#sizeBytes - this.#windowEnd)
    const read = this.#read(this.#window, kept, wanted, this.#windowEnd)
    this.#windowEnd += read
    // The file is shorter than it was said to be: what can be read is what there is.
    if (read < wanted) this.#sizeBytes = this.#windowEnd
  }
}
