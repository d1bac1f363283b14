import { readFileSync } from 'node:fs'
import { feedIdFromBytes, isFeedId, sha256, sha256Latin1, signatureFromBytes } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import {
  type BlockMessage,
  bipf2,
  blockEnd,
  Dictionary,
  encodeDictionaryBlock,
  flattenBlock,
  maxBlockMessages,
  maxBlockTextBytes,
  packBlock,
  rootEnds,
} from '../src/index.js'
import * as tags from '../src/value-tag.js'
import { author, chain, expectSame, generatedFeeds, open, pack, packOne } from './feeds.js'

const post = (text: string) => ({ content: { type: 'post', text } })

interface Vectors {
  readonly cases: readonly { readonly value?: string; readonly hmacKey?: string | null }[]
}

/** The messages of the conformance vectors, chain by chain. */
function vectorChains(): BlockMessage[][] {
  const url = new URL('../../../test/conformance/vectors/classic-messages.json', import.meta.url)
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as Vectors
  const chains: BlockMessage[][] = []
  for (const { value } of cases) {
    if (value === undefined) continue
    const message = JSON.parse(value) as { sequence: number }
    if (message.sequence === 1) chains.push([])
    const key = sha256Latin1(JSON.stringify(message, null, 2))
    chains.at(-1)!.push({ key, value: message, json: Buffer.from(value) })
  }
  return chains
}

