/**
 * Compaction writes the messages of many blocks anew: small blocks of a feed become full ones, and
 * all feeds share one dictionary, in which ids are given anew in order of use.
 *
 * A block names its dictionary by its hash, so the dictionary must be complete before the first block
 * is written. The messages are therefore read twice, once to number and once to write; what is held
 * meanwhile is one block read and one written. The result depends on the messages alone, not on the
 * blocks that they came in.
 */
import { type FeedId, sha256 } from '@dunbar/core'
import { type Block, openBlock } from './block.js'
import { type PackOptions, packBlock } from './block-writer.js'
import { BlockOrder, encodeBundle, type MessageBlockRef } from './bundle.js'
import { Dictionary, type DictionaryRef, rootEnds } from './dictionary.js'
import { encodeDictionaryBlock, endsEqual } from './dictionary-block.js'
import { type BlockMessage, blockEnd, flattenBlock, maxBlockMessages } from './flattening.js'
import type { BlockSource } from './query.js'

/** A blob that compaction has written: its own bytes and their SHA-256. */
export interface CompactedBlob {
  readonly kind: 'dictionary' | 'block' | 'bundle'
  readonly blobId: Uint8Array
  readonly bytes: Uint8Array
}

export interface CompactionOptions extends PackOptions {
  /** A dictionary to go on from, and the blob that holds it up to its end, with its chain, root first. */
  readonly parent?: {
    readonly dictionary: Dictionary
    readonly chain: readonly DictionaryRef[]
  }
  /** SHA-256 of the bundle that the new one goes on from. */
  readonly previous?: Uint8Array
}

/**
 * Compacts the blocks of one or several feeds into one bundle and gives its blobs as they are
 * written: the dictionary where there is anything new in it, blocks of up to 1,024 messages, feed
 * after feed in order of their ids, and last the bundle. Blocks come in any order; those of a feed
 * must follow each other without gaps. Every message comes out with the same bytes.
 * @throws {ARCHIVE_BLOB_MALFORMED} where blocks overlap, leave a gap or do not follow each other
 * @throws {RangeError} where there are no blocks
 * @throws whatever opening, reading and packing blocks throws
 */
export async function* compact(
  sources: Iterable<BlockSource>,
  options: CompactionOptions,
): AsyncGenerator<CompactedBlob, void, undefined> {
  const feeds = feedsOf(sources)
  const chain = options.parent?.chain ?? []
  const parent = chain.at(-1) ?? null
  const dictionary = options.parent?.dictionary.clone() ?? Dictionary.root()
  const from = parent?.ends ?? rootEnds
  for (const [author, blocks] of feeds) {
    for await (const messages of groupsOf(blocks)) flattenBlock(author, messages, dictionary)
  }
  let ref = parent
  const dictionaries = [...chain]
  if (!endsEqual(from, dictionary.ends)) {
    const written = encodeDictionaryBlock(dictionary, from, parent)
    ref = written.ref
    dictionaries.push(ref)
    yield { kind: 'dictionary', blobId: ref.blobId, bytes: written.bytes }
  }
  const listed: MessageBlockRef[] = []
  for (const [author, blocks] of feeds) {
    for await (const messages of groupsOf(blocks)) {
      const bytes = packBlock(flattenBlock(author, messages, dictionary), ref, options)
      const blobId = new Uint8Array(sha256(bytes))
      const { sketch } = openBlock(bytes, () => dictionary)
      listed.push({ blobId, sizeBytes: bytes.length, sketch })
      yield { kind: 'block', blobId, bytes }
    }
  }
  const bundle = { previous: options.previous ?? null, blocks: listed, dictionaries }
  yield { kind: 'bundle', ...encodeBundle(bundle) }
}

/** The blocks of each feed in order of their sequences. */
function feedsOf(sources: Iterable<BlockSource>): readonly (readonly [FeedId, BlockSource[]])[] {
  const feeds = new Map<FeedId, BlockSource[]>()
  for (const source of sources) {
    const { author } = source.sketch
    const blocks = feeds.get(author)
    if (blocks === undefined) feeds.set(author, [source])
    else blocks.push(source)
  }
  if (feeds.size === 0) throw new RangeError('there is nothing to compact')
  const order = new BlockOrder()
  for (const blocks of feeds.values()) {
    blocks.sort((left, right) => left.sketch.firstSequence - right.sketch.firstSequence)
    for (const { sketch } of blocks) order.add(sketch)
  }
  return [...feeds].sort(([left], [right]) => (left < right ? -1 : 1))
}

/** The messages of a feed, as many at a time as make a block. */
async function* groupsOf(
  blocks: readonly BlockSource[],
): AsyncGenerator<readonly BlockMessage[], void, undefined> {
  let waiting: BlockMessage[] = []
  for (const source of blocks) {
    waiting.push(...messagesOf(await source.open()))
    // A group is final once there is a message behind it.
    while (waiting.length > maxBlockMessages) {
      const end = endOf(waiting)
      yield waiting.slice(0, end)
      waiting = waiting.slice(end)
    }
  }
  while (waiting.length > 0) {
    const end = endOf(waiting)
    yield waiting.slice(0, end)
    waiting = waiting.slice(end)
  }
}

function endOf(messages: readonly BlockMessage[]): number {
  return blockEnd(
    messages.map(({ json }) => json!.length),
    0,
  )
}

function messagesOf(block: Block): BlockMessage[] {
  return Array.from({ length: block.length }, (_, index) => {
    const json = block.json(index)
    return { key: block.key(index), value: block.valueAt(index), json }
  })
}
