import { decodeBundle, lastSequenceOf, openBlock, rememberDictionaries } from '@dunbar/archive'
import {
  type BlobId,
  blobIdFromBytes,
  CodedError,
  isCodedError,
  messageKeyFromBytes,
  sha256,
} from '@dunbar/core'
import { FrameReader } from '@dunbar/feed'
import type {
  BlockClaim,
  BlockFault,
  BundleView,
  CheckBlockJob,
  ReadBundleJob,
} from './archive-work.js'

/**
 * Blocks of a bundle at most, of 1,024 messages each when it is made by a node like this one: more
 * are a bundle made to keep its readers busy.
 */
export const MAX_BUNDLE_BLOCKS = 4096

/**
 * What a bundle names; its bytes are not trusted.
 * @throws {ARCHIVE_BUNDLE_REFUSED} it is no bundle; `data.reason` has the codec's code
 */
export function readBundle({ bytes }: ReadBundleJob): BundleView {
  const bundle = orRefused(() => decodeBundle(bytes))
  if (bundle.blocks.length > MAX_BUNDLE_BLOCKS) {
    const text = `a bundle has at most ${MAX_BUNDLE_BLOCKS} blocks`
    throw new CodedError('ARCHIVE_BUNDLE_REFUSED', text, { reason: 'ARCHIVE_TOO_MANY_BLOCKS' })
  }
  return {
    previous: bundle.previous === null ? null : blobIdFromBytes(bundle.previous),
    dictionaries: bundle.dictionaries.map(({ blobId }) => blobIdFromBytes(blobId)),
    blocks: bundle.blocks.map(
      ({ blobId, sizeBytes, sketch }): BlockClaim => ({
        blob: blobIdFromBytes(blobId),
        size: sizeBytes,
        author: sketch.author,
        first: sketch.firstSequence,
        last: lastSequenceOf(sketch),
        lastMessage: messageKeyFromBytes(sketch.lastHash),
      }),
    ),
  }
}

function orRefused<Value>(run: () => Value): Value {
  try {
    return run()
  } catch (error) {
    if (!isCodedError(error)) throw error
    throw new CodedError('ARCHIVE_BUNDLE_REFUSED', error.message, { reason: error.code })
  }
}

/**
 * Compares a block, whose bytes are not trusted, with the messages of the log: text by text, since
 * ids do not prove texts. Null where all are the same.
 */
export function checkBlock({
  claim,
  bytes,
  dictionaries,
  frames,
}: CheckBlockJob): BlockFault | null {
  const blobs = new Map(dictionaries.map((blob): [BlobId, Uint8Array] => [idOf(blob), blob]))
  try {
    const block = openBlock(
      bytes,
      rememberDictionaries((blobId) => blobs.get(blobIdFromBytes(blobId))),
    )
    const { author, firstSequence, lastHash } = block.sketch
    const isClaimed =
      author === claim.author &&
      firstSequence === claim.first &&
      lastSequenceOf(block.sketch) === claim.last &&
      messageKeyFromBytes(lastHash) === claim.lastMessage
    if (!isClaimed) return { reason: 'ARCHIVE_CLAIM_DIFFERS', sequence: null }
    let sequence = claim.first
    for (const batch of frames) {
      const reader = new FrameReader(batch)
      for (; reader.next(); sequence++) {
        const isSame = reader.sequence === sequence && sequence <= claim.last
        if (!isSame) return { reason: 'ARCHIVE_NOT_HELD', sequence }
        const text = block.json(sequence - claim.first)
        if (Buffer.compare(text, reader.message) !== 0) {
          return { reason: 'ARCHIVE_TEXT_DIFFERS', sequence }
        }
      }
    }
    return sequence === claim.last + 1 ? null : { reason: 'ARCHIVE_NOT_HELD', sequence }
  } catch (error) {
    if (isCodedError(error)) return { reason: error.code, sequence: null }
    throw error
  }
}

const idOf = (bytes: Uint8Array): BlobId => blobIdFromBytes(sha256(bytes))
