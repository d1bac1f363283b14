import type { Router } from '@dunbar/actor'
import {
  type BlobId,
  type FeedId,
  isCodedError,
  type MessageKey,
  type Sequence,
} from '@dunbar/core'
import { FeedClient } from '@dunbar/feed'
import {
  type ArchiveWork,
  type BlockClaim,
  type BundleView,
  MAX_DICTIONARY_BYTES,
} from './archive-work.js'
import { keyAt, readFrames } from './feed-reading.js'
import type { StoredArchive } from './stored-archives.js'

/**
 * Whether an `archive` message of another feed says the truth, by the messages that are held.
 *
 * Message ids hash only the low byte of each UTF-16 unit, so that ids alone do not prove a text: to
 * vouch for an archive its blocks are decoded and compared with the log, text by text.
 * @source archive format, "Trust"
 */
export interface ArchiveVerification {
  readonly feed: FeedId
  /** Key of the `archive` message. */
  readonly message: MessageKey
  readonly bundle: BlobId
  readonly first: Sequence
  readonly last: Sequence
  /**
   * - `vouched`: every text in the blocks is that of the log.
   * - `chain`: author, range and last keys are those of the log; not all blobs are here to compare.
   * - `unknown`: the messages are not held, or their signatures were not checked yet
   *   (`ARCHIVE_NOT_CHECKED`), so that there is nothing to compare with.
   * - `refused`: it says something else than the log.
   */
  readonly result: 'vouched' | 'chain' | 'unknown' | 'refused'
  /** Why it is not vouched for: `ARCHIVE_…` or `BLOB_…`. */
  readonly reason?: string
}

export interface VerificationParts {
  readonly router: Router
  readonly work: ArchiveWork
  /**
   * The bytes of a blob of a feed's archive, which are checked to be its own; null where nobody gives it.
   * @param sizeBytes what it must have; null where that is not known
   */
  fetchBlob(
    feed: FeedId,
    id: BlobId,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<Uint8Array | null>
}

/** The reason where signatures are still to be checked: the answer may be another one then. */
export const NOT_CHECKED = 'ARCHIVE_NOT_CHECKED'

/** Of the frames of a block's messages, which are at most 1,024 of 64 KiB. */
const MAX_BLOCK_FRAMES_BYTES = 65 * 2 ** 20

type Finding = Pick<ArchiveVerification, 'result' | 'reason'>

/** Compares an archive with the messages that are held. @throws only what the node itself fails with */
export async function verifyArchive(
  parts: VerificationParts,
  archive: StoredArchive,
  signal: AbortSignal,
): Promise<ArchiveVerification> {
  const { author: feed, message, bundle, first, last } = archive
  const finding = await find(parts, archive, signal)
  return { feed, message, bundle, first, last, ...finding }
}

async function find(
  parts: VerificationParts,
  archive: StoredArchive,
  signal: AbortSignal,
): Promise<Finding> {
  const feed = new FeedClient(parts.router, archive.author)
  if (archive.last >= archive.sequence) return refused('ARCHIVE_RANGE_INVALID')
  // What lies behind a hole was never checked to be of the chain.
  const { sequence, uncheckedFrom = Number.POSITIVE_INFINITY } = await feed.status()
  if (archive.last > sequence) return { result: 'unknown', reason: 'ARCHIVE_NOT_HELD' }
  // They may have come out of the very archive that is to be compared with them.
  if (archive.last >= uncheckedFrom) return { result: 'unknown', reason: NOT_CHECKED }
  const wrong = await differs(feed, archive)
  if (wrong !== null) return wrong
  try {
    const bytes = await parts.fetchBlob(archive.author, archive.bundle, archive.size, signal)
    if (bytes === null) return chain('ARCHIVE_BLOB_MISSING')
    if (bytes.length !== archive.size) return refused('ARCHIVE_SIZE_DIFFERS')
    const view = await parts.work.readBundle({ bytes }, signal)
    if (!isOf(archive, view)) return refused('ARCHIVE_CLAIM_DIFFERS')
    for (const claim of view.blocks) {
      const wrong = await differs(feed, claim)
      if (wrong !== null) return wrong
    }
    return await compare(parts, archive.author, view, signal)
  } catch (error) {
    if (!isCodedError(error)) throw error
    // A busy pool is nobody's lie.
    const isLeftOpen = error.code === 'ARCHIVE_WORK_TIMEOUT' || error.code.startsWith('BLOB_')
    if (isLeftOpen) return chain(error.code)
    if (error.code.startsWith('ARCHIVE_')) return refused(error.code)
    throw error
  }
}

/** Whether the log has another key, or none, at the end of a range. */
async function differs(
  feed: FeedClient,
  { last, lastMessage }: Pick<BlockClaim, 'last' | 'lastMessage'>,
): Promise<Finding | null> {
  const key = await keyAt(feed, last)
  if (key === null) return { result: 'unknown', reason: 'ARCHIVE_NOT_HELD' }
  return key === lastMessage ? null : refused('ARCHIVE_MESSAGE_DIFFERS')
}

/** Whether a bundle's blocks are of the author alone and make up the range, block after block. */
function isOf(archive: StoredArchive, { blocks }: BundleView): boolean {
  let next = archive.first
  for (const { author, first, last } of blocks) {
    if (author !== archive.author || first !== next || last < first) return false
    next = last + 1
  }
  return next === archive.last + 1 && blocks.at(-1)?.lastMessage === archive.lastMessage
}

async function compare(
  { fetchBlob, work, router }: VerificationParts,
  author: FeedId,
  { blocks, dictionaries: ids }: BundleView,
  signal: AbortSignal,
): Promise<Finding> {
  const feed = new FeedClient(router, author)
  const dictionaries: Uint8Array[] = []
  let dictionaryBytes = 0
  for (const id of ids) {
    const bytes = await fetchBlob(author, id, null, signal)
    if (bytes === null) return chain('ARCHIVE_BLOB_MISSING')
    dictionaries.push(bytes)
    dictionaryBytes += bytes.length
    if (dictionaryBytes > MAX_DICTIONARY_BYTES) return refused('ARCHIVE_DICTIONARY_TOO_LARGE')
  }
  for (const claim of blocks) {
    const bytes = await fetchBlob(author, claim.blob, claim.size, signal)
    if (bytes === null) return chain('ARCHIVE_BLOB_MISSING')
    const { first, last } = claim
    const { frames } = await readFrames(feed, first, last, MAX_BLOCK_FRAMES_BYTES, signal)
    const fault = await work.checkBlock({ claim, bytes, dictionaries, frames }, signal)
    if (fault?.reason === 'ARCHIVE_NOT_HELD') return { result: 'unknown', reason: fault.reason }
    if (fault !== null) return refused(fault.reason)
  }
  return { result: 'vouched' }
}

const refused = (reason: string): Finding => ({ result: 'refused', reason })
const chain = (reason: string): Finding => ({ result: 'chain', reason })
