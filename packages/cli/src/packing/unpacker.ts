import {
  type Bundle,
  blocksOf,
  decodeBundle,
  type FetchBlob,
  rememberDictionaries,
} from '@dunbar/archive'
import type { BlobFolder } from '@dunbar/blobs'
import { type BlobId, blobIdFromBytes, messageKeyFromBytes } from '@dunbar/core'
import { Mistake } from '../mistake.js'

/** Bundles that are followed; one lists up to 16,384 blocks. */
const MAX_BUNDLES = 65_536

/** What comes out of a block. */
export interface UnpackedBlock {
  /** Its messages as JSON lines `{key,value}`, each value exactly as it was signed. */
  readonly lines: Uint8Array
  readonly messages: number
  readonly totalMessages: number
}

/**
 * The messages under a bundle and those before it, the oldest bundle first, block by block. Every
 * block is checked from its hash to the id of its last message before anything of it is given.
 * @throws {Mistake} where a blob is missing @throws {BLOB_DAMAGED} @throws {ARCHIVE_…}
 */
export async function* unpack(
  blobs: BlobFolder,
  newest: BlobId,
): AsyncGenerator<UnpackedBlock, void, undefined> {
  const fetch: FetchBlob = (blobId) => blobs.get(blobIdFromBytes(blobId)) ?? undefined
  const ids = bundleLine(blobs, newest)
  const dictionaryOf = rememberDictionaries(fetch)
  let totalMessages = 0
  for (const id of ids) totalMessages += messagesOf(bundleOf(blobs, id))
  for (const id of ids) {
    for (const source of blocksOf(bundleOf(blobs, id), fetch, dictionaryOf)) {
      const block = await source.open()
      block.verifyChain()
      const lines: Uint8Array[] = []
      for (let index = 0; index < block.length; index++) {
        const key = messageKeyFromBytes(block.key(index))
        lines.push(Buffer.from(`{"key":"${key}","value":`), block.json(index), LINE_END)
      }
      yield { lines: Buffer.concat(lines), messages: block.length, totalMessages }
    }
  }
}

const LINE_END = Buffer.from('}\n')

/** The ids of the bundles, oldest first: only one bundle at a time is held. */
function bundleLine(blobs: BlobFolder, newest: BlobId): readonly BlobId[] {
  const ids: BlobId[] = []
  for (let id: BlobId | null = newest; id !== null; ) {
    // A bundle can't name itself through others, since its hash would have to be known before.
    if (ids.length === MAX_BUNDLES) throw new Mistake(`${newest} leads to too many bundles`)
    ids.push(id)
    const { previous } = bundleOf(blobs, id)
    id = previous === null ? null : blobIdFromBytes(previous)
  }
  return ids.reverse()
}

function bundleOf(blobs: BlobFolder, id: BlobId): Bundle {
  const bytes = blobs.get(id)
  if (bytes === null) throw new Mistake(`the bundle ${id} is missing`)
  return decodeBundle(bytes)
}

const messagesOf = ({ blocks }: Bundle): number =>
  blocks.reduce((sum, { sketch }) => sum + sketch.length, 0)
