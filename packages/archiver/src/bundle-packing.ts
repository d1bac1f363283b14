import {
  type BlockMessage,
  type Bundle,
  blockEnd,
  type Dictionary,
  encodeBundle,
  encodeDictionaryBlock,
  endsEqual,
  type FlatBlock,
  flattenBlock,
  lastSequenceOf,
  type MessageBlockRef,
  makeArchiveContent,
  maxBlockMessages,
  openBlock,
  packBlock,
} from '@dunbar/archive'
import { blobIdFromBytes, blobIdToBytes, CodedError, sha256 } from '@dunbar/core'
import { FrameReader } from '@dunbar/feed'
import type { PackedBlob, PackedBundle, PackJob } from './archive-work.js'
import { readDictionaryLine } from './dictionary-line.js'

/**
 * Blocks, their dictionary and their bundle from messages of a log; null where they fill no block.
 * Costs some 30 µs a message, the comparison with what was
 * written included. The same job gives the same bytes with the same version.
 * @throws {ARCHIVE_FEED_DAMAGED} the messages do not begin where they should
 * @throws {ARCHIVE_BLOCK_NOT_CONSECUTIVE} or have holes
 */
export function packBundle(job: PackJob): PackedBundle | null {
  const { author, previous } = job
  const { dictionary, refs } = readDictionaryLine(job.dictionaries)
  const from = dictionary.ends
  const { flats, jsonBytes } = flattenAll(job, dictionary)
  if (flats.length === 0) return null
  const blobs: PackedBlob[] = []
  const line = [...refs]
  if (!endsEqual(from, dictionary.ends)) {
    const { bytes, ref } = encodeDictionaryBlock(dictionary, from, line.at(-1) ?? null)
    line.push(ref)
    blobs.push({ id: blobIdFromBytes(ref.blobId), bytes })
  }
  const options = { codec: 'brotli', messageHashes: false } as const
  const blocks = flats.map((flat): MessageBlockRef => {
    const bytes = packBlock(flat, line.at(-1) ?? null, options)
    const blobId = sha256(bytes)
    blobs.push({ id: blobIdFromBytes(blobId), bytes })
    return { blobId, sizeBytes: bytes.length, sketch: openBlock(bytes, () => dictionary).sketch }
  })
  const bundle: Bundle = {
    previous: previous === null ? null : blobIdToBytes(previous),
    blocks,
    dictionaries: line,
  }
  const blob = encodeBundle(bundle)
  blobs.push({ id: blobIdFromBytes(blob.blobId), bytes: blob.bytes })
  return {
    blobs,
    content: makeArchiveContent(author, bundle, blob),
    blocks: blocks.map(({ blobId, sizeBytes, sketch }) => ({
      blob: blobIdFromBytes(blobId),
      size: sizeBytes,
      first: sketch.firstSequence,
      last: lastSequenceOf(sketch),
    })),
    dictionaries: line.map(({ blobId }) => blobIdFromBytes(blobId)),
    jsonBytes,
  }
}

/** A message where it lies in its frames. */
interface Place {
  readonly key: Uint8Array
  readonly json: Uint8Array
}

/** Whole blocks, and the rest where it is wanted. Messages are parsed block by block, to hold few of them at once. */
function flattenAll({ author, first, frames, takesRest }: PackJob, dictionary: Dictionary) {
  const places: Place[] = []
  for (const batch of frames) {
    const reader = new FrameReader(batch)
    while (reader.next()) {
      if (places.length === 0 && reader.sequence !== first) throw damaged(first)
      places.push({ key: reader.keyBytes, json: reader.message })
    }
  }
  const sizes = places.map(({ json }) => json.length)
  const flats: FlatBlock[] = []
  let jsonBytes = 0
  for (let from = 0; from < places.length; ) {
    const end = blockEnd(sizes, from)
    const isFull = end < places.length || end - from === maxBlockMessages
    if (!isFull && !takesRest) break
    const messages = places
      .slice(from, end)
      .map(
        ({ key, json }): BlockMessage => ({ key, value: JSON.parse(Buffer.from(json).toString()) }),
      )
    flats.push(flattenBlock(author, messages, dictionary))
    for (; from < end; from++) jsonBytes += sizes[from]!
  }
  return { flats, jsonBytes }
}

const damaged = (sequence: number) =>
  new CodedError('ARCHIVE_FEED_DAMAGED', `message ${sequence} can't be read`, { sequence })
