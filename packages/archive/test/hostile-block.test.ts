import { brotliCompressSync, constants } from 'node:zlib'
import { feedIdFromBytes, isCodedError, sha256 } from '@dunbar/core'
import { SeededRandom } from '@dunbar/testkit'
import * as flatbuffers from 'flatbuffers'
import { describe, expect, it } from 'vitest'
import {
  type BlockMessage,
  bipf2,
  Dictionary,
  encodeBlock,
  encodeDictionaryBlock,
  type FlatBlock,
  flattenBlock,
  maxInflation,
  openBlock,
  packBlock,
  rawSignature,
  resolveDictionary,
  rootEnds,
} from '../src/index.js'
import * as tags from '../src/value-tag.js'
import { author, chain, type Draft, expectSame, packOne } from './feeds.js'

const messageId = `%${'A'.repeat(43)}=.sha256`
const feedId = `@${'A'.repeat(43)}=.ed25519`

const drafts: readonly Draft[] = [
  { content: { type: 'post', text: 'one two three', root: messageId, n: [1, 2.5, 3e300] } },
  { content: { type: 'about', about: feedId, a: { b: { c: true } } }, isLegacyOrder: true },
  { content: `${'ABCD'.repeat(40)}.box` },
  { content: { type: 'git-update', refs: { 'refs/heads/a': 'f'.repeat(40), 'x.y': null } } },
  { content: { type: 'post', mentions: [{ link: messageId, name: 'm' }, {}, []] } },
  { content: { type: 'post', text: 'raw' }, foreign: { more: 1 } },
  { content: { type: 'vote', vote: { link: messageId, value: -1 } }, timestamp: 0.5 },
]
const messages = chain(drafts)

