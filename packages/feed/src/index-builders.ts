import type { Seed } from './fingerprint.js'
import type { SnapshotReader, SnapshotWriter } from './snapshot.js'

/** What an index is told of a message. */
export interface IndexedMessage {
  /** Number of the author's feed. */
  readonly feed: number
  readonly sequence: number
  /** Parsed content: an object, or a string where it is encrypted. Bad input is possible in every field. */
  readonly content: unknown
}

/**
 * An index over the messages of a shard, derived from them alone. Rows come in ascending order.
 * Each has a version of its own: where the one in the snapshot is another, or the saved state is
 * damaged, that index alone is folded again.
 */
export interface IndexBuilder {
  readonly name: string
  /** Counts up when what `fold` makes of the same messages changes. */
  readonly version: number
  /** Memory in use. */
  readonly sizeBytes: number
  /** Takes a message in. Never throws on content. */
  fold(row: number, message: IndexedMessage): void
  /** Forgets what the messages of one feed said. Their rows are no longer live. */
  dropFeed(feed: number): void
  save(writer: SnapshotWriter): void
  /** Fills an empty index. @throws {SnapshotVoid} and then the index is of no use */
  load(reader: SnapshotReader): void
}

/** How an index is made: empty, with the store's seed for its hash index. */
export type MakeIndex<Index extends IndexBuilder> = (seed: Seed) => Index

/** Content as an object with fields to look at; null for encrypted and other content. */
export function contentObject(content: unknown): Readonly<Record<string, unknown>> | null {
  return typeof content === 'object' && content !== null && !Array.isArray(content)
    ? (content as Readonly<Record<string, unknown>>)
    : null
}
