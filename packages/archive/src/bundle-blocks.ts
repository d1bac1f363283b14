/** The blocks that a bundle lists, opened when they are needed and held to what the bundle says. */
import { type BlobId, blobIdFromBytes, CodedError, sha256 } from '@dunbar/core'
import { type Block, openBlock } from './block.js'
import type { FindDictionary } from './block-frame.js'
import type { BlockSketch } from './block-sketch.js'
import type { Bundle, MessageBlockRef } from './bundle.js'

export type BundleErrorCode = 'ARCHIVE_BUNDLE_BLOCK_MISSING' | 'ARCHIVE_BUNDLE_WRONG_BLOCK'

/** A block is not what its bundle says. `data.blobId` names the block. */
export class BundleError extends CodedError<BundleErrorCode> {}

/**
 * A block out of the bytes that came for a bundle's reference.
 * @throws {ARCHIVE_BUNDLE_WRONG_BLOCK} where they are not the bytes of the id, or the block is of
 *   another feed, place, time or chain than the bundle says
 * @throws as `openBlock`
 */
export function openListedBlock(
  { blobId, sizeBytes, sketch }: MessageBlockRef,
  bytes: Uint8Array,
  dictionaryOf: FindDictionary,
): Block {
  const id = blobIdFromBytes(blobId)
  if (bytes.length !== sizeBytes || Buffer.compare(sha256(bytes), blobId) !== 0) {
    throw wrongBlock(id, 'has other bytes')
  }
  const block = openBlock(bytes, dictionaryOf)
  if (!areSketchesEqual(block.sketch, sketch)) throw wrongBlock(id, 'holds other messages')
  return block
}

/**
 * The blocks of a bundle for queries and compaction. `fetch` gives the bytes of a blob by its
 * SHA-256, or undefined where they are not here; opening a block then throws
 * `ARCHIVE_BUNDLE_BLOCK_MISSING`, and otherwise as `openListedBlock`.
 */
export function blocksOf(
  bundle: Bundle,
  fetch: (blobId: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  dictionaryOf: FindDictionary,
): readonly { readonly sketch: BlockSketch; open(): Promise<Block> }[] {
  return bundle.blocks.map((ref) => ({
    sketch: ref.sketch,
    open: async () => {
      const bytes = await fetch(ref.blobId)
      if (bytes !== undefined) return openListedBlock(ref, bytes, dictionaryOf)
      const blobId = blobIdFromBytes(ref.blobId)
      const text = `the block ${blobId} of a bundle is not here`
      throw new BundleError('ARCHIVE_BUNDLE_BLOCK_MISSING', text, { blobId })
    },
  }))
}

function areSketchesEqual(left: BlockSketch, right: BlockSketch): boolean {
  return (
    left.author === right.author &&
    left.length === right.length &&
    left.firstSequence === right.firstSequence &&
    left.firstTimestamp === right.firstTimestamp &&
    left.lastTimestamp === right.lastTimestamp &&
    left.minTimestamp === right.minTimestamp &&
    left.maxTimestamp === right.maxTimestamp &&
    isHashEqual(left.previousHash, right.previousHash) &&
    isHashEqual(left.lastHash, right.lastHash)
  )
}

function isHashEqual(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right
  return Buffer.compare(left, right) === 0
}

function wrongBlock(blobId: BlobId, what: string): BundleError {
  const text = `the block ${blobId} ${what} than its bundle says`
  return new BundleError('ARCHIVE_BUNDLE_WRONG_BLOCK', text, { blobId })
}
