import type { FileSystem, Random } from '@dunbar/actor'
import type { Log } from './log.js'
import type { NameSync } from './name-sync.js'
import type { RowReader } from './row-reader.js'
import type { SealedPart } from './sealed-part.js'
import type { ShardTables } from './shard-tables.js'
import { StoreError } from './store-error.js'

/** A change of how a feed's messages lie on the disk. What they are stays. */
export interface Relaying {
  /**
   * Does all that can be done while others read and append.
   * @throws {STORE_FULL} @throws {STORE_FAILED} @throws {STORE_BLOCK_DAMAGED}
   * @throws {STORE_BLOCK_MISMATCH} a block did not come back as it went in. Nothing has changed after any of these.
   */
  prepare(): Promise<void>
  /**
   * Makes the change. Nothing may be appended to the feed meanwhile.
   * @returns whether there was anything to change
   * @throws {STORE_FULL} @throws {STORE_BUSY} @throws {STORE_ROW_DAMAGED} nothing has changed
   * @throws {STORE_FAILED} @throws {STORE_SYNC_FAILED}
   */
  commit(): Promise<boolean>
  /** Takes away what was prepared and did not come to count. Always to be called. */
  end(): void
}

/** What a change of one log works on. */
export interface RelayHost {
  readonly fs: FileSystem
  readonly random: Random
  readonly names: NameSync
  readonly log: Log
  readonly reader: RowReader
  tables(): ShardTables
  /** The last message of the chain whose signature was checked, as those of all before it. */
  checkedTo(): number
  /** Brings what was appended to the log to the disk. @throws {STORE_SYNC_FAILED} */
  sync(): Promise<void>
  /** Lets others work. */
  pause(): Promise<void>
  /** The log has other blocks from here on, and other offsets where its frames moved. */
  changed(sealed: SealedPart | null, hasMoved: boolean): void
}

/** Keeps a log from being let go, or changed in two ways at once, while it is relaid. */
export class RelayedLog implements Relaying {
  readonly #log: Log
  readonly #change: Relaying
  #preparing: Promise<void> = Promise.resolve()
  #isEnded = false

  /**
   * @param make told how to let others work, which ends a change that nobody wants any more
   * @throws {STORE_BUSY}
   */
  constructor(log: Log, pause: () => Promise<void>, make: (pause: RelayHost['pause']) => Relaying) {
    assertNot(log.isRelaid)
    log.isRelaid = true
    this.#log = log
    this.#change = make(async () => {
      await pause()
      if (this.#isEnded) throw new StoreError('STORE_CLOSED', 'the change was given up', {})
    })
  }

  prepare(): Promise<void> {
    this.#preparing = this.#change.prepare()
    return this.#preparing
  }

  async commit(): Promise<boolean> {
    assertNot(this.#log.isBusy)
    this.#log.isBusy = true
    try {
      return await this.#change.commit()
    } finally {
      this.#log.isBusy = false
    }
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    void this.#preparing
      .catch(() => undefined)
      .then(() => {
        this.#change.end()
        this.#log.isRelaid = false
      })
  }
}

function assertNot(isUnderWay: boolean): void {
  if (!isUnderWay) return
  throw new StoreError('STORE_BUSY', 'another change of this feed is under way', {})
}
