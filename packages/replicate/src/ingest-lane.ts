import { isCodedError } from '@dunbar/core'
import { type IngestResult, IngestWriter, type ShardClient } from '@dunbar/feed'

/** Batches of one lane under way; what comes meanwhile gathers for the next one. */
const WINDOW = 2

/** Bytes of received messages on their way to one shard, whoever sent them. */
export interface ShardCredit {
  bytes: number
}

/** What a lane tells the session that it belongs to. */
export interface LaneOwner {
  /** Messages up to the given sequence of each feed were looked at. */
  settled(result: IngestResult, feeds: ReadonlyMap<number, number>): void
  /** A batch could not be looked at: the shard is busy or down. */
  failed(code: string, feeds: ReadonlyMap<number, number>): void
  /** Bytes were taken from the account. */
  released(sizeBytes: number, messageCount: number): void
}

/**
 * What one peer sends to one shard: collected in one buffer, one post a turn. While the shard is at
 * work on two batches, further messages make the third one larger.
 */
export class IngestLane {
  readonly #shard: ShardClient
  readonly #credit: ShardCredit
  readonly #owner: LaneOwner
  readonly #writer = new IngestWriter()
  #feeds = new Map<number, number>()
  #underWay = 0

  constructor(shard: ShardClient, credit: ShardCredit, owner: LaneOwner) {
    this.#shard = shard
    this.#credit = credit
    this.#owner = owner
  }

  /** Bytes that wait, or are on their way to the shard, of all peers. */
  get shardBytes(): number {
    return this.#credit.bytes
  }

  /** Adds a message, which is copied. Returns the bytes it takes. */
  push(feed: number, authorBytes: Uint8Array, sequence: number, message: Uint8Array): number {
    const before = this.#writer.sizeBytes
    this.#writer.push(Number.NaN, authorBytes, message)
    this.#feeds.set(feed, sequence)
    const sizeBytes = this.#writer.sizeBytes - before
    this.#credit.bytes += sizeBytes
    return sizeBytes
  }

  /** Sends what was collected, unless enough is under way. */
  flush(): void {
    const { messageCount, sizeBytes } = this.#writer
    if (messageCount === 0 || this.#underWay >= WINDOW) return
    const feeds = this.#feeds
    this.#feeds = new Map()
    this.#underWay += 1
    const done = (): void => {
      this.#underWay -= 1
      this.#credit.bytes -= sizeBytes
      this.#owner.released(sizeBytes, messageCount)
      this.flush()
    }
    this.#shard.ingest(this.#writer.finish()).then(
      (result) => {
        this.#owner.settled(result, feeds)
        done()
      },
      (error: unknown) => {
        this.#owner.failed(isCodedError(error) ? error.code : 'INTERNAL', feeds)
        done()
      },
    )
  }
}
