import { CodedError, feedIdFromBytes, isLowOrderKey } from '@dunbar/core'
import {
  IngestTotals,
  IngestWriter,
  MAX_INGEST_MESSAGE_BYTES,
  type Rejection,
  type ShardClient,
  shardOf,
} from '@dunbar/feed'
import { type ImportSource, openSource } from '@dunbar/import'

/**
 * Reads a source and hands its messages to the shards, one batch a post. A few batches are under
 * way to each shard, so memory stays bounded however large the source is. Messages that are held
 * already are recognised without checking their signature again: an import that was interrupted is
 * simply run again.
 */

/** Bytes of one batch. Large ones let a feed write many messages at once. */
const BATCH_BYTES = 8 * 2 ** 20
/** Bytes of the first batch, so that a shard has work early; each one after it is twice as large. */
const FIRST_BATCH_BYTES = 2 ** 18
/** Batches under way to each shard: enough that one goes on while the source has more for another. */
const WINDOW = 3

/** What an import did. */
export interface ImportResult {
  /** Records found in the source. */
  readonly read: number
  readonly added: number
  readonly known: number
  /** Feeds that records were found of. */
  readonly feeds: number
  readonly rejected: readonly Rejection[]
  readonly seconds: number
}

export type ImportEvent =
  | {
      readonly event: 'progress'
      readonly read: number
      readonly bytes: number
      readonly totalBytes: number
    }
  | { readonly event: 'note'; readonly text: string }
  | { readonly event: 'done'; readonly result: ImportResult }

/**
 * Imports a file or folder; see `openSource` for what it may be. The last event is `done`; by then
 * everything is on the disk.
 * @throws {SOURCE_UNREADABLE} and the other errors of `openSource`
 * @throws {STORE_FULL} the disk has no room for more; what was counted as added is kept
 */
export async function* importFrom(
  path: string,
  shards: readonly ShardClient[],
  signal: AbortSignal,
): AsyncGenerator<ImportEvent> {
  const startedAt = performance.now()
  const source = await openSource(path)
  for (const text of source.notes) yield { event: 'note', text }
  const totals = new IngestTotals()
  const lanes = shards.map((shard) => new ShardLane(shard, totals))
  const feeds = new Set<string>()
  let read = 0
  try {
    for await (const batch of source.records()) {
      signal.throwIfAborted()
      for (const { author, received, value } of batch.records) {
        feeds.add(Buffer.from(author.buffer, author.byteOffset, 32).toString('latin1'))
        if (isLowOrderKey(author)) {
          totals.tally.add('AUTHOR', feedIdFromBytes(author))
        } else {
          const full = lanes[shardOf(author, lanes.length)]!.push(received, author, value)
          if (full !== null) await full
        }
      }
      totals.tally.addAll(batch.rejected)
      read += batch.records.length + sumOf(batch.rejected)
      yield progress(source, batch.progressBytes, read)
    }
    await Promise.all(lanes.map((lane) => lane.finish()))
    await Promise.all(shards.map((shard) => shard.checkpoint()))
  } finally {
    // An import that failed is over when nothing of it is under way any more.
    await Promise.all(lanes.map((lane) => lane.settled()))
  }
  const { added, known, rejected } = totals.result()
  const seconds = Math.round(performance.now() - startedAt) / 1000
  yield { event: 'done', result: { read, added, known, feeds: feeds.size, rejected, seconds } }
}

const sumOf = (rejected: readonly { readonly count: number }[]): number =>
  rejected.reduce((sum, { count }) => sum + count, 0)

const progress = (source: ImportSource, bytes: number, read: number): ImportEvent => ({
  event: 'progress',
  read,
  bytes,
  totalBytes: source.totalBytes,
})

/** Collects and sends for one shard. */
class ShardLane {
  readonly #shard: ShardClient
  readonly #totals: IngestTotals
  readonly #writer = new IngestWriter(BATCH_BYTES + 2 ** 17)
  #batchBytes = FIRST_BATCH_BYTES
  readonly #underWay: Promise<void>[] = []

  constructor(shard: ShardClient, totals: IngestTotals) {
    this.#shard = shard
    this.#totals = totals
  }

  /** A promise where the caller must wait for room before it pushes more. */
  push(received: number, author: Uint8Array, value: Uint8Array): Promise<void> | null {
    if (value.length > MAX_INGEST_MESSAGE_BYTES) {
      this.#totals.tally.add('TOO_LONG', feedIdFromBytes(author))
      return null
    }
    this.#writer.push(received, author, value)
    return this.#writer.sizeBytes >= this.#batchBytes ? this.#send() : null
  }

  async finish(): Promise<void> {
    if (this.#writer.messageCount > 0) await this.#send()
    while (this.#underWay.length > 0) await this.#oldest()
  }

  /** Resolves when no batch is under way, however each ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  /** Waits for the batch that was sent first; it counts as under way until then. */
  async #oldest(): Promise<void> {
    await this.#underWay[0]
    this.#underWay.shift()
  }

  async #send(): Promise<void> {
    this.#batchBytes = Math.min(2 * this.#batchBytes, BATCH_BYTES)
    const sent = this.#shard.ingest(this.#writer.finish(), true).then((result) => {
      const full = result.rejected.find(({ reason }) => reason === 'STORE_FULL')
      if (full !== undefined) {
        throw new CodedError('STORE_FULL', 'the disk is full; what was added so far is kept', {})
      }
      this.#totals.add(result)
    })
    // The failure is met by whoever waits for this batch later.
    sent.catch(() => undefined)
    this.#underWay.push(sent)
    if (this.#underWay.length >= WINDOW) await this.#oldest()
  }
}
