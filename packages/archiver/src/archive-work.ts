import type { ArchiveContent } from '@dunbar/archive'
import type { BlobId, FeedId, MessageKey, Sequence } from '@dunbar/core'
import type { FrameBatch } from '@dunbar/feed'

/**
 * The work on blocks: parsing, compressing and comparing thousands of messages. It holds nothing
 * between two tasks and runs in the cpu pool, so that neither the main thread nor a shard waits for
 * it. All of this is plain data.
 */
export interface ArchiveWork {
  /** Packs a run of messages; null where they fill no block. The frames are moved. @throws {ARCHIVE_…} */
  pack(job: PackJob, signal?: AbortSignal): Promise<PackedBundle | null>
  /** What a bundle names. @throws {ARCHIVE_BUNDLE_REFUSED} its bytes are none */
  readBundle(job: ReadBundleJob, signal?: AbortSignal): Promise<BundleView>
  /** Compares a block with the messages of the log; null where they are the same. The frames are moved. */
  checkBlock(job: CheckBlockJob, signal?: AbortSignal): Promise<BlockFault | null>
}

/** Of all dictionaries of a bundle; those of a hundred feeds have some KiB. They go to the pool with each block. */
export const MAX_DICTIONARY_BYTES = 2 ** 20

export interface PackJob {
  readonly author: FeedId
  /** Sequence of the first message. */
  readonly first: Sequence
  readonly frames: readonly FrameBatch[]
  /** The dictionary to build upon: its blobs, root first; none begins a new one. */
  readonly dictionaries: readonly Uint8Array[]
  /** The bundle before. */
  readonly previous: BlobId | null
  /** Whether the messages at the end, which fill no block, are packed too. */
  readonly takesRest: boolean
}

/** A blob that is to be kept. */
export interface PackedBlob {
  readonly id: BlobId
  readonly bytes: Uint8Array
}

export interface PackedBundle {
  /** Those that the bundle names and that were not given, then the bundle itself. */
  readonly blobs: readonly PackedBlob[]
  /** Of the message that is to name it. */
  readonly content: ArchiveContent
  readonly blocks: readonly BlockPlace[]
  /** Dictionary blobs, root first. */
  readonly dictionaries: readonly BlobId[]
  /** Bytes of the packed messages as compact JSON. */
  readonly jsonBytes: number
}

/** Where a block is, and what it holds. */
export interface BlockPlace {
  readonly blob: BlobId
  readonly size: number
  readonly first: Sequence
  readonly last: Sequence
}

export interface ReadBundleJob {
  readonly bytes: Uint8Array
}

export interface BundleView {
  readonly previous: BlobId | null
  readonly dictionaries: readonly BlobId[]
  /** In order of sequence, without a gap. */
  readonly blocks: readonly BlockClaim[]
}

/** What a bundle says of one of its blocks. */
export interface BlockClaim extends BlockPlace {
  readonly author: FeedId
  readonly lastMessage: MessageKey
}

export interface CheckBlockJob {
  readonly claim: BlockClaim
  readonly bytes: Uint8Array
  /** Dictionary blobs of the bundle, root first. */
  readonly dictionaries: readonly Uint8Array[]
  /** The messages that the log holds in its range. */
  readonly frames: readonly FrameBatch[]
}

/** Why a block is not what the log holds. */
export interface BlockFault {
  /**
   * Code of the block's decoding, or `ARCHIVE_TEXT_DIFFERS`; `ARCHIVE_CLAIM_DIFFERS` where it is
   * another block than its bundle says, `ARCHIVE_NOT_HELD` where the log lacks a message of it.
   */
  readonly reason: string
  /** Of the first message that differs; null where it is the block as a whole. */
  readonly sequence: Sequence | null
}