function flatten(list: readonly BlockMessage[] = messages) {
  const dictionary = Dictionary.root()
  const flat = flattenBlock(author, list, dictionary)
  const { ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  return { flat, dictionary, ref }
}

/** Reads all of a block; null where it is refused as it should be, by a code. */
function readAll(bytes: Uint8Array, dictionary: Dictionary): string[] | null {
  try {
    const block = openBlock(bytes, () => dictionary)
    block.verifyChain(true)
    const all = [...block.values()].map((value) => JSON.stringify(value))
    block.timestamps()
    for (let index = 0; index < block.length; index++) {
      expect(Buffer.from(block.json(index)).toString()).toBe(all[index])
      expect(Buffer.from(block.compact(index)).toString()).toBe(all[index])
      block.signedText(index)
      block.contentAt(index)
    }
    return all
  } catch (error) {
    if (isCodedError(error) && error.code.startsWith('ARCHIVE_')) return null
    throw error
  }
}

/** The code by which a block is refused, at the latest when its chain is verified. */
function codeOf(bytes: Uint8Array, dictionary: Dictionary): string {
  try {
    openBlock(bytes, () => dictionary).verifyChain()
    return 'taken'
  } catch (error) {
    if (isCodedError(error)) return error.code
    throw error
  }
}

function set(column: number[] | Uint32Array, index: number, value: number): void {
  column[index] = value
}

/** A block with something changed between flattening and writing it. */
function doctored(change: (flat: FlatBlock) => void, list?: readonly BlockMessage[]): string {
  const { flat, dictionary, ref } = flatten(list)
  change(flat)
  return codeOf(encodeBlock(flat, ref, { messageHashes: false }), dictionary)
}

interface Tables {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly block: bipf2.MessageBlock
  readonly sketch: bipf2.MessageBlockSketch
  readonly classic: bipf2.ClassicMessageBlockSketch
  readonly data: bipf2.ClassicMessageBlock
}

/** Where a field of a table lies; `slot` from 0 in the order of the schema. */
function fieldAt(table: { bb: flatbuffers.ByteBuffer | null; bb_pos: number }, slot: number) {
  const offset = table.bb!.__offset(table.bb_pos, 4 + 2 * slot)
  expect(offset).toBeGreaterThan(0)
  return table.bb_pos + offset
}

/** A block with bytes changed in its tables. */
function patched(
  change: (tables: Tables) => void,
  messageHashes = false,
  codec = 'brotli',
): string {
  const { flat, dictionary, ref } = flatten()
  const bytes = packBlock(flat, ref, { messageHashes, codec: codec as 'brotli' })
  const block = new bipf2.MessageBlock()
  bipf2.Bip2Blob.getRootAsBip2Blob(new flatbuffers.ByteBuffer(bytes)).data(block)
  const sketch = block.sketch()!
  change({
    view: new DataView(bytes.buffer),
    bytes,
    block,
    sketch,
    classic: sketch.format(new bipf2.ClassicMessageBlockSketch()),
    data: block.data(new bipf2.ClassicMessageBlock()),
  })
  return codeOf(bytes, dictionary)
}

const malformed = 'ARCHIVE_BLOB_MALFORMED'
const chainBroken = 'ARCHIVE_BLOCK_CHAIN'
const unsupported = 'ARCHIVE_BLOCK_UNSUPPORTED'

describe('a damaged block', () => {
  it('is refused by a code or is the same, whichever bits are flipped', () => {
    const random = new SeededRandom('flipped bits')
    const expected = messages.map(({ json }) => Buffer.from(json!).toString())
    for (const codec of ['brotli', 'none'] as const) {
      for (const messageHashes of [true, false]) {
        const { bytes, dictionary } = packOne(messages, { messageHashes, codec })
        let refused = 0
        for (let run = 0; run < 1500; run++) {
          const damaged = bytes.slice()
          for (let flips = random.between(1, 3); flips > 0; flips--) {
            const at = random.below(damaged.length)
            damaged[at] = damaged[at]! ^ (1 << random.below(8))
          }
          const found = readAll(damaged, dictionary)
          if (found === null) refused++
          else expect(found).toEqual(expected)
        }
        expect(refused).toBeGreaterThan(1000)
      }
    }
  }, 60_000)

  it('is refused by a code or is the same, whichever four bytes are overwritten', () => {
    const expected = messages.map(({ json }) => Buffer.from(json!).toString())
    const { bytes, dictionary } = packOne(messages, { messageHashes: true, codec: 'none' })
    for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      for (let at = 0; at + 4 <= bytes.length; at += 4) {
        const damaged = bytes.slice()
        new DataView(damaged.buffer).setUint32(at, value, true)
        const found = readAll(damaged, dictionary)
        if (found !== null) expect(found).toEqual(expected)
      }
    }
  }, 60_000)

  it('is refused wherever it is cut off, also with other bytes behind it', () => {
    const { bytes, dictionary } = packOne(messages, { messageHashes: true, codec: 'none' })
    const around = Buffer.alloc(bytes.length + 4096, 0x41)
    for (let length = 0; length < bytes.length; length++) {
      // What is cut off may be padding only.
      const isWhole = length > bytes.length - 4
      const found = readAll(bytes.slice(0, length), dictionary)
      if (!isWhole) expect(found).toBeNull()
      around.fill(0x41).set(bytes.subarray(0, length), 16)
      expect(readAll(around.subarray(16, 16 + length), dictionary)).toEqual(found)
    }
  }, 60_000)

  it('is refused where it is something else', () => {
    const { ref, dictionary } = flatten()
    for (const bytes of [
      new Uint8Array(),
      new Uint8Array(3),
      new Uint8Array(1000),
      Buffer.from('{}'),
    ]) {
      expect(codeOf(bytes, dictionary)).toBe(malformed)
    }
    const other = encodeDictionaryBlock(dictionary, rootEnds, null).bytes
    expect(codeOf(other, dictionary)).toBe(malformed)
    expect(ref.ends).toEqual(dictionary.ends)
  })
})

