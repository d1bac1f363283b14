/**
 * Brings appended bytes to the disk in groups. A log that was appended to is dirty; it is synced
 * at the latest `delayMs` later, or at once when `maxBytes` wait, one or a few logs at a time: the
 * process has few threads for all its file work, and somebody may wait for the own feed's sync. A log that
 * was appended to only in bulk may wait for `bulkDelayMs`, so that thousands of logs that grow by
 * turns are not synced at each turn; when `bulkBytes` wait in all logs together, all are synced.
 * `syncNow` goes past the queue. A sync covers what was appended before it began; what comes
 * meanwhile makes the log dirty again. A log whose sync failed is handed to `recover` and never
 * synced as it is.
 */
import { Ring, type Timers } from '@dunbar/actor'
import { StoreError } from './store-error.js'

/** What can be synced. */
export interface SyncTarget {
  sync(): Promise<void>
}

export interface SyncPolicy {
  readonly delayMs: number
  /** Of one log. */
  readonly maxBytes: number
  readonly bulkDelayMs: number
  /** Of all logs together. */
  readonly bulkBytes: number
  /** Syncs under way while somebody waits for a `flush`. */
  readonly concurrency: number
  /** Syncs under way otherwise. */
  readonly quietConcurrency: number
}

interface Waiting {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Dirty<Target> {
  readonly target: Target
  /** Appended since the last sync began. */
  bytes: number
  /** Nothing but bulk was appended since the last sync began. */
  isBulk: boolean
  isQueued: boolean
  /** The sync under way. */
  running: Promise<void> | null
  /** Those who wait for the sync after that. */
  next: Waiting | null
}

export class SyncGroup<Target extends SyncTarget> {
  readonly #timers: Timers
  readonly #policy: SyncPolicy
  readonly #recover: (target: Target, cause: unknown) => Promise<boolean>
  readonly #dirty = new Map<Target, Dirty<Target>>()
  /** May hold some that went past it, which are queued no more. */
  readonly #queue = new Ring<Dirty<Target>>()
  #runningCount = 0
  #flushCount = 0
  /** Appended to logs that no sync was asked for since. */
  #waitingBytes = 0
  #cancelTimer: (() => void) | null = null
  #cancelBulkTimer: (() => void) | null = null
  #isClosed = false

  /** @param recover makes a target durable in another way after a failed sync; says whether that worked, and never rejects */
  constructor(
    timers: Timers,
    policy: SyncPolicy,
    recover: (target: Target, cause: unknown) => Promise<boolean>,
  ) {
    this.#timers = timers
    this.#policy = policy
    this.#recover = recover
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  isDirty(target: Target): boolean {
    return this.#dirty.has(target)
  }

  /** @param isBulk the sender can give the bytes again, and says when they must be on the disk */
  markDirty(target: Target, bytes: number, isBulk = false): void {
    let entry = this.#dirty.get(target)
    if (entry === undefined) {
      entry = { target, bytes: 0, isBulk: true, isQueued: false, running: null, next: null }
      this.#dirty.set(target, entry)
    }
    entry.bytes += bytes
    entry.isBulk &&= isBulk
    // The sync that is queued for it covers these too.
    if (entry.next !== null) return
    this.#waitingBytes += bytes
    if (this.#waitingBytes >= this.#policy.bulkBytes) this.#requestAll()
    else if (entry.isBulk) this.#startBulkTimer()
    else if (entry.bytes >= this.#policy.maxBytes) void this.#request(entry)
    else this.#startTimer()
  }

  /** Resolves when all that was appended to a target before is on the disk. @throws {STORE_SYNC_FAILED} */
  async syncNow(target: Target): Promise<void> {
    const entry = this.#dirty.get(target)
    if (entry === undefined) return
    if (entry.bytes === 0 && entry.next === null) {
      await entry.running
      return
    }
    const done = this.#request(entry)
    if (entry.running === null) {
      this.#run(entry)
    }
    await done
  }

  /** Resolves when all that was appended to any target before is on the disk. @throws {STORE_SYNC_FAILED} the first of the failures */
  async flush(): Promise<void> {
    this.#flushCount += 1
    const waits: Promise<void>[] = []
    for (const entry of [...this.#dirty.values()]) {
      if (entry.bytes > 0 || entry.next !== null) waits.push(this.#request(entry))
      else if (entry.running !== null) waits.push(entry.running)
    }
    this.#pump()
    const results = await Promise.allSettled(waits)
    this.#flushCount -= 1
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Starts no more syncs by itself. */
  close(): void {
    this.#isClosed = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#cancelBulkTimer?.()
    this.#cancelBulkTimer = null
  }

  #startTimer(): void {
    if (this.#cancelTimer !== null || this.#isClosed) return
    this.#cancelTimer = this.#timers.set(this.#policy.delayMs, () => {
      this.#cancelTimer = null
      for (const entry of this.#dirty.values()) {
        if (entry.bytes > 0 && !entry.isBulk) void this.#request(entry)
      }
    })
  }

  #startBulkTimer(): void {
    if (this.#cancelBulkTimer !== null || this.#isClosed) return
    this.#cancelBulkTimer = this.#timers.set(this.#policy.bulkDelayMs, () => {
      this.#cancelBulkTimer = null
      this.#requestAll()
    })
  }

  #requestAll(): void {
    for (const entry of this.#dirty.values()) if (entry.bytes > 0) void this.#request(entry)
  }

  #request(entry: Dirty<Target>): Promise<void> {
    if (entry.next === null) {
      entry.next = makeWaiting()
      this.#waitingBytes -= entry.bytes
      if (entry.running === null && !entry.isQueued) this.#enqueue(entry)
      this.#pump()
      // `#pump` may have begun the sync that was asked for.
      return entry.next?.promise ?? entry.running ?? Promise.resolve()
    }
    return entry.next.promise
  }

  #enqueue(entry: Dirty<Target>): void {
    entry.isQueued = true
    this.#queue.push(entry)
  }

  #pump(): void {
    const { concurrency, quietConcurrency } = this.#policy
    while (this.#runningCount < (this.#flushCount > 0 ? concurrency : quietConcurrency)) {
      const entry = this.#queue.shift()
      if (entry === undefined) return
      if (entry.isQueued) this.#run(entry)
    }
  }

  #run(entry: Dirty<Target>): void {
    const waiting = entry.next ?? makeWaiting()
    entry.next = null
    entry.isQueued = false
    entry.bytes = 0
    entry.isBulk = true
    entry.running = waiting.promise
    this.#runningCount += 1
    void this.#sync(entry.target).then((failure) => {
      this.#runningCount -= 1
      entry.running = null
      if (failure === null) waiting.resolve()
      else waiting.reject(failure)
      if (entry.next !== null) this.#enqueue(entry)
      else if (entry.bytes === 0) this.#dirty.delete(entry.target)
      this.#pump()
    })
  }

  async #sync(target: Target): Promise<StoreError | null> {
    try {
      await target.sync()
      return null
    } catch (error) {
      if (await this.#recover(target, error)) return null
      return new StoreError(
        'STORE_SYNC_FAILED',
        'what was appended is not known to be on the disk',
        {},
        { cause: error },
      )
    }
  }
}

function makeWaiting(): Waiting {
  let resolve: () => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise
    reject = rejectPromise
  })
  // Nobody has to wait for a sync that a timer began; its failure reaches `recover` all the same.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
