import { type BlobId, type FeedId, isBlobId } from '@dunbar/core'
import { type Method, RawBatch, type RpcConnection } from '@dunbar/wire'
import type { ArchiveIndex, NewestArchive } from './archive-index.js'
import {
  type ArchivePorts,
  BLOCK_METHOD,
  BUNDLES_METHOD,
  MAX_ASKED_FEEDS,
  MAX_BUNDLES,
  MAX_FEED_BLOCKS,
} from './archive-ports.js'
import { feedOf, optionsOf } from './arguments.js'
import { ReplicationError } from './error.js'
import { counted, type HistoryReader } from './history-serving.js'

/**
 * Archives for peers that hold less of a feed: the newest `archive` message of each, which the peer
 * verifies, and the blobs that it leads to. A peer gets those of feeds whose messages it may have, and
 * no other blobs.
 */

/** What serving archives is built on. */
export interface ArchiveServingHost {
  readonly archives: ArchivePorts
  readonly index: ArchiveIndex
  /** @throws {NOT_A_PEER} */
  readerOf(connection: RpcConnection): HistoryReader
  /** Whether the peer may ask for archives once more. */
  mayAsk(connection: RpcConnection): boolean
  /** Whether messages of a feed are not for a peer. */
  isHidden(feed: FeedId, reader: FeedId): boolean
  /** Sequence up to which messages of a feed may be passed on; 0 for none. */
  passable(feed: FeedId): number
  /** Whether the feed signed the message, and no archive of it was found to be wrong. */
  isTrusted(feed: FeedId, message: Uint8Array): Promise<boolean>
  /** Monotonic, ms. */
  now(): number
}

/** One item of a blob. */
const CHUNK_BYTES = 64 * 1024
/** Feeds whose archives are known by heart. */
const REMEMBERED_FEEDS = 64
/** A message that is trusted is not looked at again for so long, ms: a peer asks for blob after blob. */
const TRUST_MS = 10_000
/** Feeds of which that is remembered. */
const MAX_TRUSTED = 1_000
/** Feeds that are looked at together, and told of together. */
const FEEDS_AT_ONCE = 16

interface Contents {
  readonly bundle: BlobId
  readonly blobs: Promise<ReadonlySet<string>>
}

/** `archive.bundles` and `archive.getBlock` for peers. */
export function archiveMethods(host: ArchiveServingHost): Method[] {
  const remembered = new Map<FeedId, Contents>()
  const offers = new Offers(host)
  return [
    {
      name: BUNDLES_METHOD,
      type: 'source',
      handler(args, { connection }) {
        const reader = host.readerOf(connection)
        const ids = askedFeeds(args)
        if (!host.mayAsk(connection)) {
          throw new ReplicationError('TOO_OFTEN', 'archives were asked for too often', {})
        }
        return messagesOf(offers, ids, reader.id)
      },
    },
    {
      name: BLOCK_METHOD,
      type: 'source',
      handler(args, { connection }) {
        const reader = host.readerOf(connection)
        const options = optionsOf(BLOCK_METHOD, args[0])
        const feed = feedOf(BLOCK_METHOD, options.feed)
        const { id } = options
        if (!isBlobId(id)) {
          throw new ReplicationError('BAD_ARGUMENT', `${BLOCK_METHOD}: expected the id of a blob`)
        }
        if (reader.streamCount >= reader.maxStreams) {
          const text = `${reader.maxStreams} streams are open, no more are given`
          throw new ReplicationError('TOO_MANY_STREAMS', text, { maxStreams: reader.maxStreams })
        }
        reader.streamCount += 1
        return counted(reader, chunksOf(host, offers, remembered, feed, id, reader.id))
      },
    },
  ]
}

/** @throws {BAD_ARGUMENT} */
function askedFeeds(args: readonly unknown[]): FeedId[] {
  const { feeds } = optionsOf(BUNDLES_METHOD, args[0])
  if (!Array.isArray(feeds) || feeds.length > MAX_ASKED_FEEDS) {
    const text = `${BUNDLES_METHOD}: expected a list of at most ${MAX_ASKED_FEEDS} feeds`
    throw new ReplicationError('BAD_ARGUMENT', text)
  }
  return feeds.map((id) => feedOf(BUNDLES_METHOD, id))
}

