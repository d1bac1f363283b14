import { setMaxListeners } from 'node:events'
import {
  type BlobId,
  CodedError,
  type FeedId,
  isCodedError,
  type MessageKey,
  type Sequence,
} from '@dunbar/core'
import type { ArchiveClaim, FeedClient } from '@dunbar/feed'
import type { RpcConnection } from '@dunbar/wire'
import {
  type ArchivePorts,
  BUNDLES_METHOD,
  type BundleBlock,
  type BundleView,
  MAX_ASKED_FEEDS,
  MAX_BUNDLES,
  MAX_FEED_BLOCKS,
} from './archive-ports.js'
import { fetchBlob } from './blob-fetching.js'
import { isMissing } from './history-session.js'
import { codeOf } from './intake.js'
import { type MessageHead, readMessageHead } from './items.js'
import type { CatchUpStatus } from './status.js'

/**
 * Fetches the archive of a feed that is wanted and not held, instead of its messages.
 *
 *   peer comes, or feed is wanted ─▶ deferred ─▶ archive.bundles ─▶ no archive ──────▶ released
 *                                                     └─▶ archive ─▶ blobs ─▶ feed ──▶ released
 *
 * A deferred feed is asked of nobody by EBT. Whatever goes wrong releases it at once, so that its
 * messages come as they would have; what has come of it stays. The archive message is verified by the
 * feed's actor, and every blob is checked against the id that leads to it from there. A peer that does
 * not know the methods, does not answer, is slow or lies is not asked again.
 */

/** A connected peer. */
export interface CatchUpPeer {
  readonly id: FeedId
  readonly connection: RpcConnection
  /** It sent what is no part of an archive. */
  useless(): void
}

export interface CatchUpParts {
  readonly archives: ArchivePorts
  /** Asks nobody for a feed, until it is released. */
  defer(id: FeedId): void
  release(id: FeedId): void
  /** Learns how far a feed is held, so that peers are not asked for what came; never rejects. */
  look(id: FeedId): Promise<void>
  isWanted(id: FeedId): boolean
  feedOf(id: FeedId): FeedClient
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
  onRefused(code: string, feed: FeedId): void
}

/** Feeds that are fetched at once: each has a block at hand and one on its way. */
const MAX_FETCHES = 16
/** Feeds that wait for archives, or for their turn; others come by EBT. */
const MAX_DEFERRED = 20_000
/** An answer about archives takes this long at most. */
const ANSWER_MS = 5_000
/** Peers that are remembered as not knowing the methods, or not to be relied on. */
const MAX_UNABLE = 1_000
/** Who is slow or lies about one archive is not asked for others: feeds would wait in vain. */
const UNRELIABLE: ReadonlySet<string> = new Set([
  'ARCHIVE_BLOB_TOO_LARGE',
  'ARCHIVE_BLOB_WRONG',
  'ARCHIVE_PEER_SLOW',
])
/** An `archive` message is no longer than any other. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** Of the dictionaries of one bundle: a feed has some kilobytes. */
const MAX_DICTIONARY_BYTES = 2 * 2 ** 20
/** Blocks are cut at 1 MiB of text. */
const MAX_BLOCK_BYTES = 2 * 2 ** 20
/** Reasons that are counted by name; others are counted together. */
const MAX_REASONS = 64

interface Offer {
  readonly peer: CatchUpPeer
  readonly message: Uint8Array
}

/** A feed that is deferred. */
interface Deferred {
  /** Peers that were asked and have not answered. */
  pending: number
  isQueued: boolean
  readonly offers: Offer[]
}

export class CatchUp {
  readonly #parts: CatchUpParts
  readonly #stop = new AbortController()
  /** Connected peers, each with what ends its fetches. */
  readonly #peers = new Map<CatchUpPeer, AbortController>()
  readonly #unable = new Set<FeedId>()
  readonly #deferred = new Map<FeedId, Deferred>()
  /** Who gave the last blob that somebody else asked for: the next one may be of the same archive. */
  #giver: CatchUpPeer | null = null
  #queue: FeedId[] = []
  #fetchCount = 0
  #feedCount = 0
  #messageCount = 0
  readonly #refused: Record<string, number> = {}

  constructor(parts: CatchUpParts) {
    this.#parts = parts
  }

