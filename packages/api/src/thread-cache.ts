import type { ChangeCounts } from '@dunbar/feed'
import type { RawBatch } from '@dunbar/wire'

/** Some ten of the longest threads, or hundreds of usual ones. */
const MAX_BYTES = 4 * 1024 * 1024
/** What an entry costs beside its messages, at most: also of empty threads only so many are kept. */
const ENTRY_BYTES = 4096

interface Entry {
  readonly batches: readonly RawBatch[]
  readonly sizeBytes: number
}

/**
 * Threads as they were sent, for who reads one again. An entry counts while nothing at all has
 * changed in any shard since before they were asked for it, so what is given is what they would say:
 * a message, a block and a message that could not be read end all entries.
 */
export class ThreadCache {
  readonly #changes: ChangeCounts
  /** The one read last stands last. */
  readonly #entries = new Map<string, Entry>()
  #sizeBytes = 0
  /** The counts before the shards were asked for what is kept. */
  #counts: Int32Array

  constructor(changes: ChangeCounts) {
    this.#changes = changes
    this.#counts = changes.now()
  }

  /** The counts to give to `keep`; taken before the shards are asked. */
  begin(): Int32Array {
    return this.#changes.now()
  }

  /** What was kept under a name; null for nothing, and for what may have changed. */
  read(name: string): readonly RawBatch[] | null {
    if (!this.#changes.areStill(this.#counts)) this.#clear(this.#changes.now())
    const entry = this.#entries.get(name)
    if (entry === undefined) return null
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    return entry.batches
  }

  /**
   * Keeps all that was sent, unless it is old by now.
   * @param name tells the question and its options from all others
   * @param messageBytes of the messages in `batches`
   */
  keep(name: string, counts: Int32Array, batches: readonly RawBatch[], messageBytes: number): void {
    const sizeBytes = messageBytes + ENTRY_BYTES
    if (sizeBytes > MAX_BYTES || !this.#changes.areStill(counts)) return
    if (!this.#changes.areStill(this.#counts)) this.#clear(counts)
    this.#drop(name)
    this.#entries.set(name, { batches, sizeBytes })
    this.#sizeBytes += sizeBytes
    for (const oldest of this.#entries.keys()) {
      if (this.#sizeBytes <= MAX_BYTES) return
      this.#drop(oldest)
    }
  }

  #drop(name: string): void {
    this.#sizeBytes -= this.#entries.get(name)?.sizeBytes ?? 0
    this.#entries.delete(name)
  }

  #clear(counts: Int32Array): void {
    this.#entries.clear()
    this.#sizeBytes = 0
    this.#counts = counts
  }
}