describe('a block that lies about its lengths', () => {
  const lies = [0, 6, 8, 1024, 1025, 0x7fffffff, 0xffffffff]

  it('is refused whatever number of messages it claims', () => {
    for (const lie of lies) {
      expect(patched(({ view, sketch }) => view.setUint32(fieldAt(sketch, 0), lie, true))).toBe(
        malformed,
      )
      expect(
        patched(({ view, block }) => view.setUint32(fieldAt(block.types()!, 0), lie, true)),
      ).toBe(malformed)
      expect(
        patched(({ view, data }) =>
          view.setUint32(fieldAt(data.objectSignatures()!, 0), lie, true),
        ),
      ).toBe(malformed)
    }
  })

  it('is refused whatever number of integers its streams claim', () => {
    for (const lie of [0, 1, 1024, 0x7fffffff, 0xffffffff]) {
      for (const stream of [
        ({ block }: Tables) => block.types()!.values()!,
        ({ block }: Tables) => block.timestampDeltas()!,
        ({ data }: Tables) => data.objectSignatures()!.values()!,
      ]) {
        const code = patched((tables) => {
          tables.view.setUint32(fieldAt(stream(tables), 0), lie, true)
        })
        expect(code).toBe(malformed)
      }
    }
  })

  it('is refused whatever length its parts claim to unfold to', () => {
    for (const lie of [0, 1, 300, 100_000, 16 * 1024 * 1024, 0x7fffffff, 0xffffffff]) {
      for (const codec of ['brotli', 'none']) {
        for (const part of [
          ({ data }: Tables) => data.columns()!,
          ({ data }: Tables) => data.strings()!,
        ]) {
          const code = patched(
            (tables) => tables.view.setUint32(fieldAt(part(tables), 1), lie, true),
            false,
            codec,
          )
          expect(code).toBe(malformed)
        }
      }
    }
  })

  it('is refused where its vectors claim more or fewer bytes', () => {
    for (const lie of [0, 32, 63, 64, 65, 10_000, 0x7fffffff, 0xffffffff]) {
      for (const [slot, table] of [
        [1, 'data'],
        [4, 'data'],
        [5, 'data'],
        [6, 'data'],
        [1, 'classic'],
        [2, 'classic'],
      ] as const) {
        const code = patched((tables) => {
          // The first message has no predecessor; the field is absent.
          if (table === 'classic' && slot === 1) return
          const field = fieldAt(tables[table], slot)
          const vector = field + tables.view.getInt32(field, true)
          if (tables.view.getUint32(vector, true) === lie) tables.view.setUint32(vector, 7, true)
          else tables.view.setUint32(vector, lie, true)
        }, true)
        expect(code).toBe(table === 'classic' && slot === 1 ? 'taken' : malformed)
      }
    }
  })

  it('is refused where it unfolds to more than it says, after no more than that', () => {
    const bomb = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 9 },
    })
    const list = chain(
      Array.from({ length: 40 }, (_, at) => ({
        content: { type: 'post', text: `${sha256(Buffer.from(`${at}`)).toString()}` },
      })),
    )
    const { flat, dictionary, ref } = flatten(list)
    const bytes = packBlock(flat, ref, { messageHashes: false })
    const block = new bipf2.MessageBlock()
    bipf2.Bip2Blob.getRootAsBip2Blob(new flatbuffers.ByteBuffer(bytes)).data(block)
    const strings = (
      block.data(new bipf2.ClassicMessageBlock()) as bipf2.ClassicMessageBlock
    ).strings()!
    const data = strings.dataArray()!
    expect(data.length).toBeGreaterThan(bomb.length)
    data.set(bomb)
    const view = new DataView(bytes.buffer)
    const field = fieldAt(strings, 2)
    view.setUint32(field + view.getInt32(field, true), bomb.length, true)
    for (const claimed of [
      strings.rawLength(),
      maxInflation * bytes.length - 4096,
      16 * 1024 * 1024,
    ]) {
      view.setUint32(fieldAt(strings, 1), claimed, true)
      expect(codeOf(bytes, dictionary)).toBe(malformed)
    }
  })
})