  get status(): CatchUpStatus {
    return {
      waiting: this.#deferred.size,
      fetching: this.#fetchCount,
      feeds: this.#feedCount,
      messages: this.#messageCount,
      refused: { ...this.#refused },
    }
  }

  /** A peer is connected. Call it before the peer is told any feeds. @param ids wanted feeds that are not held */
  addPeer(peer: CatchUpPeer, ids: readonly FeedId[]): void {
    const leaving = new AbortController()
    setMaxListeners(4 * MAX_FETCHES, leaving.signal)
    this.#peers.set(peer, leaving)
    this.#askFor(ids, [peer])
  }

  removePeer(peer: CatchUpPeer): void {
    this.#peers.get(peer)?.abort()
    this.#peers.delete(peer)
    if (this.#giver === peer) this.#giver = null
  }

  /**
   * A blob of a feed's archive from whichever connected peer gives it, one after the other; it is kept
   * for others. Null where none does. Never rejects.
   * @param sizeBytes what it must have; null where that is not known
   */
  async fetchBlob(
    feed: FeedId,
    id: BlobId,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<Uint8Array | null> {
    const rank = (peer: CatchUpPeer): number => (peer === this.#giver ? 0 : 1)
    const peers = [...this.#peers].sort(([one], [other]) => rank(one) - rank(other))
    for (const [peer, leaving] of peers) {
      if (this.#unable.has(peer.id) || leaving.signal.aborted) continue
      if (signal.aborted) break
      try {
        const both = AbortSignal.any([signal, leaving.signal])
        const bytes = await this.#blob(feed, peer, id, sizeBytes, both)
        if (!leaving.signal.aborted) this.#giver = peer
        return bytes
      } catch (error) {
        if (isMissing(error)) this.#noteUnable(peer.id)
        else this.#distrust(peer, codeOf(error))
      }
    }
    return null
  }

  /** Feeds are wanted from here on of which nothing is held. Call it before peers are told. */
  want(ids: readonly FeedId[]): void {
    this.#askFor(ids, [...this.#peers.keys()])
  }

  close(): void {
    this.#stop.abort()
    for (const leaving of this.#peers.values()) leaving.abort()
    this.#peers.clear()
    this.#queue = []
  }

  #askFor(ids: readonly FeedId[], peers: readonly CatchUpPeer[]): void {
    const able = peers.filter(({ id }) => !this.#unable.has(id))
    if (able.length === 0) return
    const asked: FeedId[] = []
    for (const id of ids) {
      const known = this.#deferred.get(id)
      // Asked for at the moment, or fetched: one peer is enough.
      if (known !== undefined || this.#deferred.size >= MAX_DEFERRED) continue
      this.#deferred.set(id, { pending: able.length, isQueued: false, offers: [] })
      this.#parts.defer(id)
      asked.push(id)
    }
    if (asked.length === 0) return
    for (const peer of able) void this.#ask(peer, asked)
  }

  /** Asks one peer for the archives of feeds; never rejects. */
  async #ask(peer: CatchUpPeer, ids: readonly FeedId[]): Promise<void> {
    for (let at = 0; at < ids.length; at += MAX_ASKED_FEEDS) {
      const some = ids.slice(at, at + MAX_ASKED_FEEDS)
      try {
        if (!this.#unable.has(peer.id) && this.#peers.has(peer)) await this.#askOnce(peer, some)
      } catch (error) {
        if (isMissing(error)) this.#noteUnable(peer.id)
        else if (this.#peers.has(peer)) this.#refuse(codeOf(error), some[0]!)
      }
      for (const id of some) {
        const deferred = this.#deferred.get(id)
        if (deferred === undefined) continue
        deferred.pending -= 1
        if (deferred.pending === 0 && !deferred.isQueued) this.#release(id)
      }
    }
  }

  async #askOnce(peer: CatchUpPeer, ids: readonly FeedId[]): Promise<void> {
    const wanted = new Set<string>(ids)
    const leaving = new AbortController()
    const cancel = this.#parts.after(ANSWER_MS, () => {
      this.#noteUnable(peer.id)
      leaving.abort()
    })
    const head: MessageHead = { author: '', sequence: 0, start: 0, end: 0 }
    try {
      const args = [{ feeds: ids }]
      const { signal } = leaving
      const stream = peer.connection.rawSource(BUNDLES_METHOD, args, { signal })
      for await (const batch of stream) {
        for (let index = 0; index < batch.count; index++) {
          const bytes = batch.body(index)
          const isMessage =
            bytes.length <= MAX_MESSAGE_BYTES &&
            batch.isJson(index) &&
            readMessageHead(bytes, head) &&
            wanted.delete(head.author)
          if (!isMessage) {
            peer.useless()
            return
          }
          const message = Uint8Array.from(bytes.subarray(head.start, head.end))
          this.#offered(head.author as FeedId, { peer, message })
        }
      }
    } finally {
      cancel()
    }
  }

  #offered(id: FeedId, offer: Offer): void {
    const deferred = this.#deferred.get(id)
    if (deferred === undefined) return
    deferred.offers.push(offer)
    if (deferred.isQueued) return
    deferred.isQueued = true
    this.#queue.push(id)
    this.#next()
  }

  #next(): void {
    while (this.#fetchCount < MAX_FETCHES) {
      const id = this.#queue.shift()
      if (id === undefined) return
      this.#fetchCount += 1
      const fetched = this.#fetch(id).then(() => this.#parts.look(id))
      void fetched.finally(() => {
        this.#fetchCount -= 1
        this.#release(id)
        this.#next()
      })
    }
  }

  /** One offer after the other, until one is whole. Never rejects. */
  async #fetch(id: FeedId): Promise<void> {
    const offers = this.#deferred.get(id)?.offers ?? []
    for (let offer = offers.shift(); offer !== undefined; offer = offers.shift()) {
      const signal = this.#peers.get(offer.peer)?.signal
      if (signal === undefined || this.#unable.has(offer.peer.id)) continue
      if (!this.#parts.isWanted(id)) return
      try {
        this.#feedCount += (await this.#takeArchive(id, offer, signal)) ? 1 : 0
        return
      } catch (error) {
        if (this.#stop.signal.aborted) return
        const code = codeOf(error)
        this.#distrust(offer.peer, code)
        this.#refuse(code, id)
      }
    }
  }

  /** A peer that sent what nobody asked for, or was slow, is not asked again. */
  #distrust(peer: CatchUpPeer, code: string): void {
    if (!UNRELIABLE.has(code)) return
    this.#noteUnable(peer.id)
    if (code !== 'ARCHIVE_PEER_SLOW') peer.useless()
  }

  /** Whether there was anything to take. @throws what is wrong with the archive, or with the peer */
  async #takeArchive(id: FeedId, offer: Offer, signal: AbortSignal): Promise<boolean> {
    const feed = this.#parts.feedOf(id)
    const claim = await feed.readArchive(new Uint8Array(offer.message).buffer)
    if (claim.last <= claim.held) return false
    const blob = (blobId: BlobId, sizeBytes: number | null) =>
      this.#blob(id, offer.peer, blobId, sizeBytes, signal)
    const bundles = await this.#bundles(id, claim, blob, signal)
    for (const { dictionaries: ids, blocks } of bundles) {
      const wanted = blocks.filter(({ last }) => last > claim.held)
      if (wanted.length === 0) continue
      if (wanted.some(({ size }) => size > MAX_BLOCK_BYTES)) {
        throw new CodedError('ARCHIVE_TOO_LONG', 'an archive has too large blocks', {})
      }
      const dictionaries = await dictionariesOf(ids, blob)
      let coming = ahead(blob(wanted[0]!.blob, wanted[0]!.size))
      for (const [at, block] of wanted.entries()) {
        const bytes = await coming
        const next = wanted[at + 1]
        if (next !== undefined) coming = ahead(blob(next.blob, next.size))
        await this.#takeBlock(feed, block, bytes, dictionaries, claim.last)
      }
    }
    return true
  }

  async #takeBlock(
    feed: FeedClient,
    block: BundleBlock,
    bytes: Uint8Array,
    dictionaries: readonly ArrayBuffer[],
    through: Sequence,
  ): Promise<void> {
    const moved = new Uint8Array(bytes).buffer
    const options = { trust: 'author', through, lastMessage: block.lastMessage } as const
    const { added, known } = await feed.appendBlock(moved, dictionaries, options)
    this.#messageCount += added
    if (added + known !== block.last - block.first + 1) throw differs('blocks of other ranges')
  }

  /** The bundles that hold what is not held, oldest first. */
  async #bundles(
    author: FeedId,
    claim: ArchiveClaim,
    blob: (id: BlobId, sizeBytes: number | null) => Promise<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BundleView[]> {
    const found: BundleView[] = []
    let blockCount = 0
    let next: { readonly id: BlobId; readonly size: number | null } | null = {
      id: claim.bundle,
      size: claim.size,
    }
    /** Where the bundle must end; the first one by its key too. */
    let last = claim.last
    let lastMessage: MessageKey | null = claim.lastMessage
    while (next !== null) {
      const bundle = await this.#parts.archives.readBundle(await blob(next.id, next.size), signal)
      const { blocks } = bundle
      blockCount += blocks.length
      if (found.length === MAX_BUNDLES || blockCount > MAX_FEED_BLOCKS) {
        throw new CodedError('ARCHIVE_TOO_LONG', 'an archive has too many bundles', {})
      }
      const first = rangeOf(author, bundle, last, lastMessage)
      if (found.length === 0 && first !== claim.first) throw differs('another range')
      found.unshift(bundle)
      if (first <= claim.held + 1) return found
      last = first - 1
      lastMessage = null
      next = bundle.previous === null ? null : { id: bundle.previous, size: null }
    }
    throw new CodedError('ARCHIVE_GAP', 'an archive begins behind what is held', {})
  }

  async #blob(
    feed: FeedId,
    { connection }: CatchUpPeer,
    id: BlobId,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { archives, after } = this.#parts
    const held = heldBlob(archives, id)
    if (held !== null) return held
    const bytes = await fetchBlob({ connection, signal, after }, feed, id, sizeBytes)
    archives.keepBlob(id, bytes)
    return bytes
  }

  #release(id: FeedId): void {
    if (!this.#deferred.delete(id) || this.#stop.signal.aborted) return
    this.#parts.release(id)
  }

  #refuse(code: string, feed: FeedId): void {
    const isNamed = code in this.#refused || Object.keys(this.#refused).length < MAX_REASONS
    const name = isNamed ? code : 'OTHER'
    this.#refused[name] = (this.#refused[name] ?? 0) + 1
    this.#parts.onRefused(code, feed)
  }

  #noteUnable(id: FeedId): void {
    if (this.#unable.size >= MAX_UNABLE) this.#unable.clear()
    this.#unable.add(id)
  }
}

/** Where the blocks of a bundle begin, which must be of one author, follow each other and end where it is said. */
function rangeOf(
  author: FeedId,
  { blocks }: BundleView,
  last: Sequence,
  lastMessage: MessageKey | null,
): Sequence {
  let end: Sequence | null = null
  for (const block of blocks) {
    if (block.author !== author) throw differs('messages of another author')
    if (block.last < block.first || (end !== null && block.first !== end + 1)) {
      throw differs('blocks that do not follow each other')
    }
    end = block.last
  }
  const isEnd = lastMessage === null || blocks.at(-1)?.lastMessage === lastMessage
  if (end !== last || !isEnd) throw differs('another end')
  return blocks[0]!.first
}

async function dictionariesOf(
  ids: readonly BlobId[],
  blob: (id: BlobId, sizeBytes: number | null) => Promise<Uint8Array>,
): Promise<ArrayBuffer[]> {
  const found: ArrayBuffer[] = []
  let sizeBytes = 0
  for (const id of ids) {
    const bytes = await blob(id, null)
    sizeBytes += bytes.length
    if (sizeBytes > MAX_DICTIONARY_BYTES) {
      throw new CodedError('ARCHIVE_TOO_LONG', 'an archive has too large dictionaries', {})
    }
    found.push(new Uint8Array(bytes).buffer)
  }
  return found
}

/** A blob on disk that can't be read is fetched again. */
function heldBlob(archives: ArchivePorts, id: BlobId): Uint8Array | null {
  try {
    return archives.getBlob(id)
  } catch (error) {
    if (isCodedError(error)) return null
    throw error
  }
}

/** A promise whose failure is looked at later. */
function ahead<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined)
  return promise
}

const differs = (what: string) =>
  new CodedError('ARCHIVE_CLAIM_DIFFERS', `an archive has ${what}`, {})
