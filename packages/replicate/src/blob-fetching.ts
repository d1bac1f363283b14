import { type BlobId, blobIdFromBytes, CodedError, type FeedId, sha256 } from '@dunbar/core'
import type { RpcConnection } from '@dunbar/wire'
import { BLOCK_METHOD } from './archive-ports.js'

/** Blobs are no larger. @source npm ssb-blobs 2 */
export const MAX_BLOB_BYTES = 5 * 2 ** 20
/** No peer that is of use is slower; it is given these seconds besides. */
const LEAST_BYTES_PER_SECOND = 50_000
const PATIENCE_MS = 10_000

/** What fetching is built on. */
export interface BlobFetching {
  readonly connection: RpcConnection
  /** Ends the fetch; it rejects. */
  readonly signal: AbortSignal
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
}

/**
 * The bytes of a blob of a feed's archive from a peer, in memory of their own.
 * @param sizeBytes what it must have; null where that is not known, for 5 MiB at most
 * @throws {ARCHIVE_BLOB_TOO_LARGE} more came than that
 * @throws {ARCHIVE_BLOB_WRONG} other bytes came
 * @throws {ARCHIVE_PEER_SLOW} @throws {ARCHIVE_ABORTED} and what the peer refuses with
 */
export async function fetchBlob(
  { connection, signal, after }: BlobFetching,
  feed: FeedId,
  id: BlobId,
  sizeBytes: number | null,
): Promise<Uint8Array> {
  const maxBytes = Math.min(sizeBytes ?? MAX_BLOB_BYTES, MAX_BLOB_BYTES)
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  signal.addEventListener('abort', leave)
  let isLate = false
  const cancel = after(PATIENCE_MS + (maxBytes / LEAST_BYTES_PER_SECOND) * 1000, () => {
    isLate = true
    leave()
  })
  try {
    if (signal.aborted) leave()
    const pieces: Uint8Array[] = []
    let received = 0
    const stream = connection.rawSource(BLOCK_METHOD, [{ id, feed }], { signal: leaving.signal })
    for await (const batch of stream) {
      for (let index = 0; index < batch.count; index++) {
        const piece = batch.body(index)
        received += piece.length
        if (received > maxBytes) throw wrong('ARCHIVE_BLOB_TOO_LARGE', id)
        pieces.push(new Uint8Array(piece))
      }
    }
    if (isLate) throw wrong('ARCHIVE_PEER_SLOW', id)
    if (signal.aborted) throw wrong('ARCHIVE_ABORTED', id)
    const bytes = joined(pieces, received)
    const isSize = sizeBytes === null || received === sizeBytes
    if (!isSize || blobIdFromBytes(sha256(bytes)) !== id) throw wrong('ARCHIVE_BLOB_WRONG', id)
    return bytes
  } finally {
    cancel()
    signal.removeEventListener('abort', leave)
  }
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(sizeBytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

const TEXTS = {
  ARCHIVE_BLOB_TOO_LARGE: 'a peer sent more than the blob has',
  ARCHIVE_BLOB_WRONG: 'a peer sent other bytes than those of the blob',
  ARCHIVE_PEER_SLOW: 'a peer sent a blob too slowly',
  ARCHIVE_ABORTED: 'the blob is not wanted any more',
} as const

const wrong = (code: keyof typeof TEXTS, id: BlobId) => new CodedError(code, TEXTS[code], { id })
