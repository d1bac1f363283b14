/**
 * Bytes on their way out of one connection.
 *
 * Small frames that are pushed in one turn of the thread leave in one write, and while a write is
 * under way the next ones collect. One write at a time, of 256 KiB at most, so that "no write was
 * finished for a minute" means that the other side takes next to nothing. Every frame belongs to an
 * account (its stream), which knows how many of its bytes wait; sources ask `canGive` before they
 * ask for the next item, and are woken in the order in which they began to wait.
 */
import type { ByteDuplex } from './byte-duplex.js'
import type { WireLimits } from './limits.js'
import type { UnsentTotal } from './unsent-total.js'

/** Large enough to make a system call worth it, small enough to tell slow from dead. */
const WRITE_BYTES = 256 * 1024
/** This much does not wait for the end of the turn: the other side reads while the rest is made. */
const EAGER_WRITE_BYTES = 32 * 1024

/** What one stream has waiting. */
export class SendAccount {
  unsentBytes = 0
  /** What the reader still takes; streams whose reader gives no credit have no end of it. */
  creditBytes = Number.POSITIVE_INFINITY
}

interface Chunk {
  readonly bytes: Uint8Array
  readonly account: SendAccount | null
  sentBytes: number
}

/** Collects, accounts and writes. */
export class Outbox {
  readonly #duplex: ByteDuplex
  readonly #limits: WireLimits
  readonly #onChange: () => void
  readonly #total: UnsentTotal | null
  #chunks: Chunk[] = []
  #unsentBytes = 0
  #sentBytes = 0
  #isWriting = false
  #isFlushDue = false
  #isClosed = false
  #onEmpty: (() => void) | null = null
  readonly #waiting = new Map<SendAccount, () => void>()

  /**
   * @param onChange called when bytes began to wait or went out
   * @param total what waits on all connections that share it; while it is full, this one goes on
   *   with one write ahead
   */
  constructor(
    duplex: ByteDuplex,
    limits: WireLimits,
    onChange: () => void,
    total: UnsentTotal | null = null,
  ) {
    this.#duplex = duplex
    this.#limits = limits
    this.#onChange = onChange
    this.#total = total
  }

  /** Bytes that the layer below has not taken yet. */
  get unsentBytes(): number {
    return this.#unsentBytes
  }

  /** Bytes taken by the layer below, ever. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Takes whole frames, which must not change any more. After `close` they are dropped. */
  push(bytes: Uint8Array, account: SendAccount | null): void {
    if (this.#isClosed || bytes.length === 0) return
    this.#chunks.push({ bytes, account, sentBytes: 0 })
    this.#unsentBytes += bytes.length
    this.#total?.add(bytes.length)
    if (account !== null) {
      account.unsentBytes += bytes.length
      account.creditBytes -= bytes.length
    }
    if (this.#isWriting) return
    if (this.#unsentBytes >= EAGER_WRITE_BYTES) {
      this.#write()
    } else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      process.nextTick(this.#flush)
    }
    this.#onChange()
  }

  /** True where the stream may send another item. */
  canGive(account: SendAccount): boolean {
    return (
      account.unsentBytes < this.#limits.unsentStreamBytes &&
      account.creditBytes > 0 &&
      this.#unsentBytes < this.#maxBytes
    )
  }

  /** Its own writes wake its sources, so it needs no word when others make room. */
  get #maxBytes(): number {
    return this.#total?.isFull === true ? WRITE_BYTES : this.#limits.unsentConnectionBytes
  }

  /** Runs `run` once when the stream may send again. One waits for each account. */
  whenReady(account: SendAccount, run: () => void): void {
    this.#waiting.set(account, run)
  }

  /** Nobody waits for this account any more. */
  forget(account: SendAccount): void {
    this.#waiting.delete(account)
  }

  /** Gives a stream more credit. */
  addCredit(account: SendAccount, sizeBytes: number): void {
    account.creditBytes += sizeBytes
    this.#wake()
  }

  /** Runs `run` once everything pushed so far is out. */
  whenEmpty(run: () => void): void {
    if (this.#unsentBytes === 0) run()
    else this.#onEmpty = run
  }

  /** Drops what waits and everything that comes. */
  close(): void {
    this.#isClosed = true
    this.#chunks = []
    this.#total?.add(-this.#unsentBytes)
    this.#unsentBytes = 0
    this.#waiting.clear()
  }

  #flush = (): void => {
    this.#isFlushDue = false
    if (!this.#isWriting && this.#chunks.length > 0) this.#write()
  }

  #write(): void {
    this.#isWriting = true
    const first = this.#chunks[0]!
    const rest = first.bytes.length - first.sentBytes
    if (rest >= WRITE_BYTES || this.#chunks.length === 1) {
      const end = first.sentBytes + Math.min(rest, WRITE_BYTES)
      const piece = first.bytes.subarray(first.sentBytes, end)
      this.#duplex.write(piece, () => this.#written(piece.length))
      return
    }
    const pieces: Uint8Array[] = []
    let sizeBytes = 0
    for (const chunk of this.#chunks) {
      const left = chunk.bytes.length - chunk.sentBytes
      if (sizeBytes > 0 && sizeBytes + left > WRITE_BYTES) break
      pieces.push(chunk.sentBytes === 0 ? chunk.bytes : chunk.bytes.subarray(chunk.sentBytes))
      sizeBytes += left
    }
    const together = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, sizeBytes)
    this.#duplex.write(together, () => this.#written(sizeBytes))
  }

  #written(sizeBytes: number): void {
    if (this.#isClosed) return
    this.#isWriting = false
    this.#unsentBytes -= sizeBytes
    this.#total?.add(-sizeBytes)
    this.#sentBytes += sizeBytes
    let left = sizeBytes
    let done = 0
    while (left > 0) {
      const chunk = this.#chunks[done]!
      const part = Math.min(left, chunk.bytes.length - chunk.sentBytes)
      chunk.sentBytes += part
      left -= part
      if (chunk.account !== null) chunk.account.unsentBytes -= part
      if (chunk.sentBytes === chunk.bytes.length) done++
    }
    if (done === this.#chunks.length) this.#chunks = []
    else if (done > 0) this.#chunks.splice(0, done)
    if (this.#chunks.length > 0) this.#write()
    this.#wake()
    this.#onChange()
    if (this.#unsentBytes === 0 && this.#onEmpty !== null) {
      const run = this.#onEmpty
      this.#onEmpty = null
      run()
    }
  }

  #wake(): void {
    for (const [account, run] of this.#waiting) {
      if (!this.canGive(account)) continue
      this.#waiting.delete(account)
      run()
    }
  }
}
