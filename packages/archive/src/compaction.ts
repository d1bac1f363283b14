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
import { Dictionary, type DictionaryEnds, type DictionaryRef, rootEnds } from './dictionary.js'
import { encodeDictionaryBlock, endsEqual, isWithin } from './dictionary-block.js'
import { maxDictionaryChain } from './dictionary-chain.js'
import { type BlockMessage, blockEnd, flattenBlock, maxBlockMessages } from './flattening.js'
import type { BlockSource } from './query.js'

/** A blob that compaction has written: its own bytes and their SHA-256. */
export interface CompactedBlob {
  readonly kind: 'dictionary' | 'block' | 'bundle'
  readonly blobId: Uint8Array
  readonly bytes: Uint8Array
}

export interface CompactionOptions extends PackOptions {
  /**
   * A dictionary to go on from, and the chain of blobs that hold it up to its end, root first. A chain
   * of 64 blobs is full: then a new one begins.
   */
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
  const { chain = [], dictionary: known = Dictionary.root() } = lineOf(options.parent)
  const parent = chain.at(-1) ?? null
  const dictionary = known.clone()
  const from = parent?.ends ?? rootEnds
  await numberFeeds(feeds, dictionary)
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

/** What to go on from: nothing where a chain has no room for one more blob. */
function lineOf(parent: CompactionOptions['parent']): Partial<NonNullable<typeof parent>> {
  return parent === undefined || parent.chain.length >= maxDictionaryChain ? {} : parent
}

type FeedBlocks = readonly [FeedId, readonly BlockSource[]]

/** Entries of one kind that a feed may add before others have added theirs. */
const maxFeedEntries = 1_024

/**
 * Adds to the dictionary what is in the messages. A feed that would take up much of it comes after
 * all others: when nothing more fits, its own messages are those that are stored as text.
 */
async function numberFeeds(feeds: readonly FeedBlocks[], dictionary: Dictionary): Promise<void> {
  const lavish: FeedBlocks[] = []
  for (const feed of feeds) {
    const before = dictionary.ends
    if (await numberFeed(feed, dictionary, maxFeedEntries)) continue
    dictionary.rollback(before)
    lavish.push(feed)
  }
  for (const feed of lavish) await numberFeed(feed, dictionary, Number.POSITIVE_INFINITY)
}

/** False where the feed adds more than `maxEntries` of a kind; it may have added them then. */
async function numberFeed(
  [author, blocks]: FeedBlocks,
  dictionary: Dictionary,
  maxEntries: number,
): Promise<boolean> {
  const { types, objectKeys, objectPaths, objectSignatures } = dictionary.ends
  const limit: DictionaryEnds = {
    types: types + maxEntries,
    objectKeys: objectKeys + maxEntries,
    objectPaths: objectPaths + maxEntries,
    objectSignatures: objectSignatures + maxEntries,
  }
  for (const source of blocks) {
    flattenBlock(author, messagesOf(await source.open()), dictionary)
    if (!isWithin(dictionary.ends, limit)) return false
  }
  return true
}

/** The blocks of each feed in order of their sequences. */
function feedsOf(sources: Iterable<BlockSource>): readonly FeedBlocks[] {
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
    const block = await source.open()
    for (const [index, message] of messagesOf(block).entries()) {
      waiting.push({ ...message, json: block.json(index) })
    }
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
  return Array.from({ length: block.length }, (_, index) => ({
    key: block.key(index),
    value: block.valueAt(index),
  }))
}
