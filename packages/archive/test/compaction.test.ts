import { blobIdFromBytes, type FeedId, isCodedError, sha256 } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Block,
  type BlockMessage,
  type BlockSource,
  type Bundle,
  blocksOf,
  type CompactedBlob,
  type CompactionOptions,
  compact,
  Dictionary,
  decodeBundle,
  decodeDictionaryBlock,
  encodeDictionaryBlock,
  flattenBlock,
  maxDictionaryEnds,
  openBlock,
  openListedBlock,
  packBlock,
  rangeOf,
  rememberDictionaries,
  rootEnds,
} from '../src/index.js'
import { chain, author as chainAuthor, generatedFeeds } from './feeds.js'

/** Blocks of a feed of these lengths, each over a dictionary of its own. */
function scattered(
  author: FeedId,
  messages: readonly BlockMessage[],
  blockLength: number,
): BlockSource[] {
  const sources: BlockSource[] = []
  for (let from = 0; from < messages.length; from += blockLength) {
    const dictionary = Dictionary.root()
    const part = messages.slice(from, from + blockLength)
    const flat = flattenBlock(author, part, dictionary)
    const { ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
    const bytes = packBlock(flat, ref, { messageHashes: from % 2 === 0 })
    const open = () => openBlock(bytes, () => dictionary)
    sources.push({ sketch: open().sketch, open })
  }
  return sources
}

interface Compacted {
  readonly blobs: ReadonlyMap<string, CompactedBlob>
  readonly bundle: Bundle
  readonly sources: ReturnType<typeof blocksOf>
}

async function compacted(
  sources: Iterable<BlockSource>,
  options: CompactionOptions = { messageHashes: false },
  older: ReadonlyMap<string, CompactedBlob> = new Map(),
): Promise<Compacted> {
  const blobs = new Map<string, CompactedBlob>()
  for await (const blob of compact(sources, options)) {
    expect(blob.blobId).toEqual(new Uint8Array(sha256(blob.bytes)))
    blobs.set(blobIdFromBytes(blob.blobId), blob)
  }
  const bundle = decodeBundle([...blobs.values()].find(({ kind }) => kind === 'bundle')!.bytes)
  const fetch = (blobId: Uint8Array) =>
    (blobs.get(blobIdFromBytes(blobId)) ?? older.get(blobIdFromBytes(blobId)))?.bytes
  return { blobs, bundle, sources: blocksOf(bundle, fetch, rememberDictionaries(fetch)) }
}

/** All messages of a feed in blocks, as JSON and ids, after their chains were computed. */
async function messagesIn(sources: readonly BlockSource[], author: FeedId): Promise<string[]> {
  const found: string[] = []
  for (const source of sources) {
    if (source.sketch.author !== author) continue
    const block: Block = await source.open()
    block.verifyChain()
    for (let index = 0; index < block.length; index++) {
      const json = Buffer.from(block.json(index)).toString()
      found.push(`${Buffer.from(block.key(index)).toString('hex')} ${json}`)
    }
  }
  return found
}

const asText = ({ key, value }: BlockMessage) =>
  `${Buffer.from(key).toString('hex')} ${JSON.stringify(value)}`

const codeOf = async (action: () => Promise<unknown>): Promise<string> => {
  try {
    await action()
  } catch (error) {
    return isCodedError(error) ? error.code : String(error)
  }
  return 'none'
}

describe('compaction', () => {
  it('makes full blocks of small ones and one dictionary of many, and changes no message', async () => {
    const feeds = generatedFeeds(6, 600, 3)
    const sources = [...feeds].flatMap(([author, messages]) => scattered(author, messages, 20))
    const { blobs, bundle, sources: merged } = await compacted(sources.reverse())
    for (const [author, messages] of feeds) {
      expect(await messagesIn(merged, author)).toEqual(messages.map(asText))
      expect(rangeOf(bundle, author)).toMatchObject({ first: 1, last: messages.length })
    }
    expect(bundle.blocks).toHaveLength(6)
    expect(bundle.dictionaries).toHaveLength(1)
    expect([...blobs.values()].map(({ kind }) => kind)).toEqual([
      'dictionary',
      ...new Array(6).fill('block'),
      'bundle',
    ])
  }, 30_000)

  it('gives the same blobs for the same messages, whatever blocks they came in', async () => {
    const [[author, messages]] = generatedFeeds(1, 300, 4) as unknown as [[FeedId, BlockMessage[]]]
    const one = await compacted(scattered(author, messages, 300))
    const many = await compacted(scattered(author, messages, 7))
    const again = await compacted(many.sources)
    expect([...many.blobs.keys()]).toEqual([...one.blobs.keys()])
    expect([...again.blobs.keys()]).toEqual([...one.blobs.keys()])
  })

  it('ends blocks where they would be too large', async () => {
    const drafts = Array.from({ length: 400 }, (_, at) => ({
      content: { type: 'post', text: `${at} ${'x'.repeat(6_000)}` },
    }))
    const messages = chain(drafts)
    const { bundle, sources } = await compacted(scattered(chainAuthor, messages, 90))
    expect(bundle.blocks.length).toBeGreaterThan(2)
    expect(await messagesIn(sources, chainAuthor)).toEqual(messages.map(asText))
  }, 30_000)

  it('does not let one feed fill the dictionary before the others', async () => {
    const feeds = generatedFeeds(3, 60, 6)
    const ids = [chainAuthor, ...feeds.keys()].sort()
    const odd = (at: number) =>
      Object.fromEntries(Array.from({ length: 60 }, (_, key) => [`key${at}x${key}`, key]))
    const lavish = chain(Array.from({ length: 200 }, (_, at) => ({ content: odd(at) })))
    const sources = [
      ...scattered(chainAuthor, lavish, 50),
      ...[...feeds].flatMap(([author, messages]) => scattered(author, messages, 20)),
    ]
    const frugal = await compacted(sources.filter(({ sketch }) => sketch.author !== chainAuthor))
    const { blobs, bundle, sources: merged } = await compacted(sources)
    expect(bundle.blocks.map(({ sketch }) => sketch.author)).toEqual(ids)
    expect(await messagesIn(merged, chainAuthor)).toEqual(lavish.map(asText))
    const { bytes } = [...blobs.values()][0]!
    const dictionary = decodeDictionaryBlock(bytes, Dictionary.root())
    const first = decodeDictionaryBlock([...frugal.blobs.values()][0]!.bytes, Dictionary.root())
    expect(dictionary.ends.objectKeys).toBeGreaterThan(maxDictionaryEnds.objectKeys - 61)
    for (let id = 0; id < first.ends.objectKeys; id++) {
      expect(dictionary.key(id)).toBe(first.key(id))
    }
  }, 30_000)

  it('goes on from a dictionary and a bundle that are there', async () => {
    const [[author, messages]] = generatedFeeds(1, 400, 5) as unknown as [[FeedId, BlockMessage[]]]
    const first = await compacted(scattered(author, messages.slice(0, 200), 30))
    const firstBlob = [...first.blobs.values()].at(-1)!
    const dictionary = rememberDictionaries(
      (blobId) => first.blobs.get(blobIdFromBytes(blobId))!.bytes,
    )
    const chain = first.bundle.dictionaries
    const parent = { dictionary: dictionary(chain.at(-1)!), chain }
    const ends = parent.dictionary.ends
    const drafts = scattered(author, messages, 200).slice(1)
    const options = { messageHashes: true, parent, previous: firstBlob.blobId }
    const second = await compacted(drafts, options, first.blobs)
    expect(second.bundle.previous).toEqual(firstBlob.blobId)
    expect(second.bundle.dictionaries.slice(0, chain.length)).toEqual(chain)
    expect(parent.dictionary.ends).toEqual(ends)
    expect(await messagesIn(second.sources, author)).toEqual(messages.slice(200).map(asText))
    const full = new Array(64).fill(chain[0]!)
    const { bundle: anew } = await compacted(drafts, {
      ...options,
      parent: { ...parent, chain: full },
    })
    expect(anew.dictionaries).toHaveLength(1)
    const nothingNew = await compacted(
      second.sources,
      { ...options, messageHashes: false },
      first.blobs,
    )
    expect(nothingNew.bundle.dictionaries).toEqual(second.bundle.dictionaries)
  })

  it('keeps messages that are stored as their text', async () => {
    const content = fc.oneof(
      fc.constantFrom(
        'AAAA.box',
        { type: 'post', '\ud800': 1 },
        { type: '\udc00' },
        { a: '\ud800' },
      ),
      fc.record({ type: fc.constantFrom('post', 'x'), any: fc.jsonValue() }),
    )
    const foreign = fc.constantFrom<Readonly<Record<string, unknown>>>({}, { more: 1 })
    const draft = fc.record({ content, foreign })
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        async (drafts, blockLength) => {
          const messages = chain(drafts)
          const { sources } = await compacted(scattered(chainAuthor, messages, blockLength))
          expect(await messagesIn(sources, chainAuthor)).toEqual(messages.map(asText))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('refuses blocks with a gap, an overlap or another chain, before it reads any', async () => {
    const messages = chain(
      Array.from({ length: 30 }, (_, at) => ({ content: { type: 'post', at } })),
    )
    const [first, second, third] = scattered(chainAuthor, messages, 10) as [
      BlockSource,
      BlockSource,
      BlockSource,
    ]
    const closed = ({ sketch }: BlockSource): BlockSource => ({
      sketch,
      open: () => Promise.reject(new Error('opened')),
    })
    const fork = { ...second.sketch, previousHash: new Uint8Array(32) }
    for (const sources of [
      [first, third],
      [first, second, second],
      [first, { ...second, sketch: fork }],
    ]) {
      expect(await codeOf(() => compacted(sources.map(closed)))).toBe('ARCHIVE_BLOB_MALFORMED')
    }
    await expect(compacted([])).rejects.toThrow(RangeError)
  })
})

describe('a listed block', () => {
  it('is refused where it is missing, has other bytes, or is not what the bundle says', async () => {
    const messages = chain(
      Array.from({ length: 30 }, (_, at) => ({ content: { type: 'post', at } })),
    )
    const { bundle, blobs } = await compacted(scattered(chainAuthor, messages, 10))
    const ref = bundle.blocks[0]!
    const { bytes } = blobs.get(blobIdFromBytes(ref.blobId))!
    const dictionaryOf = rememberDictionaries((blobId) => blobs.get(blobIdFromBytes(blobId))?.bytes)
    const missing = blocksOf(bundle, () => undefined, dictionaryOf)
    expect(await codeOf(() => missing[0]!.open())).toBe('ARCHIVE_BUNDLE_BLOCK_MISSING')
    const codeFor = (change: object, given = bytes) =>
      codeOf(async () => openListedBlock({ ...ref, ...change }, given, dictionaryOf))
    const { sketch } = ref
    expect(await codeFor({})).toBe('none')
    for (const change of [
      { sizeBytes: ref.sizeBytes + 1 },
      { blobId: new Uint8Array(32) },
      { sketch: { ...sketch, author: generatedFeeds(1, 1, 1).keys().next().value } },
      { sketch: { ...sketch, firstSequence: 2 } },
      { sketch: { ...sketch, length: 29 } },
      { sketch: { ...sketch, minTimestamp: 0 } },
      { sketch: { ...sketch, lastHash: new Uint8Array(32) } },
      { sketch: { ...sketch, previousHash: new Uint8Array(32) } },
    ]) {
      expect(await codeFor(change)).toBe('ARCHIVE_BUNDLE_WRONG_BLOCK')
    }
    const damaged = bytes.slice()
    damaged[damaged.length >> 1]! ^= 1
    expect(await codeFor({}, damaged)).toBe('ARCHIVE_BUNDLE_WRONG_BLOCK')
  })
})