describe('a block that is of another feed or place', () => {
  it('is refused by its chain', () => {
    expect(patched(({ classic }) => classic.author()!.keyArray()!.fill(7))).toBe(chainBroken)
    expect(patched(({ classic }) => classic.lastMessageHashArray()!.fill(7))).toBe(chainBroken)
    expect(patched(({ view, sketch }) => view.setUint32(fieldAt(sketch, 1), 2, true))).toBe(
      chainBroken,
    )
    expect(patched(({ data }) => data.messageHashesArray()!.fill(7, 0, 1), true)).toBe(chainBroken)
    expect(patched(({ data }) => data.cryptoSignaturesArray()!.fill(7, 0, 1))).toBe(chainBroken)
    expect(patched(({ data }) => data.keysArray()!.fill(7, 0, 1))).toBe(chainBroken)
    expect(patched(({ data }) => data.binaryArray()!.fill(7, 0, 1))).toBe(chainBroken)
  })

  it('is refused where its times are not those of its sketch', () => {
    for (const slot of [2, 3, 4, 5]) {
      for (const time of [0.25, 1.5e12 + 0.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(
          patched(({ view, sketch }) => view.setFloat64(fieldAt(sketch, slot), time, true)),
        ).toBe(malformed)
      }
    }
  })

  it('is refused in a form that is not known', () => {
    expect(patched(({ view, data }) => view.setUint8(fieldAt(data.strings()!, 0), 3))).toBe(
      unsupported,
    )
    expect(patched(({ view, data }) => view.setUint8(fieldAt(data.columns()!, 0), 9))).toBe(
      unsupported,
    )
    // Deflate is known, but this is none.
    expect(patched(({ view, data }) => view.setUint8(fieldAt(data.columns()!, 0), 1))).toBe(
      malformed,
    )
    expect(patched(({ view, block }) => view.setUint8(fieldAt(block, 6), 9))).toBe(unsupported)
  })
})

describe('a block over another dictionary', () => {
  it('is refused where the dictionary is smaller, other, or missing', () => {
    const { flat, dictionary, ref } = flatten()
    const bytes = packBlock(flat, ref, { messageHashes: true })
    expect(codeOf(bytes, Dictionary.root())).toBe('ARCHIVE_BLOCK_DICTIONARY')
    expect(() => openBlock(bytes, (wanted) => resolveDictionary(wanted, () => undefined))).toThrow(
      expect.objectContaining({ code: 'ARCHIVE_DICTIONARY_MISSING' }),
    )
    const other = Dictionary.root()
    const renamed = drafts.map(
      (draft) => JSON.parse(JSON.stringify(draft).replaceAll('root', 'toor')) as Draft,
    )
    flattenBlock(author, chain(renamed), other)
    expect(other.ends).toEqual(dictionary.ends)
    expect(codeOf(bytes, other)).toBe(chainBroken)
  })

  it('is refused where it refers past the end of its own dictionary, though more is there', () => {
    const { flat, dictionary, ref } = flatten()
    const bytes = packBlock(flat, ref, { messageHashes: true })
    dictionary.typeId('later')
    flattenBlock(author, chain([{ content: { type: 'later', still: { more: 1 } } }]), dictionary)
    expect(codeOf(bytes, dictionary)).toBe('taken')
    expect(doctored(({ types, ends }) => types.fill(ends.types, 0, 1))).toBe(malformed)
    expect(doctored(({ signatures, ends }) => signatures.fill(ends.objectSignatures, 0, 1))).toBe(
      malformed,
    )
  })
})

describe('a block with false columns', () => {
  const at = (flat: FlatBlock, tag: number, nth = 0): number => {
    const places = flat.columns.tags.flatMap((each, index) => (each === tag ? [index] : []))
    expect(places.length).toBeGreaterThan(nth)
    return places[nth]!
  }

  it('is refused for a tag that is none, or one of another kind', () => {
    for (const tag of [16, 99, 255]) {
      expect(doctored(({ columns }) => set(columns.tags, 0, tag))).toBe(malformed)
    }
    for (let tag = 0; tag < 16; tag++) {
      const count = flatten().flat.columns.tags.length
      for (let index = 0; index < count; index++) {
        const code = doctored(({ columns }) => set(columns.tags, index, tag))
        const isSame = flatten().flat.columns.tags[index] === tag
        if (!isSame) expect([malformed, chainBroken]).toContain(code)
      }
    }
  })

  it('is refused for leftovers in any column', () => {
    const changes: ((flat: FlatBlock) => void)[] = [
      ({ columns }) => columns.tags.push(0),
      ({ columns }) => columns.integers.push(0),
      ({ columns }) => columns.strings.push(''),
      ({ columns }) => columns.strings.push('x'),
      ({ columns }) => columns.keyRefs.push(0),
      ({ columns }) => columns.binaryLengths.push(0),
      ({ columns }) => columns.doubles.push(1),
      ({ columns }) => columns.tags.pop(),
      ({ columns }) => columns.integers.pop(),
      ({ columns }) => columns.strings.pop(),
      ({ columns }) => columns.keyRefs.pop(),
      ({ columns }) => columns.binaryLengths.pop(),
      ({ columns }) => columns.doubles.pop(),
      ({ columns }) => columns.putText(`%${'B'.repeat(42)}A=.sha256`),
    ]
    for (const change of changes) expect(doctored(change)).toBe(malformed)
    // A key that no leaf refers to.
    const unused = doctored(({ columns }) => {
      columns.putText(`%${'B'.repeat(42)}A=.sha256`)
      columns.tags.pop()
      columns.keyRefs.pop()
    })
    expect(unused).toBe(malformed)
  })

  it('is refused for counts, references and lengths out of range', () => {
    for (const value of [-7, 6, 1e6, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
      const { integers } = flatten().flat.columns
      for (let index = 0; index < integers.length; index++) {
        if (integers[index] === value) continue
        const code = doctored(({ columns }) => set(columns.integers, index, value))
        expect([malformed, chainBroken]).toContain(code)
      }
    }
    for (const ref of [2, 1000, 2 ** 32 - 1]) {
      expect(doctored(({ columns }) => set(columns.keyRefs, 0, ref))).toBe(malformed)
    }
    for (const length of [0, 1e6, 2 ** 32 - 1]) {
      expect(doctored(({ columns }) => set(columns.binaryLengths, 0, length))).toBe(malformed)
    }
    for (const double of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(doctored(({ columns }) => set(columns.doubles, 0, double))).toBe(malformed)
    }
  })

  it('is refused for an object in an array without a signature, or with that of nothing', () => {
    for (const signature of [rawSignature, -1, 1e9]) {
      const code = doctored((flat) => {
        // Its integers: three of the first message, the count of tuples, that of the array.
        expect(flat.columns.tags[at(flat, tags.tagObject)]).toBe(tags.tagObject)
        const index = flat.columns.integers.findIndex(
          (value, place) => place > 3 && flat.dictionary.signature(value)?.length === 2,
        )
        flat.columns.integers[index] = signature
      })
      expect(code).toBe(malformed)
    }
  })

  it('is refused for a message in the shape of something else', () => {
    const { flat } = flatten()
    for (let id = 3; id < flat.ends.objectSignatures; id++) {
      const code = doctored(({ signatures }) => set(signatures, 0, id))
      if (id !== flat.signatures[0]) expect([malformed, chainBroken]).toContain(code)
    }
  })

  it('is refused where a text ends within a character', () => {
    const list = chain([{ content: { type: 'post', text: '😀', more: 'x' } }])
    const code = doctored(({ columns }) => columns.strings.splice(0, 2, '\ud83d', '\ude00x'), list)
    expect(code).toBe(malformed)
  })

  it('is refused for an object with a key twice, or in an order that no object has', () => {
    const list = chain([{ content: { 'a.b': 1, 'c.d': 2, 'e.f': 3 } }])
    const withKeys = (...keys: string[]) =>
      doctored(({ columns }) => columns.strings.splice(0, 3, ...keys), list)
    expect(withKeys('a.b', 'x', 'a.b')).toBe(malformed)
    expect(withKeys('1', '0', 'a')).toBe(malformed)
    expect(withKeys('a', '0', 'b')).toBe(malformed)
    expect(withKeys('0', 'a', '4294967294')).toBe(malformed)
    expect(withKeys('0', '4294967294', '01')).toBe(chainBroken)
    expect(withKeys('x', '4294967295', '007')).toBe(chainBroken)
    const keyTag = (tag: number) => doctored(({ columns }) => set(columns.tags, 1, tag), list)
    for (const tag of [0, 1, 2, 3, 4, 9, 10, 11, 12]) expect(keyTag(tag)).toBe(malformed)
    const bare = chain([{ content: { 'a.b': 1 } }])
    expect(doctored(({ columns }) => set(columns.integers, 0, 0), bare)).toBe(malformed)
  })

  it('is refused for depth, before the stack is', () => {
    for (const depth of [60, 61, 1000, 200_000]) {
      const code = doctored(
        ({ columns }) => {
          columns.tags.splice(0, 1)
          columns.strings.length = 0
          for (let level = 0; level < depth; level++) {
            columns.tags.push(tags.tagArray)
            columns.integers.push(1)
          }
          columns.tags.push(tags.tagNull)
        },
        chain([{ content: 'x' }]),
      )
      expect(code).toBe(malformed)
    }
  })

  it('is refused for messages that are longer than one may be', () => {
    const nulls = doctored(
      ({ columns }) => {
        columns.tags.splice(0, 1, tags.tagArray)
        for (let count = 0; count < 500_000; count++) columns.tags.push(tags.tagNull)
        columns.integers.push(500_000)
        columns.strings.length = 0
      },
      chain([{ content: 'x' }]),
    )
    expect(nulls).toBe(malformed)
    const ids = doctored(
      ({ columns }) => {
        columns.tags.splice(0, 1, tags.tagArray, ...new Array<number>(5000).fill(tags.tagMessageId))
        columns.integers.push(5000)
        columns.strings.length = 0
        columns.putText(messageId)
        columns.tags.pop()
        columns.keyRefs.splice(0, 1, ...new Array<number>(5000).fill(0))
      },
      chain([{ content: 'x' }]),
    )
    expect(ids).toBe(malformed)
    const text = (unit: string) =>
      doctored(
        ({ columns }) => columns.strings.splice(0, 1, unit.repeat(8000)),
        chain([{ content: 'x' }]),
      )
    for (const unit of ['a', '"', '\u0001', '€']) expect(text(unit)).toBe(malformed)
  })

  it('is refused for a type that is not that of the content', () => {
    const vote = Dictionary.root().findType('vote')!
    const none = [{ content: 'AAAA.box' }, { content: 'x' }, { content: [] }, { content: { a: 1 } }]
    for (const draft of none) {
      expect(doctored(({ types }) => types.fill(vote), chain([draft]))).toBe(malformed)
    }
    for (const draft of [
      { content: { type: 'post', 'a/b': 1 } },
      { content: { type: 'post' }, foreign: { raw: 1 } },
    ]) {
      expect(doctored(() => {}, chain([draft]))).toBe('taken')
      expect(doctored(({ types }) => types.fill(vote), chain([draft]))).toBe(malformed)
      expect(doctored(({ types }) => types.fill(0), chain([draft]))).toBe(malformed)
    }
    expect(doctored(({ types }) => types.fill(vote), chain([{ content: { type: 'post' } }]))).toBe(
      chainBroken,
    )
    const hidden = doctored(
      ({ types, columns }) => {
        types.fill(0)
        columns.putText('post')
      },
      chain([{ content: { type: 'post' } }]),
    )
    expect(hidden).toBe(malformed)
  })

  it('is refused for a raw message that is not one of its place', () => {
    const list = chain([{ content: { type: 'post', text: 'raw' }, foreign: { more: 1 } }])
    const text = JSON.stringify(list[0]!.value)
    const withText = (changed: string) =>
      doctored(({ columns }) => columns.strings.splice(0, 1, changed), list)
    expect(withText(text)).toBe('taken')
    expect(withText(`${text} `)).toBe(malformed)
    expect(withText(text.replace('"more":1', '"more":1.0'))).toBe(malformed)
    expect(withText(text.replace('"more":1', '"more":1e999'))).toBe(malformed)
    expect(withText(text.replace('"more":1', '"more":1,"more":1'))).toBe(malformed)
    expect(withText('')).toBe(malformed)
    expect(withText('[]')).toBe(malformed)
    expect(withText('null')).toBe(malformed)
    expect(withText(`${'['.repeat(4000)}${']'.repeat(4000)}`)).toBe(malformed)
    const value = list[0]!.value as Record<string, unknown>
    const other = feedIdFromBytes(sha256(Buffer.from('other')))
    for (const timestamp of [7, null]) {
      expect(withText(JSON.stringify({ ...value, timestamp }))).toBe(malformed)
    }
    for (const fields of [{ author: other }, { sequence: 2 }, { previous: messageId }]) {
      expect(withText(JSON.stringify({ ...value, ...fields }))).toBe(chainBroken)
    }
  })

  it('is taken as it was where nothing is changed', () => {
    const { flat, dictionary, ref } = flatten()
    expect(doctored(() => {})).toBe('taken')
    expect(patched(() => {})).toBe('taken')
    const bytes = encodeBlock(flat, ref, { messageHashes: false })
    expectSame(
      openBlock(bytes, () => dictionary),
      messages,
    )
  })
})
