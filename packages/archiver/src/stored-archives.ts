import { type ArchiveContent, parseArchiveContent } from '@dunbar/archive'
import { type FeedId, type MessageKey, messageKeyFromBytes, type Sequence } from '@dunbar/core'
import { type FeedClient, type FrameBatch, FrameReader, type ShardClient } from '@dunbar/feed'
import { keyAt } from './feed-reading.js'

/** An `archive` message as it lies in the log. */
export interface StoredArchive extends ArchiveContent {
  readonly author: FeedId
  /** The message's own key and sequence. */
  readonly message: MessageKey
  readonly sequence: Sequence
}

/** The type of these messages. */
export const ARCHIVE_TYPE = 'archive'
/** The newest ones are looked at; the chain of bundles leads to the others. */
const MAX_LOOKS = 64

/** The archive messages of a feed, newest first, at most 64. */
export async function archivesOf(shard: ShardClient, author: FeedId): Promise<StoredArchive[]> {
  const query = { order: 'received', type: ARCHIVE_TYPE, author, reverse: true } as const
  const found: StoredArchive[] = []
  for await (const chunk of shard.query({ ...query, limit: MAX_LOOKS })) {
    if (!('sync' in chunk)) found.push(...archivesIn(chunk.frames))
  }
  return found.sort((left, right) => right.sequence - left.sequence)
}

/** The archive messages in frames, without those whose content is of no known version. */
export function archivesIn(frames: FrameBatch): StoredArchive[] {
  const found: StoredArchive[] = []
  const reader = new FrameReader(frames)
  while (reader.next()) {
    const { author, sequence, content } = JSON.parse(Buffer.from(reader.message).toString()) as {
      readonly author: FeedId
      readonly sequence: Sequence
      readonly content: unknown
    }
    const said = parseArchiveContent(content)
    if (said === null) continue
    found.push({ ...said, author, sequence, message: messageKeyFromBytes(reader.keyBytes) })
  }
  return found
}

/**
 * The newest archive of a feed that fits the feed itself: it names messages before it, and the last
 * of them by its key. Null for none.
 */
export async function newestArchive(
  feed: FeedClient,
  archives: readonly StoredArchive[],
): Promise<StoredArchive | null> {
  for (const archive of archives) {
    if (archive.last >= archive.sequence) continue
    if ((await keyAt(feed, archive.last)) === archive.lastMessage) return archive
  }
  return null
}
