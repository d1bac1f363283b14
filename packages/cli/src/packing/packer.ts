import {
  type BlockParts,
  blockParts,
  Dictionary,
  type DictionaryRef,
  encodeBundle,
  encodeDictionaryBlock,
  endsEqual,
  flattenBlock,
  type MessageBlockRef,
  maxBundleBlocks,
  openBlock,
  packBlock,
  rootEnds,
} from '@dunbar/archive'
import type { BlobFolder } from '@dunbar/blobs'
import { type BlobId, blobIdFromBytes, sha256 } from '@dunbar/core'
import type { FeedGroup } from './feed-groups.js'
import { SizeComparison } from './size-comparison.js'

/** What was packed, in bytes where nothing else is said. */
export interface PackReport {
  /** The newest bundle, which leads to all others. */
  readonly bundle: BlobId
  readonly bundles: number
  readonly blocks: number
  readonly messages: number
  /** All blobs together. */
  readonly sizeBytes: number
  readonly dictionaryBytes: number
  readonly bundleBytes: number
  readonly parts: BlockParts
  /** The same messages as compact JSON lines, and these compressed as one file. */
  readonly jsonBytes: number
  readonly gzipBytes: number
  readonly brotliBytes: number
}

/** Called now and then with how much has been read. */
export type OnProgress = (progressBytes: number, messages: number) => void

/**
 * Numbers what the messages have in common. The dictionary is complete before the first block is
 * written, because a block names it by its hash: hence the groups are gone through twice.
 */
export async function numberGroups(
  groups: AsyncIterable<FeedGroup>,
  onProgress: OnProgress,
): Promise<Dictionary> {
  const dictionary = Dictionary.root()
  let count = 0
  for await (const group of groups) {
    flattenBlock(group.author, parsed(group), dictionary)
    count += group.messages.length
    onProgress(group.progressBytes, count)
  }
  return dictionary
}

/**
 * Writes dictionary, blocks and bundles as blobs; null where there is no message.
 * @throws {BLOB_…} @throws {ARCHIVE_…}
 */
export async function packGroups(
  groups: AsyncIterable<FeedGroup>,
  dictionary: Dictionary,
  blobs: BlobFolder,
  onProgress: OnProgress,
): Promise<PackReport | null> {
  const writer = new BundleWriter(blobs, dictionary)
  const comparison = new SizeComparison()
  for await (const group of groups) {
    await writer.add(group)
    for (const { json } of group.messages) await comparison.add(json)
    onProgress(group.progressBytes, writer.messageCount)
  }
  const sizes = await comparison.end()
  const written = await writer.end()
  return written === null ? null : { ...written, ...sizes }
}

class BundleWriter {
  messageCount = 0
  readonly #blobs: BlobFolder
  readonly #dictionary: Dictionary
  #ref: DictionaryRef | null = null
  #isBegun = false
  #waiting: MessageBlockRef[] = []
  #previous: Uint8Array | null = null
  #bundleCount = 0
  #blockCount = 0
  #blockBytes = 0
  #dictionaryBytes = 0
  #bundleBytes = 0
  #parts: Record<string, number> = {}

  constructor(blobs: BlobFolder, dictionary: Dictionary) {
    this.#blobs = blobs
    this.#dictionary = dictionary
  }

  async add(group: FeedGroup): Promise<void> {
    await this.#begin()
    if (this.#waiting.length === maxBundleBlocks) await this.#bundle()
    const flat = flattenBlock(group.author, parsed(group), this.#dictionary)
    const bytes = packBlock(flat, this.#ref, { codec: 'brotli', messageHashes: false })
    const blobId = new Uint8Array(sha256(bytes))
    await this.#blobs.add(bytes, blobIdFromBytes(blobId))
    const { sketch } = openBlock(bytes, () => this.#dictionary)
    this.#waiting.push({ blobId, sizeBytes: bytes.length, sketch })
    this.messageCount += group.messages.length
    this.#blockCount += 1
    this.#blockBytes += bytes.length
    for (const [name, size] of Object.entries(blockParts(bytes, () => this.#dictionary))) {
      this.#parts[name] = (this.#parts[name] ?? 0) + size
    }
  }

  async end(): Promise<Omit<PackReport, 'jsonBytes' | 'gzipBytes' | 'brotliBytes'> | null> {
    if (this.#waiting.length > 0) await this.#bundle()
    if (this.#previous === null) return null
    return {
      bundle: blobIdFromBytes(this.#previous),
      bundles: this.#bundleCount,
      blocks: this.#blockCount,
      messages: this.messageCount,
      sizeBytes: this.#blockBytes + this.#dictionaryBytes + this.#bundleBytes,
      dictionaryBytes: this.#dictionaryBytes,
      bundleBytes: this.#bundleBytes,
      parts: this.#parts as unknown as BlockParts,
    }
  }

  async #begin(): Promise<void> {
    if (this.#isBegun) return
    this.#isBegun = true
    if (endsEqual(this.#dictionary.ends, rootEnds)) return
    const { bytes, ref } = encodeDictionaryBlock(this.#dictionary, rootEnds, null)
    await this.#blobs.add(bytes, blobIdFromBytes(ref.blobId))
    this.#ref = ref
    this.#dictionaryBytes = bytes.length
  }

  async #bundle(): Promise<void> {
    const dictionaries = this.#ref === null ? [] : [this.#ref]
    const blocks = this.#waiting.sort(byFeedAndPlace)
    const { bytes, blobId } = encodeBundle({ previous: this.#previous, blocks, dictionaries })
    await this.#blobs.add(bytes, blobIdFromBytes(blobId))
    this.#previous = blobId
    this.#bundleCount += 1
    this.#bundleBytes += bytes.length
    this.#waiting = []
  }
}

/** The blocks of a feed lie together: who wants one feed reads on. */
function byFeedAndPlace({ sketch: left }: MessageBlockRef, { sketch: right }: MessageBlockRef) {
  if (left.author !== right.author) return left.author < right.author ? -1 : 1
  return left.firstSequence - right.firstSequence
}

const parsed = ({ messages }: FeedGroup) =>
  messages.map(({ key, json }) => ({
    key,
    json,
    value: JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString()) as unknown,
  }))
