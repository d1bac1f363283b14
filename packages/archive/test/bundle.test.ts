import { type FeedId, feedIdFromBytes, feedIdToBytes, isCodedError, sha256 } from '@dunbar/core'
import fc from 'fast-check'
import * as flatbuffers from 'flatbuffers'
import { describe, expect, it } from 'vitest'
import {
  type Bundle,
  bipf2,
  decodeBundle,
  encodeBundle,
  lastSequenceOf,
  type MessageBlockRef,
  maxBlobSizeBytes,
  rangeOf,
  rootEnds,
} from '../src/index.js'

const hash = (name: string) => new Uint8Array(sha256(Buffer.from(name)))
const feed = (name: string): FeedId => feedIdFromBytes(hash(name))
const alice = feed('alice')
const bob = feed('bob')

/** Blocks of a feed with these lengths, from a sequence on. */
function blocksOf(author: FeedId, lengths: readonly number[], from = 1): MessageBlockRef[] {
  let first = from
  return lengths.map((length) => {
    const firstSequence = first
    first += length
    return {
      blobId: hash(`${author} block ${firstSequence}`),
      sizeBytes: 1000 + length,
      sketch: {
        author,
        length,
        firstSequence,
        firstTimestamp: 1_500_000_000_000.5,
        lastTimestamp: -7,
        minTimestamp: -7,
        maxTimestamp: 1_600_000_000_000,
        previousHash: firstSequence === 1 ? null : hash(`${author} ${firstSequence - 1}`),
        lastHash: hash(`${author} ${first - 1}`),
      },
    }
  })
}

const dictionary = (name: string, by: number) => ({
  blobId: hash(name),
  ends: { ...rootEnds, types: rootEnds.types + by },
})

const bundleOf = (change: Partial<Bundle> = {}): Bundle => ({
  previous: null,
  blocks: blocksOf(alice, [1024, 1024, 5]),
  dictionaries: [dictionary('one', 1), dictionary('two', 1), dictionary('three', 4)],
  ...change,
})

/** The blob of a bundle that no writer here would write. */
function uncheckedBundle({ previous, blocks, dictionaries }: Bundle): Uint8Array {
  const builder = new flatbuffers.Builder(1024)
  const blockOffsets = blocks.map(({ blobId, sizeBytes, sketch }) => {
    const author = bipf2.ClassicFeedId.createClassicFeedId(
      builder,
      builder.createByteVector(feedIdToBytes(sketch.author)),
      bipf2.OriginalEncoding.SIGIL,
    )
    const format = bipf2.ClassicMessageBlockSketch.createClassicMessageBlockSketch(
      builder,
      author,
      sketch.previousHash === null ? 0 : builder.createByteVector(sketch.previousHash),
      builder.createByteVector(sketch.lastHash),
    )
    const sketchAt = bipf2.MessageBlockSketch.createMessageBlockSketch(
      builder,
      sketch.length,
      sketch.firstSequence,
      sketch.firstTimestamp,
      sketch.lastTimestamp,
      sketch.minTimestamp,
      sketch.maxTimestamp,
      bipf2.FormatSpecificBlockSketch.ClassicMessageBlockSketch,
      format,
    )
    const blobIdAt = builder.createByteVector(blobId)
    bipf2.MessageBlockRef.startMessageBlockRef(builder)
    bipf2.MessageBlockRef.addBlobId(builder, blobIdAt)
    bipf2.MessageBlockRef.addSize(builder, sizeBytes)
    bipf2.MessageBlockRef.addSketch(builder, sketchAt)
    return bipf2.MessageBlockRef.endMessageBlockRef(builder)
  })
  const dictionaryOffsets = dictionaries.map(({ blobId, ends }) =>
    bipf2.DictionaryBlockRef.createDictionaryBlockRef(
      builder,
      builder.createByteVector(blobId),
      ends.types,
      ends.objectKeys,
      ends.objectPaths,
      ends.objectSignatures,
    ),
  )
  const bundle = bipf2.Bundle.createBundle(
    builder,
    1,
    previous === null ? 0 : builder.createByteVector(previous),
    bipf2.Bundle.createMessageBlocksVector(builder, blockOffsets),
    bipf2.Bundle.createDictionariesVector(builder, dictionaryOffsets),
  )
  const blob = bipf2.Bip2Blob.createBip2Blob(builder, bipf2.Bip2BlobData.Bundle, bundle)
  bipf2.Bip2Blob.finishBip2BlobBuffer(builder, blob)
  return builder.asUint8Array().slice()
}

const codeOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    if (isCodedError(error)) return error.code
    throw error
  }
  return 'none'
}

describe('a bundle', () => {
  it('comes back as it was, and the same bundle gives the same bytes', () => {
    const bundle = bundleOf({ previous: hash('before'), blocks: blocksOf(alice, [3, 4], 11) })
    const { bytes, blobId } = encodeBundle(bundle)
    expect(blobId).toEqual(new Uint8Array(sha256(bytes)))
    expect(decodeBundle(bytes)).toEqual(bundle)
    expect(encodeBundle(decodeBundle(bytes)).bytes).toEqual(bytes)
  })

  it('does not change with the bytes that it was read from', () => {
    const bundle = bundleOf({ previous: hash('before') })
    const bytes = Uint8Array.from(encodeBundle(bundle).bytes)
    const read = decodeBundle(bytes)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(read).toEqual(bundle)
  })

  it('tells which messages of an author it holds', () => {
    const blocks = [...blocksOf(alice, [10, 10], 5), ...blocksOf(bob, [1])]
    const bundle = decodeBundle(encodeBundle(bundleOf({ blocks })).bytes)
    const last = blocks[1]!.sketch
    expect(rangeOf(bundle, alice)).toEqual({
      first: 5,
      last: 24,
      previousHash: blocks[0]!.sketch.previousHash,
      lastHash: last.lastHash,
    })
    expect(lastSequenceOf(last)).toBe(24)
    expect(rangeOf(bundle, bob)).toMatchObject({ first: 1, last: 1, previousHash: null })
    expect(rangeOf(bundle, feed('carol'))).toBeNull()
  })

  it('of a year of a busy feed stays far below the size of a blob', () => {
    const { bytes } = encodeBundle(
      bundleOf({ blocks: blocksOf(alice, new Array(1000).fill(1024)) }),
    )
    expect(bytes.length).toBeLessThan(maxBlobSizeBytes / 20)
  })

  const bad: Readonly<Record<string, Partial<Bundle>>> = {
    'without blocks': { blocks: [] },
    'with a gap': { blocks: [...blocksOf(alice, [5]), ...blocksOf(alice, [5], 7)] },
    'with an overlap': { blocks: [...blocksOf(alice, [5]), ...blocksOf(alice, [5], 5)] },
    'with blocks the wrong way round': { blocks: blocksOf(alice, [5, 5]).reverse() },
    'with a block twice': { blocks: [...blocksOf(alice, [5]), ...blocksOf(alice, [5])] },
    'with a block that follows another message': {
      blocks: blocksOf(alice, [5, 5]).map(({ sketch, ...ref }) => ({
        ...ref,
        sketch: { ...sketch, lastHash: hash('other') },
      })),
    },
    'with an empty block': { blocks: blocksOf(alice, [0]) },
    'with a block of 1,025 messages': { blocks: blocksOf(alice, [1025]) },
    'with a block before the first message': { blocks: blocksOf(alice, [5], 0) },
    'with a block beyond the last sequence': { blocks: blocksOf(alice, [5], 2 ** 30 - 2) },
    'with a block of no bytes': {
      blocks: blocksOf(alice, [5]).map((ref) => ({ ...ref, sizeBytes: 0 })),
    },
    'with a block that is no blob': {
      blocks: blocksOf(alice, [5]).map((ref) => ({ ...ref, sizeBytes: maxBlobSizeBytes + 1 })),
    },
    'with a timestamp that is none': {
      blocks: blocksOf(alice, [5]).map(({ sketch, ...ref }) => ({
        ...ref,
        sketch: { ...sketch, firstTimestamp: Number.NaN },
      })),
    },
    'with a block outside of its own time': {
      blocks: blocksOf(alice, [5]).map(({ sketch, ...ref }) => ({
        ...ref,
        sketch: { ...sketch, lastTimestamp: sketch.maxTimestamp + 1 },
      })),
    },
    'with endless time': {
      blocks: blocksOf(alice, [5]).map(({ sketch, ...ref }) => ({
        ...ref,
        sketch: { ...sketch, maxTimestamp: Number.POSITIVE_INFINITY },
      })),
    },
    'with dictionaries that shrink': {
      dictionaries: [dictionary('one', 2), dictionary('two', 1)],
    },
    'with a dictionary after itself': {
      dictionaries: [dictionary('one', 2), dictionary('one', 2)],
    },
    'with 65 dictionaries': {
      dictionaries: Array.from({ length: 65 }, (_, at) => dictionary(`${at}`, at)),
    },
    'with a dictionary that ends before the root': { dictionaries: [dictionary('one', -1)] },
  }
  for (const [name, change] of Object.entries(bad)) {
    it(`${name} is refused`, () => {
      expect(codeOf(() => decodeBundle(uncheckedBundle(bundleOf(change))))).toBe(
        'ARCHIVE_BLOB_MALFORMED',
      )
    })
  }

  it('that another writer wrote is read', () => {
    const bundle = bundleOf({ previous: hash('before') })
    expect(decodeBundle(uncheckedBundle(bundle))).toEqual(bundle)
  })

  it('that breaks a rule of order is not written either', () => {
    const blocks = [...blocksOf(alice, [5]), ...blocksOf(alice, [5], 7)]
    expect(codeOf(() => encodeBundle(bundleOf({ blocks })))).toBe('ARCHIVE_BLOB_MALFORMED')
  })

  it('cut short, or with flipped bits, is refused by a code or holds to the rules', () => {
    const { bytes } = encodeBundle(bundleOf({ blocks: blocksOf(alice, [3, 4, 5]) }))
    const readOrRefuse = (damaged: Uint8Array) => {
      const code = codeOf(() => {
        const bundle = decodeBundle(damaged)
        expect(decodeBundle(encodeBundle(bundle).bytes)).toEqual(bundle)
      })
      expect(['none', 'ARCHIVE_BLOB_MALFORMED']).toContain(code)
    }
    for (let end = 0; end < bytes.length; end++) readOrRefuse(bytes.subarray(0, end))
    const flip = fc.record({
      at: fc.nat({ max: bytes.length - 1 }),
      with: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const damaged = bytes.slice()
        for (const { at, with: bits } of flips) damaged[at]! ^= bits
        readOrRefuse(damaged)
      }),
      { numRuns: 1_000 },
    )
  })

  it('that lists one block a million times is refused', () => {
    const builder = new flatbuffers.Builder(1024)
    const id = builder.createByteVector(hash('block'))
    bipf2.MessageBlockRef.startMessageBlockRef(builder)
    bipf2.MessageBlockRef.addBlobId(builder, id)
    bipf2.MessageBlockRef.addSketch(builder, id)
    const ref = bipf2.MessageBlockRef.endMessageBlockRef(builder)
    const refs = bipf2.Bundle.createMessageBlocksVector(builder, new Array(1_000_000).fill(ref))
    const bundle = bipf2.Bundle.createBundle(builder, 1, 0, refs, 0)
    const blob = bipf2.Bip2Blob.createBip2Blob(builder, bipf2.Bip2BlobData.Bundle, bundle)
    bipf2.Bip2Blob.finishBip2BlobBuffer(builder, blob)
    expect(codeOf(() => decodeBundle(builder.asUint8Array()))).toBe('ARCHIVE_BLOB_MALFORMED')
  })
})
