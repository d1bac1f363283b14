/** A message as it was found in a source. Nothing in it has been checked but what routing needs. */
export interface SourceRecord {
  /** The 32 key bytes of the author that the message names. */
  readonly author: Uint8Array
  /** When the source's node got it, ms since 1970; NaN where the source doesn't say. */
  readonly received: number
  /** The message value as JSON text in UTF-8, in the key order of the source. */
  readonly value: Uint8Array
  /** Byte offset of the record in the (uncompressed) source. */
  readonly offset: number
}

/** Why a piece of a source is no message. */
export type SourceReason =
  /** Text that JSON.parse refuses. */
  | 'NOT_JSON'
  /** JSON without a message value or without an author in it. */
  | 'NOT_A_MESSAGE'
  /** A message of a feed format other than classic. */
  | 'UNKNOWN_FORMAT'
  /** A line or record of more than `MAX_RECORD_BYTES`. */
  | 'LINE_TOO_LONG'
  /** The source ends in the middle of a record. */
  | 'TRUNCATED'
  /** Bytes that the source's own format doesn't allow; reading went on behind them where it could. */
  | 'DAMAGED'

/** Pieces that are no messages, counted by reason. */
export interface SourceRejection {
  readonly reason: SourceReason
  readonly count: number
  /** Where the first one was: `line 17`, or `byte 4711` where lines aren't known. */
  readonly example: string
}

/** What one read of a source gave. Its bytes belong to the source: they hold until the next batch is asked for. */
export interface RecordBatch {
  readonly records: readonly SourceRecord[]
  readonly rejected: readonly SourceRejection[]
  /** Records that the source's node had deleted. */
  readonly deletedCount: number
  /** Offset to give to `records` to go on behind this batch. */
  readonly position: number
  /** How much of `totalBytes` has been read. */
  readonly progressBytes: number
}

export type SourceKind = 'json-lines' | 'json-lines-gzip' | 'ssb-db' | 'ssb-db2'

/** What else lies in the folder of another node. Nothing of it is read here. */
export interface SourceFolder {
  readonly path: string
  /** File with the node's key pair, or null. */
  readonly secretPath: string | null
  /** Folder `blobs/sha256`, or null. */
  readonly blobsPath: string | null
}

/** A source that has been recognised. It is only ever read. */
export interface ImportSource {
  readonly kind: SourceKind
  /** The file that is read. */
  readonly path: string
  /** Size of that file on disk; compressed where it is. */
  readonly totalBytes: number
  /** What a person should know about the choice that was made, a sentence each. */
  readonly notes: readonly string[]
  /** The node folder that was opened; null for a single file. */
  readonly folder: SourceFolder | null
  /**
   * Reads the messages in the order of the file, about 1 MiB a batch, one read ahead.
   * What can't be read comes as a rejection and never ends the stream.
   *
   * @param fromOffset a `position` of an earlier batch of the same file. A gzip file is read again
   *   from its begin and everything before the offset is dropped.
   * @throws {SOURCE_UNREADABLE} when the disk fails
   */
  records(fromOffset?: number): AsyncIterable<RecordBatch>
}

/** Longest record that is looked at; a message has at most 8,192 UTF-16 units. */
export const MAX_RECORD_BYTES = 1024 * 1024
