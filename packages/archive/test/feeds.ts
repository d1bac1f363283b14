/** Feeds to pack: generated ones, and ones with any content. */
import { strictEqual as equal } from 'node:assert'
import {
  type FeedId,
  feedIdFromBytes,
  messageKeyFromBytes,
  messageKeyToBytes,
  sha256,
  sha256Latin1,
  signatureFromBytes,
} from '@dunbar/core'
import { generateMessages } from '@dunbar/testkit'
import {
  type Block,
  type BlockMessage,
  Dictionary,
  type DictionaryRef,
  encodeDictionaryBlock,
  flattenBlock,
  openBlock,
  type PackOptions,
  packBlock,
  resolveDictionary,
  rootEnds,
} from '../src/index.js'

export interface PackedBlock {
  readonly bytes: Uint8Array
  readonly messages: readonly BlockMessage[]
  readonly rawIndexes: ReadonlySet<number>
}

export interface Packed {
  readonly blocks: readonly PackedBlock[]
  readonly ref: DictionaryRef
  readonly dictionary: Dictionary
  readonly dictionaryBytes: Uint8Array
}

export function generatedFeeds(
  feeds: number,
  messages: number,
  seed: number,
): Map<FeedId, BlockMessage[]> {
  const found = new Map<FeedId, BlockMessage[]>()
  for (const { author, key, value } of generateMessages({ feeds, messages, seed })) {
    const feed = found.get(author) ?? []
    found.set(author, feed)
    const json = Buffer.from(value)
    feed.push({ key: messageKeyToBytes(key), value: JSON.parse(json.toString()), json })
  }
  return found
}

/** What a message of the feed has beside its content; everything may be overridden, more added. */
export interface Draft {
  readonly content: unknown
  readonly timestamp?: number
  readonly isLegacyOrder?: boolean
  readonly signature?: string
  readonly hash?: unknown
  readonly foreign?: Readonly<Record<string, unknown>>
}

export const author = feedIdFromBytes(sha256(Buffer.from('author')))

/** Stand for numbers that `JSON.stringify` does not write and `JSON.parse` reads. */
export const minusZero = -424_242
export const infinity = 424_242_424_242

function asOddNumber(_key: string, value: unknown): unknown {
  if (value === minusZero) return -0
  return value === infinity ? Number.POSITIVE_INFINITY : value
}

/** A chain of messages with ids that are right and signatures that only look so. */
export function chain(drafts: readonly Draft[], firstSequence = 1): BlockMessage[] {
  let previous =
    firstSequence === 1 ? null : messageKeyFromBytes(sha256(Buffer.from(`before ${firstSequence}`)))
  return drafts.map((draft, index) => {
    const sequence = firstSequence + index
    const { isLegacyOrder = false, timestamp = 1.5e12 + index, hash = 'sha256' } = draft
    const bytes = Buffer.concat([
      sha256(Buffer.from(`a${index}`)),
      sha256(Buffer.from(`b${index}`)),
    ])
    const { content, signature = signatureFromBytes(bytes), foreign = {} } = draft
    const head = isLegacyOrder ? { previous, sequence, author } : { previous, author, sequence }
    const fields = { ...head, timestamp, hash, content, signature, ...foreign }
    const value: unknown = JSON.parse(JSON.stringify(fields), asOddNumber)
    const json = JSON.stringify(value)
    const key = sha256Latin1(JSON.stringify(value, null, 2))
    previous = messageKeyFromBytes(key)
    return { key, value, json: Buffer.from(json) }
  })
}

/** Packs blocks over one dictionary, each of the given messages. */
export function pack(
  feeds: readonly (readonly [FeedId, readonly BlockMessage[]])[],
  options: PackOptions = { messageHashes: false },
): Packed {
  const growing = Dictionary.root()
  const flats = feeds.map(([id, messages]) => flattenBlock(id, messages, growing))
  const { bytes: dictionaryBytes, ref } = encodeDictionaryBlock(growing, rootEnds, null)
  const blocks = flats.map((flat) => ({
    bytes: packBlock(flat, ref, options),
    messages: flat.messages,
    rawIndexes: flat.rawIndexes,
  }))
  return { blocks, ref, dictionary: resolveDictionary(ref, () => dictionaryBytes), dictionaryBytes }
}

export function packOne(messages: readonly BlockMessage[], options?: PackOptions) {
  const packed = pack([[author, messages]], options)
  return { ...packed, ...packed.blocks[0]! }
}

export function open({ bytes }: { bytes: Uint8Array }, dictionary: Dictionary): Block {
  return openBlock(bytes, () => dictionary)
}

/** A block gives back every message: JSON, signed text, object and id, one by one and in order. */
export function expectSame(block: Block, messages: readonly BlockMessage[]): void {
  equal(block.length, messages.length)
  block.verifyChain(true)
  const values = block.values()
  const texts = block.texts()
  for (const [index, { key, value }] of messages.entries()) {
    const json = JSON.stringify(value)
    const text = JSON.stringify(value, null, 2)
    equal(Buffer.from(block.json(index)).toString(), json)
    equal(Buffer.from(block.compact(index)).toString(), json)
    equal(Buffer.from(block.signedText(index)).toString(), text)
    equal(JSON.stringify(block.valueAt(index)), json)
    equal(JSON.stringify(values.next().value), json)
    equal(
      JSON.stringify({ content: block.contentAt(index) }),
      JSON.stringify({ content: (value as { content: unknown }).content }),
    )
    equal(texts.next().value, text)
    equal(Buffer.compare(block.key(index), key), 0)
  }
  equal(values.next().done, true)
}
