/** The content of the message in which the author of a feed names a bundle of its own messages. */
import {
  type BlobId,
  blobIdFromBytes,
  type FeedId,
  isBlobId,
  isMessageKey,
  MAX_SEQUENCE,
  type MessageKey,
  messageKeyFromBytes,
  type Sequence,
} from '@dunbar/core'
import { maxBlobSizeBytes } from './blob.js'
import { type Bundle, rangeOf } from './bundle.js'

/** @source ARCHIVE.md 6 */
export interface ArchiveContent {
  readonly type: 'archive'
  readonly version: 1
  /** Blob id of the bundle. */
  readonly bundle: BlobId
  /** Size of the bundle's blob in bytes. */
  readonly size: number
  /** The messages that the bundle holds, both ends included. */
  readonly first: Sequence
  readonly last: Sequence
  /** Key of the message at `last`. */
  readonly lastMessage: MessageKey
}

/**
 * The content for the bundle of a feed's own messages.
 * @throws {RangeError} where the bundle holds nothing of the author, or something of others
 */
export function makeArchiveContent(
  author: FeedId,
  bundle: Bundle,
  blob: { readonly bytes: Uint8Array; readonly blobId: Uint8Array },
): ArchiveContent {
  const range = rangeOf(bundle, author)
  if (range === null || !isOnlyOf(bundle, author)) {
    throw new RangeError('an author archives messages of its own')
  }
  return {
    type: 'archive',
    version: 1,
    bundle: blobIdFromBytes(blob.blobId),
    size: blob.bytes.length,
    first: range.first,
    last: range.last,
    lastMessage: messageKeyFromBytes(range.lastHash),
  }
}

/**
 * The content of an `archive` message as its own plain object; null for every other content, also
 * for a version that is not known. Fields beyond these are dropped.
 */
export function parseArchiveContent(content: unknown): ArchiveContent | null {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return null
  const { type, version, bundle, size, first, last, lastMessage } = content as Partial<
    Record<keyof ArchiveContent, unknown>
  >
  if (type !== 'archive' || version !== 1) return null
  if (!isBlobId(bundle) || !isMessageKey(lastMessage)) return null
  if (!isBetween(size, 1, maxBlobSizeBytes) || !isBetween(first, 1, MAX_SEQUENCE)) return null
  if (!isBetween(last, first, MAX_SEQUENCE)) return null
  return { type, version, bundle, size, first, last, lastMessage }
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

export type ArchiveMismatch = 'other-author' | 'other-range' | 'other-last-message'

/**
 * In what a bundle is not the one that an `archive` message of `author` promises, or null where it
 * is. That the blob has the id and the size of the message is for who fetched it to check.
 */
export function archiveMismatch(
  author: FeedId,
  content: ArchiveContent,
  bundle: Bundle,
): ArchiveMismatch | null {
  const range = rangeOf(bundle, author)
  if (range === null || !isOnlyOf(bundle, author)) return 'other-author'
  if (range.first !== content.first || range.last !== content.last) return 'other-range'
  return messageKeyFromBytes(range.lastHash) === content.lastMessage ? null : 'other-last-message'
}

function isOnlyOf(bundle: Bundle, author: FeedId): boolean {
  return bundle.blocks.every(({ sketch }) => sketch.author === author)
}