describe('a block', () => {
  it('gives back every generated message byte for byte, in either form', () => {
    const feeds = [...generatedFeeds(12, 1200, 7)]
    for (const messageHashes of [false, true]) {
      const { blocks, dictionary } = pack(feeds, { messageHashes })
      for (const { bytes, messages, rawIndexes } of blocks) {
        expect(rawIndexes.size).toBe(0)
        const block = open({ bytes }, dictionary)
        expect(block.hasHashes).toBe(messageHashes)
        expectSame(block, messages)
        for (const [index, { json }] of messages.entries()) {
          expect(Buffer.compare(block.json(index), json!)).toBe(0)
        }
      }
    }
  }, 60_000)

  it('gives back messages that are too long to be kept together', () => {
    const messages = chain(Array.from({ length: 700 }, () => post('z'.repeat(7_000))))
    const { bytes, dictionary } = packOne(messages)
    const block = open({ bytes }, dictionary)
    block.verifyChain(true)
    for (const [index, { value }] of messages.entries()) {
      expect(Buffer.from(block.compact(index)).toString() === JSON.stringify(value)).toBe(true)
    }
  })

  it('gives back the messages of the conformance vectors', () => {
    const chains = vectorChains()
    expect(chains.length).toBeGreaterThan(1)
    const feeds = chains.map((messages) => {
      const { author: id } = messages[0]!.value as { author: unknown }
      if (!isFeedId(id)) throw new Error('no author')
      return [id, messages] as const
    })
    const { blocks, dictionary } = pack(feeds)
    for (const { bytes, messages } of blocks) expectSame(open({ bytes }, dictionary), messages)
  })

  it('is the same bytes for the same messages', () => {
    const feeds = [...generatedFeeds(5, 800, 11)]
    const [one, two] = [pack(feeds), pack(feeds)]
    expect(one.ref).toEqual(two.ref)
    for (const [index, { bytes }] of one.blocks.entries()) {
      expect(Buffer.compare(bytes, two.blocks[index]!.bytes)).toBe(0)
    }
  })

  it('takes about a third of the JSON', () => {
    const feeds = [...generatedFeeds(2, 1000, 3)]
    const { blocks, dictionaryBytes } = pack(feeds)
    let size = dictionaryBytes.length
    let jsonSize = 0
    for (const { bytes, messages } of blocks) {
      size += bytes.length
      for (const { json } of messages) jsonSize += json!.length
    }
    expect(size).toBeLessThan(0.4 * jsonSize)
  })

  it('tells its messages apart without unfolding them', () => {
    const drafts = [post('a'), { content: { type: 'vote' } }, { content: 'AAAA.box' }, post('b')]
    const packed = packOne(chain(drafts, 5))
    const block = open(packed, packed.dictionary)
    expect([...block.types].map((id) => block.dictionary.type(id))).toEqual([
      'post',
      'vote',
      undefined,
      'post',
    ])
    expect(block.countOfType(block.dictionary.findType('post')!)).toBe(2)
    expect([...block.timestamps()]).toEqual([1.5e12, 1.5e12 + 1, 1.5e12 + 2, 1.5e12 + 3])
    expect(block.sketch).toMatchObject({
      author,
      length: 4,
      firstSequence: 5,
      firstTimestamp: 1.5e12,
      lastTimestamp: 1.5e12 + 3,
      minTimestamp: 1.5e12,
      maxTimestamp: 1.5e12 + 3,
    })
    const { previousHash, lastHash } = block.sketch
    expect(Buffer.compare(previousHash!, sha256(Buffer.from('before 5')))).toBe(0)
    expect(Buffer.compare(lastHash, packed.messages[3]!.key)).toBe(0)
  })

  it('refuses to give a message that it does not hold', () => {
    const packed = packOne(chain([post('a')]), { messageHashes: true })
    const block = open(packed, packed.dictionary)
    for (const index of [-1, 1, 0.5, Number.NaN]) {
      expect(() => block.valueAt(index)).toThrow(RangeError)
      expect(() => block.json(index)).toThrow(RangeError)
    }
  })

  it('keeps fractional, negative and far timestamps', () => {
    const times = [0.5, 1.5e12, -3, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 60, 1e300, 1.5e12, 1.25, 7, 8]
    for (const first of times) {
      const drafts = [first, ...times].map((timestamp) => ({ ...post('x'), timestamp }))
      const packed = packOne(chain(drafts))
      const block = open(packed, packed.dictionary)
      expect([...block.timestamps()]).toEqual([first, ...times])
      expectSame(block, packed.messages)
    }
  })

  it('stores as its text what does not fit, and only that', () => {
    const badSignature = `${'A'.repeat(85)}B==.sig.ed25519`
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
    const drafts = [
      post('fits'),
      { ...post('foreign'), foreign: { cyphertext: null } },
      { ...post('hash'), hash: 'sha512' },
      { ...post('signature'), signature: badSignature },
      post('lone \ud800 surrogate'),
      { content: { type: 'x', '\ud800': 1 } },
      { content: { type: 'deep', value: deep(58) } },
      { content: { type: 'deep', value: deep(59) } },
      { content: { type: 'deep', value: [{ k: deep(57) }] } },
      { content: 7 },
      { content: { type: 'post', text: 'last' }, isLegacyOrder: true },
    ]
    const packed = packOne(chain(drafts))
    expect([...packed.rawIndexes]).toEqual([1, 2, 3, 4, 5, 7, 8])
    const block = open(packed, packed.dictionary)
    expect(block.countOfType(block.dictionary.findType('post')!)).toBe(6)
    expectSame(block, packed.messages)
  })

  it('adds nothing to the dictionary for a message that is stored as its text', () => {
    const dictionary = Dictionary.root()
    const content = { type: 'new', a: { b: [{ c: 1 }] }, text: '\ud800' }
    flattenBlock(author, chain([{ content }]), dictionary)
    expect(dictionary.ends).toEqual({ ...rootEnds, types: rootEnds.types + 1 })
  })

  it('stores as its text what would come back as another, though it seemed to fit', () => {
    // A value that JSON.parse does not give: it prints as something else.
    const messages = chain([post('a'), post('b'), post('c')])
    const value = structuredClone(messages[1]!.value) as { content: Record<string, unknown> }
    value.content.text = Object.assign(['b'], { toJSON: () => 'b' })
    const swapped = [messages[0]!, { ...messages[1]!, value }, messages[2]!]
    const dictionary = Dictionary.root()
    const flat = flattenBlock(author, swapped, dictionary)
    expect(flat.rawIndexes.size).toBe(0)
    const { ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
    expectSame(
      open({ bytes: packBlock(flat, ref, { messageHashes: false }) }, dictionary),
      messages,
    )
  })

  it('refuses messages that do not follow each other', () => {
    const messages = chain([post('a'), post('b'), post('c')])
    const other = feedIdFromBytes(sha256(Buffer.from('other')))
    const changed = (fields: object) => [
      messages[0]!,
      { ...messages[1]!, value: { ...(messages[1]!.value as object), ...fields } },
    ]
    const code = 'ARCHIVE_BLOCK_NOT_CONSECUTIVE'
    const flatten = (list: readonly BlockMessage[]) => () =>
      flattenBlock(author, list, Dictionary.root())
    for (const list of [
      [messages[0]!, messages[2]!],
      [messages[1]!, messages[0]!],
      changed({ previous: null }),
      changed({ sequence: 3 }),
      changed({ author: other }),
      [{ ...messages[0]!, value: null }],
      [{ ...messages[0]!, value: [] }],
      [{ ...messages[0]!, value: { ...(messages[0]!.value as object), previous: 'x' } }],
      [{ ...messages[0]!, value: { ...(messages[0]!.value as object), sequence: 1.5 } }],
    ]) {
      expect(flatten(list)).toThrow(expect.objectContaining({ code }))
    }
    expect(() => flattenBlock(other, messages, Dictionary.root())).toThrow(
      expect.objectContaining({ code }),
    )
    expect(flatten([])).toThrow(RangeError)
    expect(flatten(chain(Array.from({ length: 1025 }, () => post('x'))))).toThrow(RangeError)
  })

  it('refuses a key that is not that of its message, and a message that is too long', () => {
    const refused = (messages: readonly BlockMessage[]) => {
      const flat = flattenBlock(author, messages, Dictionary.root())
      return () => packBlock(flat, null, { messageHashes: true })
    }
    const code = 'ARCHIVE_BLOCK_UNFIT'
    const [message] = chain([post('a')])
    const dictionary = Dictionary.root()
    const flat = flattenBlock(author, [{ ...message!, key: new Uint8Array(32) }], dictionary)
    const { ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
    expect(() => packBlock(flat, ref, { messageHashes: false })).toThrow(
      expect.objectContaining({ code, data: { index: 0 } }),
    )
    for (const content of ['x'.repeat(8192), `${'A'.repeat(8192)}.box`]) {
      const data = expect.objectContaining({ index: 0 })
      expect(refused(chain([{ content }]))).toThrow(expect.objectContaining({ code, data }))
    }
    expect(() =>
      flattenBlock(author, [{ ...message!, key: new Uint8Array(31) }], dictionary),
    ).toThrow(RangeError)
  })

  it('is packed over a dictionary that holds what it needs', () => {
    const flat = flattenBlock(author, chain([post('a')]), Dictionary.root())
    expect(() => packBlock(flat, null, { messageHashes: false })).toThrow(RangeError)
    // Private messages and the well-known types need no more than the root.
    const priv = flattenBlock(author, chain([{ content: 'AAAA.box' }]), Dictionary.root())
    expectSame(
      open({ bytes: packBlock(priv, null, { messageHashes: false }) }, Dictionary.root()),
      priv.messages,
    )
  })

  it('holds text that folds to almost nothing, as readers unfold only so much', () => {
    const messages = chain(Array.from({ length: 120 }, () => post('a'.repeat(7500))))
    const packed = packOne(messages)
    expectSame(open(packed, packed.dictionary), messages)
  })

  it('holds the largest messages there are', () => {
    const room = 8192 - JSON.stringify(chain([post('')])[0]!.value, null, 2).length
    const drafts = ['a', 'ő', '€', '"', '\n', '\u0001', '𝄞'].map((unit) =>
      post(unit.repeat(Math.floor(room / (JSON.stringify(unit).length - 2)) - 80)),
    )
    const packed = packOne(chain(drafts))
    expect(packed.rawIndexes.size).toBe(0)
    expectSame(open(packed, packed.dictionary), packed.messages)
  })
})

describe('the end of a block', () => {
  it('comes with the number of messages or their size, never before the first', () => {
    const small = new Array<number>(3000).fill(100)
    expect(blockEnd(small, 0)).toBe(maxBlockMessages)
    expect(blockEnd(small, 2000)).toBe(3000)
    const large = new Array<number>(300).fill(8192)
    expect(blockEnd(large, 0)).toBe(maxBlockTextBytes / 8192)
    expect(blockEnd([maxBlockTextBytes * 2, 1], 0)).toBe(1)
    expect(blockEnd([1], 0)).toBe(1)
  })
})

describe('the tags of leaves', () => {
  it('are those of the schema', () => {
    const names = Object.entries(tags).map(([name, value]) => [
      name
        .slice(3)
        .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
        .toUpperCase(),
      value,
    ])
    const schema = Object.entries(bipf2.ValueTag).filter(([, value]) => typeof value === 'number')
    expect(Object.fromEntries(names)).toEqual(Object.fromEntries(schema))
  })
})

it('signatures of zeros are signatures too', () => {
  const signature = signatureFromBytes(new Uint8Array(64))
  const packed = packOne(chain([{ ...post('a'), signature }]))
  expect(packed.rawIndexes.size).toBe(0)
  expectSame(open(packed, packed.dictionary), packed.messages)
})
