import { beginsAsObject, type Found, findMessage, isBlank, readExactly } from './message-text.js'
import {
  MAX_RECORD_BYTES,
  type RecordBatch,
  type SourceReason,
  type SourceRecord,
  type SourceRejection,
} from './source.js'

const KEY_LENGTH = 32
const AUTHORS_A_SLAB = 512

/** Collects what one window of a source gives. */
export class BatchBuilder {
  #records: SourceRecord[] = []
  #rejected = new Map<SourceReason, { reason: SourceReason; count: number; example: string }>()
  #deletedCount = 0
  #authors = new Uint8Array(KEY_LENGTH * AUTHORS_A_SLAB)
  #authorsUsed = 0
  readonly #found: Found = { valueStart: 0, valueEnd: 0, received: 0 }

  /**
   * Takes the JSON text in `start` to `end` as a record; `where` names its place when it is none.
   * Returns why it is none, or null.
   */
  takeText(
    bytes: Buffer,
    start: number,
    end: number,
    offset: number,
    where: () => string,
  ): SourceReason | null {
    if (end - start > MAX_RECORD_BYTES) return this.reject('LINE_TOO_LONG', where())
    if (this.#authorsUsed === this.#authors.length) {
      this.#authors = new Uint8Array(KEY_LENGTH * AUTHORS_A_SLAB)
      this.#authorsUsed = 0
    }
    const found = this.#found
    if (findMessage(bytes, start, end, found, this.#authors, this.#authorsUsed)) {
      const author = this.#authors.subarray(this.#authorsUsed, this.#authorsUsed + KEY_LENGTH)
      this.#authorsUsed += KEY_LENGTH
      this.#records.push({
        author,
        received: found.received,
        value: bytes.subarray(found.valueStart, found.valueEnd),
        offset,
      })
      return null
    }
    const parsed = readExactly(bytes, start, end)
    if (typeof parsed === 'string') return this.reject(parsed, where())
    this.#records.push({ ...parsed, offset })
    return null
  }

  /** Like `takeText`, for the piece behind the last separator: what looks cut off is told as that. */
  takeLast(
    bytes: Buffer,
    start: number,
    end: number,
    offset: number,
    where: () => string,
  ): SourceReason | null {
    if (isBlank(bytes, start, end)) return null
    const parsed = end - start > MAX_RECORD_BYTES ? null : readExactly(bytes, start, end)
    if (parsed === 'NOT_JSON' && beginsAsObject(bytes, start, end)) {
      return this.reject('TRUNCATED', where())
    }
    return this.takeText(bytes, start, end, offset, where)
  }

  reject(reason: SourceReason, example: string): SourceReason {
    const same = this.#rejected.get(reason)
    if (same === undefined) this.#rejected.set(reason, { reason, count: 1, example })
    else same.count++
    return reason
  }

  countDeleted(): void {
    this.#deletedCount++
  }

  /** The batch; the builder is empty afterwards. */
  finish(position: number, progressBytes: number): RecordBatch {
    const batch: RecordBatch = {
      records: this.#records,
      rejected: [...this.#rejected.values()] satisfies SourceRejection[],
      deletedCount: this.#deletedCount,
      position,
      progressBytes,
    }
    this.#records = []
    this.#rejected = new Map()
    this.#deletedCount = 0
    return batch
  }
}
