import { type ArchiveContent, maxBlockMessages } from '@dunbar/archive'
import type { BlobFolder } from '@dunbar/blobs'
import {
  type BlobId,
  CodedError,
  type FeedId,
  isCodedError,
  type MessageKey,
  type Sequence,
} from '@dunbar/core'
import type { FeedClient } from '@dunbar/feed'
import type { ArchiveDraft } from './archive-draft.js'
import {
  type ArchiveWork,
  type BlockPlace,
  MAX_DICTIONARY_BYTES,
  type PackedBundle,
} from './archive-work.js'
import { keyOf, readFrames } from './feed-reading.js'

/**
 * One bundle and the message that names it. The order is what a killed node is safe by: the list of
 * blobs, the blobs, all of them read again, and only then the message. So a message never names what
 * is not on the disk, and what no message names is known.
 */

/** Blocks of one bundle at most: a pool thread holds their messages at once. */
const MAX_BLOCKS = 32
/** Bytes of the messages of one bundle at most. */
const MAX_BUNDLE_BYTES = 32 * 2 ** 20
/** A dictionary of so many blobs is not built upon; the next bundle begins a new one. */
const MAX_CHAIN = 32

export interface BundleParts {
  readonly id: FeedId
  readonly feed: FeedClient
  readonly blobs: BlobFolder
  readonly draft: ArchiveDraft
  readonly work: ArchiveWork
}

/** An archive that was made. */
export interface MadeArchive extends Omit<ArchiveContent, 'type' | 'version'> {
  /** Key of the message that names it. */
  readonly message: MessageKey
  /** The bundle before it. */
  readonly previous: BlobId | null
  readonly blocks: readonly BlockPlace[]
  readonly dictionaries: readonly BlobId[]
  /** Bytes of its messages as compact JSON, and of the blobs that were made for them. */
  readonly jsonBytes: number
  readonly blobBytes: number
}

/** What to put in a bundle. */
export interface BundleWanted {
  readonly first: Sequence
  readonly last: Sequence
  /** The bundle before. */
  readonly previous: BlobId | null
  /** Whether messages that fill no block are taken too. */
  readonly takesRest: boolean
  /** Gives up what is not published yet. */
  readonly signal: AbortSignal
}

/**
 * Makes a bundle of messages of the own feed, as many as it takes, and publishes the message that
 * names it; null where they fill no block.
 * @throws {PUBLISH_LOCKED} @throws {ARCHIVE_…} @throws {BLOB_…} and the system's errors
 */
export async function makeBundle(
  parts: BundleParts,
  { first, last, previous, takesRest, signal }: BundleWanted,
): Promise<MadeArchive | null> {
  const { id, feed, blobs, draft, work } = parts
  const end = Math.min(last, first + MAX_BLOCKS * maxBlockMessages - 1)
  const { frames, isWhole } = await readFrames(feed, first, end, MAX_BUNDLE_BYTES, signal)
  const job = {
    author: id,
    first,
    frames,
    dictionaries: await dictionaryOf(parts, previous),
    previous,
    takesRest: takesRest && isWhole && end === last,
  }
  const packed = await work.pack(job, signal)
  if (packed === null) return null
  const { content, blocks, dictionaries, jsonBytes } = packed
  const ids = packed.blobs.map((blob) => blob.id)
  await draft.begin(blobs, content.bundle, ids)
  await keep(blobs, packed)
  signal.throwIfAborted()
  const message = keyOf(await feed.publish(JSON.stringify(content)))
  draft.settle()
  const blobBytes = packed.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const { type: _type, version: _version, ...said } = content
  return { message, ...said, previous, blocks, dictionaries, jsonBytes, blobBytes }
}

/** Writes the blobs and reads each again. */
async function keep(blobs: BlobFolder, packed: PackedBundle): Promise<void> {
  for (const { id, bytes } of packed.blobs) await blobs.add(bytes, id)
  for (const { id } of packed.blobs) {
    if (blobs.get(id) !== null) continue
    throw new CodedError('ARCHIVE_BLOB_GONE', `${id} went away while it was archived`, { id })
  }
}

/** The blobs of the dictionary that the bundle before used; none where they are not all here, or too many. */
async function dictionaryOf(
  { blobs, work }: BundleParts,
  previous: BlobId | null,
): Promise<Uint8Array[]> {
  if (previous === null) return []
  try {
    const bytes = blobs.get(previous)
    if (bytes === null) return []
    const { dictionaries } = await work.readBundle({ bytes })
    if (dictionaries.length > MAX_CHAIN) return []
    const chain = dictionaries.map((id) => blobs.get(id))
    if (!chain.every((blob) => blob !== null)) return []
    const sizeBytes = chain.reduce((sum, { length }) => sum + length, 0)
    // What is added now must find room too.
    return sizeBytes > MAX_DICTIONARY_BYTES / 2 ? [] : chain
  } catch (error) {
    // A new dictionary costs a few KiB; an archive that can't be made because an old one is damaged, all.
    if (isCodedError(error) && BEGINS_ANEW.has(error.code)) return []
    throw error
  }
}

const BEGINS_ANEW: ReadonlySet<string> = new Set([
  'BLOB_DAMAGED',
  'BLOB_TOO_LARGE',
  'ARCHIVE_BUNDLE_REFUSED',
])
