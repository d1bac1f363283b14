import {
  type BlockMessage,
  type Bundle,
  Dictionary,
  decodeBundle,
  encodeBundle,
  encodeDictionaryBlock,
  flattenBlock,
  lastSequenceOf,
  makeArchiveContent,
  openBlock,
  packBlock,
  rootEnds,
} from '@dunbar/archive'
import { type BlobId, blobIdFromBytes, messageKeyFromBytes, sha256 } from '@dunbar/core'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import type { ArchivePorts } from '../src/index.js'
import type { Author } from './test-node.js'

/** Blobs in memory. */
export class MemoryArchives implements ArchivePorts {
  readonly blobs = new Map<BlobId, Uint8Array>()

  getBlob(id: BlobId) {
    return this.blobs.get(id) ?? null
  }

  hasBlob(id: BlobId) {
    return this.blobs.has(id)
  }

  keepBlob(id: BlobId, bytes: Uint8Array) {
    this.blobs.set(id, bytes)
  }

  async readBundle(bytes: Uint8Array) {
    const { previous, blocks, dictionaries } = decodeBundle(bytes)
    return {
      previous: previous === null ? null : blobIdFromBytes(previous),
      dictionaries: dictionaries.map(({ blobId }) => blobIdFromBytes(blobId)),
      blocks: blocks.map(({ blobId, sizeBytes, sketch }) => ({
        blob: blobIdFromBytes(blobId),
        size: sizeBytes,
        author: sketch.author,
        first: sketch.firstSequence,
        last: lastSequenceOf(sketch),
        lastMessage: messageKeyFromBytes(sketch.lastHash),
      })),
    }
  }
}

/** Archives what an author wrote, or says to have written, and adds the message that names it. */
export function archive(
  author: Author,
  archives = new MemoryArchives(),
  said: readonly Pick<ClassicMessage, 'keyBytes' | 'value'>[] = author.messages,
) {
  const keep = (bytes: Uint8Array) => {
    const blobId = new Uint8Array(sha256(bytes))
    archives.keepBlob(blobIdFromBytes(blobId), bytes)
    return { blobId, bytes }
  }
  const dictionary = Dictionary.root()
  const messages = said.map(({ keyBytes, value }): BlockMessage => {
    return { key: keyBytes, value }
  })
  const flat = flattenBlock(author.id, messages, dictionary)
  const { bytes: dictionaryBytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  keep(dictionaryBytes)
  const block = keep(packBlock(flat, ref, { messageHashes: false }))
  const { sketch } = openBlock(block.bytes, () => dictionary)
  const bundle: Bundle = {
    previous: null,
    blocks: [{ blobId: block.blobId, sizeBytes: block.bytes.length, sketch }],
    dictionaries: [ref],
  }
  const blob = keep(encodeBundle(bundle).bytes)
  const content = { ...makeArchiveContent(author.id, bundle, blob) }
  const head = author.messages.at(-1)!
  const message = createClassic({ keys: author.keys, head, timestamp: 1_700_000_000_000, content })
  author.messages.push(message)
  return { archives, message, bundle: content.bundle, block: blobIdFromBytes(block.blobId) }
}
