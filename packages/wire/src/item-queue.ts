import type { ReceivedBatch } from './received.js'

/** Told what becomes of the bytes in a queue, so that a connection can stop reading. */
export interface QueueAccount {
  /** Bytes came and wait. */
  queued(sizeBytes: number): void
  /** Bytes were taken or dropped. */
  taken(sizeBytes: number): void
  /** A reader began or ceased to wait. */
  waiting(isWaiting: boolean): void
}

/** What has come of one stream and nobody took yet. One reader at a time. */
export class ItemQueue {
  readonly #account: QueueAccount
  #batches: (ReceivedBatch | null)[] = []
  /** Of the oldest one that waits; those before it are null, so that their memory is free at once. */
  #at = 0
  #isEnded = false
  #error: unknown = null
  #reader: { resolve(batch: ReceivedBatch | null): void; reject(error: unknown): void } | null =
    null

  constructor(account: QueueAccount) {
    this.#account = account
  }

  /** Adds a batch; dropped where the queue has ended. */
  push(batch: ReceivedBatch): void {
    if (this.#isEnded) return
    this.#account.queued(batch.sizeBytes)
    if (this.#reader === null) {
      this.#batches.push(batch)
      return
    }
    const reader = this.#reader
    this.#reader = null
    this.#account.taken(batch.sizeBytes)
    this.#account.waiting(false)
    reader.resolve(batch)
  }

  /** Nothing follows; with an error the reader gets it behind what waits. */
  end(error: unknown = null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    const reader = this.#reader
    if (reader === null) return
    this.#reader = null
    this.#account.waiting(false)
    if (error === null) {
      reader.resolve(null)
    } else {
      this.#error = null
      reader.reject(error)
    }
  }

  /** Ends without an error and drops what waits. */
  drop(): void {
    for (; this.#at < this.#batches.length; this.#at++) {
      this.#account.taken(this.#batches[this.#at]!.sizeBytes)
    }
    this.#batches = []
    this.#at = 0
    this.end()
    this.#error = null
  }

  /** The next batch; null behind the last one. Rejects once with the error that ended the stream. */
  take(): Promise<ReceivedBatch | null> {
    const batch = this.#batches[this.#at]
    if (batch !== undefined && batch !== null) {
      this.#batches[this.#at++] = null
      if (this.#at * 2 >= this.#batches.length) {
        this.#batches.splice(0, this.#at)
        this.#at = 0
      }
      this.#account.taken(batch.sizeBytes)
      return Promise.resolve(batch)
    }
    if (this.#isEnded) {
      if (this.#error === null) return Promise.resolve(null)
      const error = this.#error
      this.#error = null
      return Promise.reject(error)
    }
    this.#account.waiting(true)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }
}

/**
 * Hands out what a queue holds, each batch opened by `open`.
 * @param onLeave runs once when the reader leaves before the end, or reads something that can't be opened
 */
export class QueueReader<Item> implements AsyncIterableIterator<Item> {
  readonly #queue: ItemQueue
  readonly #open: (batch: ReceivedBatch) => readonly Item[]
  readonly #onLeave: () => void
  #items: readonly Item[] = []
  #at = 0
  #isDone = false

  constructor(
    queue: ItemQueue,
    open: (batch: ReceivedBatch) => readonly Item[],
    onLeave: () => void,
  ) {
    this.#queue = queue
    this.#open = open
    this.#onLeave = onLeave
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#at < this.#items.length) {
      return Promise.resolve({ done: false, value: this.#items[this.#at++]! })
    }
    return this.#refill()
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.#leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  async #refill(): Promise<IteratorResult<Item, undefined>> {
    while (!this.#isDone) {
      const batch = await this.#queue.take()
      if (batch === null || this.#isDone) break
      try {
        this.#items = this.#open(batch)
      } catch (error) {
        this.#leave()
        throw error
      }
      this.#at = 0
      if (this.#items.length > 0) {
        return { done: false, value: this.#items[this.#at++]! }
      }
    }
    this.#isDone = true
    return { done: true, value: undefined }
  }

  #leave(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#items = []
    this.#onLeave()
  }
}
