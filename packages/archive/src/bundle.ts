/**
 * A bundle is the blob that lists blocks: those of one feed, which its author names in an `archive`
 * message, or those of several feeds that share dictionaries.
 */
import { type FeedId, sha256 } from '@dunbar/core'
import * as flatbuffers from 'flatbuffers'
import {
  Bip2BlobData,
  MessageBlockRef as BlockRefTable,
  Bundle as BundleTable,
} from './bipf2-generated.js'
import { finishBlob, hashOf, malformedBlob, maxBlobSizeBytes, readBlob } from './blob.js'
import {
  type BlockSketch,
  lastSequenceOf,
  readBlockSketch,
  SharedOffsets,
  writeBlockSketch,
} from './block-sketch.js'
import type { DictionaryRef } from './dictionary.js'
import { isWithin, readDictionaryRef, writeDictionaryRef } from './dictionary-block.js'
import { maxDictionaryChain } from './dictionary-chain.js'

/** Names the blob of a block by its SHA-256 (32 bytes). */
export interface MessageBlockRef {
  readonly blobId: Uint8Array
  readonly sizeBytes: number
  readonly sketch: BlockSketch
}

/** What a bundle lists. */
export interface Bundle {
  /** SHA-256 of the bundle before this one, or null. */
  readonly previous: Uint8Array | null
  /** The blocks of each author follow each other without gaps, and each names the last id of the one before. */
  readonly blocks: readonly MessageBlockRef[]
  /** The chain of dictionaries that the blocks need, root first. */
  readonly dictionaries: readonly DictionaryRef[]
}

/** Blocks of a bundle: what fits into a blob, whatever the blocks are. */
export const maxBundleBlocks = 16_384

/**
 * The blob of a bundle and its SHA-256. The same bundle gives the same bytes.
 * @throws {ARCHIVE_BLOB_MALFORMED} where the bundle breaks a rule that readers hold
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function encodeBundle(bundle: Bundle): {
  readonly bytes: Uint8Array
  readonly blobId: Uint8Array
} {
  checkBundle(bundle)
  const builder = new flatbuffers.Builder(4096)
  const shared = new SharedOffsets()
  const blocks = bundle.blocks.map(({ blobId, sizeBytes, sketch }) => {
    const blobIdAt = builder.createByteVector(hashOf(blobId))
    const sketchAt = writeBlockSketch(builder, sketch, shared)
    BlockRefTable.startMessageBlockRef(builder)
    BlockRefTable.addBlobId(builder, blobIdAt)
    BlockRefTable.addSize(builder, sizeBytes)
    BlockRefTable.addSketch(builder, sketchAt)
    return BlockRefTable.endMessageBlockRef(builder)
  })
  const dictionaries = bundle.dictionaries.map((ref) => writeDictionaryRef(builder, ref))
  const offset = BundleTable.createBundle(
    builder,
    bundleVersion,
    bundle.previous === null ? 0 : builder.createByteVector(hashOf(bundle.previous)),
    BundleTable.createMessageBlocksVector(builder, blocks),
    BundleTable.createDictionariesVector(builder, dictionaries),
  )
  const bytes = finishBlob(builder, Bip2BlobData.Bundle, offset)
  return { bytes, blobId: new Uint8Array(sha256(bytes)) }
}

/**
 * The bundle in a blob. Its blocks and dictionaries are possible ones; whether they are what it says
 * shows when they are opened.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function decodeBundle(bytes: Uint8Array): Bundle {
  return readBlob(bytes, Bip2BlobData.Bundle, new BundleTable(), (table) => {
    if (table.version() !== bundleVersion) throw malformedBlob('a bundle of another version')
    const previous = table.previousArray()
    const blocks: MessageBlockRef[] = []
    const blockCount = countOf(table.messageBlocksLength(), maxBundleBlocks)
    for (let at = 0; at < blockCount; at++) {
      blocks.push(readBlockRef(table.messageBlocks(at)))
    }
    const dictionaries: DictionaryRef[] = []
    const dictionaryCount = countOf(table.dictionariesLength(), maxDictionaryChain)
    for (let at = 0; at < dictionaryCount; at++) {
      const ref = table.dictionaries(at)
      if (ref === null) throw malformedBlob('a bundle has no dictionary where it says so')
      dictionaries.push(readDictionaryRef(ref))
    }
    const bundle = { previous: previous === null ? null : hashOf(previous), blocks, dictionaries }
    checkBundle(bundle)
    return bundle
  })
}

/** The messages of one author that a bundle holds; null where it holds none of this author. */
export function rangeOf(
  bundle: Bundle,
  author: FeedId,
): {
  readonly first: number
  readonly last: number
  /** Id of the message before the first one; null where that has none. */
  readonly previousHash: Uint8Array | null
  /** Id of the last message. */
  readonly lastHash: Uint8Array
} | null {
  const blocks = bundle.blocks.filter(({ sketch }) => sketch.author === author)
  const first = blocks[0]?.sketch
  const last = blocks.at(-1)?.sketch
  if (first === undefined || last === undefined) return null
  return {
    first: first.firstSequence,
    last: lastSequenceOf(last),
    previousHash: first.previousHash,
    lastHash: last.lastHash,
  }
}

const bundleVersion = 1

function countOf(length: number, max: number): number {
  if (length < 0 || length > max) throw malformedBlob(`a bundle lists more than ${max} of a kind`)
  return length
}

function readBlockRef(table: BlockRefTable | null): MessageBlockRef {
  if (table === null) throw malformedBlob('a bundle has no block where it says so')
  return {
    blobId: hashOf(table.blobIdArray()),
    sizeBytes: table.size(),
    sketch: readBlockSketch(table.sketch()),
  }
}

function checkBundle({ blocks, dictionaries }: Bundle): void {
  if (blocks.length === 0) throw malformedBlob('a bundle without blocks')
  countOf(blocks.length, maxBundleBlocks)
  countOf(dictionaries.length, maxDictionaryChain)
  const order = new BlockOrder()
  for (const { sizeBytes, sketch } of blocks) {
    if (sizeBytes < 1 || sizeBytes > maxBlobSizeBytes) {
      throw malformedBlob('a bundle lists a block of an impossible size')
    }
    order.add(sketch)
  }
  for (const [at, { blobId, ends }] of dictionaries.entries()) {
    const before = dictionaries[at - 1]
    if (before === undefined) continue
    if (!isWithin(before.ends, ends) || Buffer.compare(before.blobId, blobId) === 0) {
      throw malformedBlob('the dictionaries of a bundle are no chain')
    }
  }
}

/** Holds what the next block of each author must go on from. */
export class BlockOrder {
  readonly #last = new Map<FeedId, BlockSketch>()

  /** @throws {ARCHIVE_BLOB_MALFORMED} where the block does not go on from the one before it */
  add(sketch: BlockSketch): void {
    const before = this.#last.get(sketch.author)
    if (before !== undefined) {
      if (sketch.firstSequence !== lastSequenceOf(before) + 1) {
        throw malformedBlob('blocks of a bundle overlap, leave a gap or are out of order')
      }
      const { previousHash } = sketch
      if (previousHash === null || Buffer.compare(previousHash, before.lastHash) !== 0) {
        throw malformedBlob('a block of a bundle does not follow the one before it')
      }
    }
    this.#last.set(sketch.author, sketch)
  }
}