async function* messagesOf(
  offers: Offers,
  ids: readonly FeedId[],
  reader: FeedId,
): AsyncGenerator<RawBatch> {
  for (let at = 0; at < ids.length; at += FEEDS_AT_ONCE) {
    const some = ids.slice(at, at + FEEDS_AT_ONCE)
    const found = await Promise.all(some.map((id) => offers.of(id, reader)))
    const messages = found.flatMap((newest) => (newest === null ? [] : [newest.message]))
    if (messages.length > 0) yield RawBatch.ofBodies(messages)
  }
}

/** The archives that peers may have. */
class Offers {
  readonly #host: ArchiveServingHost
  /** Messages that were found to be trusted, and until when they count as that; oldest first. */
  readonly #trusted = new Map<FeedId, { readonly message: Uint8Array; readonly untilMs: number }>()

  constructor(host: ArchiveServingHost) {
    this.#host = host
  }

  /** The newest archive whose message may be passed on to a peer and whose bundle is here. */
  async of(id: FeedId, reader: FeedId): Promise<NewestArchive | null> {
    const host = this.#host
    if (host.isHidden(id, reader)) return null
    const newest = host.index.newest(id)
    if (newest === null || newest.sequence > host.passable(id)) return null
    if (!host.archives.hasBlob(newest.bundle)) return null
    return (await this.#isTrusted(id, newest.message)) ? newest : null
  }

  async #isTrusted(id: FeedId, message: Uint8Array): Promise<boolean> {
    const known = this.#trusted.get(id)
    if (known?.message === message && known.untilMs > this.#host.now()) return true
    this.#trusted.delete(id)
    if (!(await this.#host.isTrusted(id, message))) return false
    this.#trusted.set(id, { message, untilMs: this.#host.now() + TRUST_MS })
    const [oldest] = this.#trusted.keys()
    if (this.#trusted.size > MAX_TRUSTED && oldest !== undefined) this.#trusted.delete(oldest)
    return true
  }
}

async function* chunksOf(
  host: ArchiveServingHost,
  offers: Offers,
  remembered: Map<FeedId, Contents>,
  feed: FeedId,
  id: BlobId,
  reader: FeedId,
): AsyncGenerator<Uint8Array> {
  const newest = await offers.of(feed, reader)
  const blobs = newest === null ? null : await contentsOf(host, remembered, feed, newest.bundle)
  const bytes = blobs?.has(id) === true ? host.archives.getBlob(id) : null
  if (bytes === null) {
    throw new ReplicationError('ARCHIVE_BLOB_REFUSED', 'no such blob is in an archive of the feed')
  }
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES)
  }
}

function contentsOf(
  { archives }: ArchiveServingHost,
  remembered: Map<FeedId, Contents>,
  feed: FeedId,
  bundle: BlobId,
): Promise<ReadonlySet<string>> {
  let contents = remembered.get(feed)
  if (contents?.bundle !== bundle) {
    contents = { bundle, blobs: blobsOf(archives, bundle) }
    contents.blobs.catch(() => remembered.delete(feed))
  }
  remembered.delete(feed)
  remembered.set(feed, contents)
  const [oldest] = remembered.keys()
  if (remembered.size > REMEMBERED_FEEDS && oldest !== undefined) remembered.delete(oldest)
  return contents.blobs
}

/** The blobs that a bundle and those before it lead to, as far as they are here. */
async function blobsOf(archives: ArchivePorts, newest: BlobId): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  let blockCount = 0
  let next: BlobId | null = newest
  for (let count = 0; next !== null && count < MAX_BUNDLES; count++) {
    const bytes = ids.has(next) ? null : archives.getBlob(next)
    if (bytes === null) break
    ids.add(next)
    const { previous, dictionaries, blocks } = await archives.readBundle(bytes)
    blockCount += blocks.length
    if (blockCount > MAX_FEED_BLOCKS) break
    for (const id of dictionaries) ids.add(id)
    for (const { blob } of blocks) ids.add(blob)
    next = previous
  }
  return ids
}
