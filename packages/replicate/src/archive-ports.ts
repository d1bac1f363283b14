import type { BlobId, FeedId, MessageKey, Sequence } from '@dunbar/core'

/** What a bundle names. */
export interface BundleView {
  readonly previous: BlobId | null
  /** Root first. */
  readonly dictionaries: readonly BlobId[]
  /** In order of sequence, without a gap within one author. */
  readonly blocks: readonly BundleBlock[]
}

export interface BundleBlock {
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
  readonly author: FeedId
  readonly first: Sequence
  readonly last: Sequence
  readonly lastMessage: MessageKey
}

/** Archives as replication uses them. */
export interface ArchivePorts {
  /** The bytes of a blob that is here, checked; null for none. @throws {BLOB_…} */
  getBlob(id: BlobId): Uint8Array | null
  hasBlob(id: BlobId): boolean
  /** Keeps a blob for others, when there is time and room. Its bytes are those of the id. */
  keepBlob(id: BlobId, bytes: Uint8Array): void
  /** Reads a bundle, which is not trusted, away from this thread. @throws {ARCHIVE_…} */
  readBundle(bytes: Uint8Array, signal?: AbortSignal): Promise<BundleView>
}

/** Methods between two peers. */
export const BUNDLES_METHOD = 'archive.bundles'
export const BLOCK_METHOD = 'archive.getBlock'

/** Feeds that one call of `archive.bundles` may name. */
export const MAX_ASKED_FEEDS = 500
/** Bundles of one feed that follow each other, as far as they are looked at. */
export const MAX_BUNDLES = 256
/** Blocks of one feed, of 1,024 messages each where a node like this one made them. */
export const MAX_FEED_BLOCKS = 16_384
