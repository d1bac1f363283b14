import { isCodedError, sha256 } from '@dunbar/core'
import fc from 'fast-check'
import * as flatbuffers from 'flatbuffers'
import { encode1234 } from 'streamvbyte-wasm'
import { describe, expect, it } from 'vitest'
import {
  bipf2,
  Dictionary,
  type DictionaryEnds,
  type DictionaryRef,
  decodeDictionaryBlock,
  encodeDictionaryBlock,
  growDictionary,
  maxBlobSizeBytes,
  maxDictionaryEnds,
  readDictionaryParent,
  rootEnds,
} from '../src/index.js'

/** What may stand in a block, without a look at whether it makes sense. */
interface RawBlock {
  readonly parent?: { readonly blobId: Uint8Array; readonly ends: DictionaryEnds }
  readonly types?: readonly (string | Uint8Array)[]
  readonly keys?: readonly (string | Uint8Array)[]
  readonly paths?: RawLists
  readonly signatures?: RawLists
}
interface RawLists {
  readonly lengths: readonly number[]
  readonly values: readonly number[]
  /** In place of the true length of the stream of values. */
  readonly claimedLength?: number
}

function rawBlock({ parent, types, keys, paths, signatures }: RawBlock): Uint8Array {
  const builder = new flatbuffers.Builder(256)
  const texts = (entries: RawBlock['types']) =>
    entries === undefined
      ? 0
      : bipf2.StringDictionary.createStringDictionary(
          builder,
          bipf2.StringDictionary.createEntriesVector(
            builder,
            entries.map((entry) => builder.createString(entry)),
          ),
        )
  const stream = (integers: readonly number[], length = integers.length) => {
    const { codes, values } = encode1234(Uint32Array.from(integers))
    const codesAt = builder.createByteVector(codes)
    const valuesAt = builder.createByteVector(values)
    return bipf2.StreamVByteArray1234.createStreamVByteArray1234(builder, length, codesAt, valuesAt)
  }
  const lists = (entries: RawLists | undefined) => {
    if (entries === undefined) return 0
    const lengths = stream(entries.lengths)
    const values = stream(entries.values, entries.claimedLength)
    bipf2.IntArrayDictionary.startIntArrayDictionary(builder)
    bipf2.IntArrayDictionary.addLengths(builder, lengths)
    bipf2.IntArrayDictionary.addValues(builder, values)
    return bipf2.IntArrayDictionary.endIntArrayDictionary(builder)
  }
  const offsets = [texts(types), texts(keys), lists(paths), lists(signatures)] as const
  const parentAt =
    parent === undefined
      ? 0
      : bipf2.DictionaryBlockRef.createDictionaryBlockRef(
          builder,
          builder.createByteVector(parent.blobId),
          parent.ends.types,
          parent.ends.objectKeys,
          parent.ends.objectPaths,
          parent.ends.objectSignatures,
        )
  bipf2.DictionaryBlock.startDictionaryBlock(builder)
  bipf2.DictionaryBlock.addParent(builder, parentAt)
  bipf2.DictionaryBlock.addTypes(builder, offsets[0])
  bipf2.DictionaryBlock.addObjectKeys(builder, offsets[1])
  bipf2.DictionaryBlock.addObjectPaths(builder, offsets[2])
  bipf2.DictionaryBlock.addObjectSignatures(builder, offsets[3])
  const block = bipf2.DictionaryBlock.endDictionaryBlock(builder)
  const blob = bipf2.Bip2Blob.createBip2Blob(builder, bipf2.Bip2BlobData.DictionaryBlock, block)
  bipf2.Bip2Blob.finishBip2BlobBuffer(builder, blob)
  return builder.asUint8Array().slice()
}

/** All entries as plain data. */
function entriesOf(dictionary: Dictionary) {
  const { ends } = dictionary
  const list = <Entry>(end: number, entry: (id: number) => Entry) =>
    Array.from({ length: end }, (_, id) => entry(id))
  return {
    types: list(ends.types, (id) => dictionary.type(id)),
    keys: list(ends.objectKeys, (id) => dictionary.key(id)),
    paths: list(ends.objectPaths, (id) => dictionary.path(id)),
    signatures: list(ends.objectSignatures, (id) => dictionary.signature(id)),
  }
}

/** A dictionary with a post of text and mentions in it. */
function grown(): Dictionary {
  const dictionary = Dictionary.root()
  dictionary.typeId('gathering')
  const text = dictionary.pathId([5, dictionary.keyId('text')])
  const link = dictionary.pathId([dictionary.keyId('link')])
  dictionary.signatureId([link])
  dictionary.signatureId([0, 1, 2, 3, 4, 7, text, 6])
  return dictionary
}

const codeOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    if (isCodedError(error)) return error.code
    throw error
  }
  return 'none'
}
const refusal = (block: RawBlock) =>
  codeOf(() => decodeDictionaryBlock(rawBlock(block), Dictionary.root()))

describe('a dictionary block', () => {
  it('brings the same entries back, and the same bytes for the same entries', () => {
    const dictionary = grown()
    for (const key of ['\ufeffkey', '__proto__', '', 'naïve', '💾']) dictionary.keyId(key)
    const { bytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
    expect(ref).toEqual({ blobId: new Uint8Array(sha256(bytes)), ends: dictionary.ends })
    expect(readDictionaryParent(bytes)).toBeNull()
    const again = decodeDictionaryBlock(bytes, Dictionary.root())
    expect(entriesOf(again)).toEqual(entriesOf(dictionary))
    expect(encodeDictionaryBlock(again, rootEnds, null).bytes).toEqual(bytes)
  })

  it('goes on where its parent ends', () => {
    const parent = grown()
    const first = encodeDictionaryBlock(parent, rootEnds, null)
    const child = parent.clone()
    child.signatureId([child.pathId([5, child.keyId('root')])])
    const second = encodeDictionaryBlock(child, first.ref.ends, first.ref)
    expect(readDictionaryParent(second.bytes)).toEqual(first.ref)
    expect(entriesOf(decodeDictionaryBlock(second.bytes, parent))).toEqual(entriesOf(child))
    expect(parent.ends).toEqual(first.ref.ends)
    expect(codeOf(() => decodeDictionaryBlock(second.bytes, Dictionary.root()))).toBe(
      'ARCHIVE_BLOB_MALFORMED',
    )
    expect(codeOf(() => decodeDictionaryBlock(first.bytes, parent))).toBe('ARCHIVE_BLOB_MALFORMED')
  })

  it('of the fullest dictionary still fits into a blob', () => {
    const dictionary = Dictionary.root()
    for (let at = 0; at < 10_000; at++) {
      dictionary.typeId(`${'ツ'.repeat(47)}${at}`)
      dictionary.keyId(`${'ツ'.repeat(35)}${at}`)
    }
    const { objectKeys } = dictionary.ends
    const scattered = (at: number, step: number) => Math.imul(at * 8 + step + 1, 0x9e3779b1) >>> 8
    for (let at = 0; at < 40_000; at++) {
      dictionary.pathId([0, 1, 2, 3, 4, 5, 6, 7].map((step) => scattered(at, step) % objectKeys))
    }
    const { objectPaths } = dictionary.ends
    for (let at = 0; at < 40_000; at++) {
      const first = at % (objectPaths - 8)
      dictionary.signatureId([0, 1, 2, 3, 4, 5, 6, 7].map((step) => first + step))
    }
    expect(dictionary.ends.types).toBe(maxDictionaryEnds.types)
    expect(dictionary.ends.objectPaths).toBeGreaterThan(maxDictionaryEnds.objectPaths * 0.9)
    expect(dictionary.ends.objectSignatures).toBeGreaterThan(
      maxDictionaryEnds.objectSignatures * 0.9,
    )
    const { bytes } = encodeDictionaryBlock(dictionary, rootEnds, null)
    expect(bytes.length).toBeGreaterThan(maxBlobSizeBytes / 2)
  }, 30_000)

  it('may be empty', () => {
    const { bytes } = encodeDictionaryBlock(Dictionary.root(), rootEnds, null)
    expect(decodeDictionaryBlock(bytes, Dictionary.root()).ends).toEqual(rootEnds)
  })

  it('is not written from other ends than those of its parent', () => {
    const dictionary = grown()
    const ref: DictionaryRef = { blobId: new Uint8Array(32), ends: dictionary.ends }
    expect(() => encodeDictionaryBlock(dictionary, rootEnds, ref)).toThrow(RangeError)
    expect(() => encodeDictionaryBlock(dictionary, dictionary.ends, null)).toThrow(RangeError)
  })
})

describe('a hostile dictionary block', () => {
  const good: RawBlock = {
    types: ['gathering'],
    keys: ['text', 'link'],
    paths: { lengths: [2, 1], values: [5, 8, 9] },
    signatures: { lengths: [8, 1], values: [0, 1, 2, 3, 4, 7, 8, 6, 9] },
  }

  it('is told from a good one', () => {
    expect(refusal(good)).toBe('none')
  })

  const bad: Readonly<Record<string, RawBlock>> = {
    'with a type twice': { types: ['a', 'a'] },
    'with a type of the root': { types: ['post'] },
    'with a type that is too long': { types: ['t'.repeat(53)] },
    'with a type that is no UTF-8': { types: [Uint8Array.of(0xc3)] },
    'with half a surrogate pair': { types: [Uint8Array.of(0xed, 0xa0, 0x80)] },
    'with a megabyte as type': { types: ['t'.repeat(1_000_000)] },
    'with a key twice': { keys: ['text', 'text'] },
    'with a key that is no field name': { keys: ['a/b'] },
    'with a key of digits': { keys: ['17'] },
    'with 10,000 keys': { keys: Array.from({ length: 10_000 }, (_, at) => `k${at}`) },
    'with a path twice': { paths: { lengths: [2, 2], values: [5, 6, 5, 6] } },
    'with an unknown key in a path': { paths: { lengths: [2], values: [5, 8] } },
    'with a path of nothing': { paths: { lengths: [0], values: [] } },
    'with a path of 65 keys': { paths: { lengths: [65], values: new Array(65).fill(5) } },
    'with fewer values than lengths say': { paths: { lengths: [3], values: [5, 6] } },
    'with more values than lengths say': { paths: { lengths: [1], values: [7, 6] } },
    'with four billion as a length': { paths: { lengths: [4_294_967_295], values: [7] } },
    'with a stream that claims four billion': {
      paths: { lengths: [1], values: [7], claimedLength: 4_294_967_295 },
    },
    'with a stream that claims one too many': {
      paths: { lengths: [1], values: [7], claimedLength: 2 },
    },
    'with an unknown path in a signature': { signatures: { lengths: [1], values: [8] } },
    'with a signature of nothing': { signatures: { lengths: [0], values: [] } },
    'with a signature twice': { signatures: { lengths: [1, 1], values: [3, 3] } },
    'with a signature of the root': { signatures: { lengths: [7], values: [0, 1, 2, 3, 4, 5, 6] } },
    'with a path twice in a signature': { signatures: { lengths: [2], values: [3, 3] } },
    'with a leaf within a leaf': { signatures: { lengths: [2], values: [5, 7] } },
    'with a leaf around a leaf': { signatures: { lengths: [2], values: [7, 5] } },
    'that comes back to a field': {
      paths: { lengths: [2, 1], values: [5, 6, 7] },
      signatures: { lengths: [3], values: [7, 9, 8] },
    },
    'with an object of 65 fields': {
      keys: Array.from({ length: 65 }, (_, at) => `k${at}`),
      paths: {
        lengths: new Array(65).fill(1),
        values: Array.from({ length: 65 }, (_, at) => 8 + at),
      },
      signatures: { lengths: [65], values: Array.from({ length: 65 }, (_, at) => 8 + at) },
    },
    'whose parent ends within the root': {
      parent: { blobId: new Uint8Array(32), ends: { ...rootEnds, types: 7 } },
    },
    'whose parent ends at four billion': {
      parent: { blobId: new Uint8Array(32), ends: { ...rootEnds, types: 4_294_967_295 } },
    },
    'whose parent has an id of 31 bytes': {
      parent: { blobId: new Uint8Array(31), ends: rootEnds },
    },
  }
  for (const [name, block] of Object.entries(bad)) {
    it(`${name} is refused`, () => {
      expect(['ARCHIVE_BLOB_MALFORMED', 'STREAMVBYTE_MALFORMED']).toContain(refusal(block))
    })
  }

  it('leaves the dictionary as it was', () => {
    const dictionary = Dictionary.root()
    const bytes = rawBlock({ ...good, signatures: { lengths: [1, 1], values: [9, 99] } })
    expect(codeOf(() => growDictionary(dictionary, bytes))).toBe('ARCHIVE_BLOB_MALFORMED')
    expect(entriesOf(dictionary)).toEqual(entriesOf(Dictionary.root()))
    growDictionary(dictionary, rawBlock(good))
    expect(dictionary.findPath(['link'])!.pathId).toBe(9)
  })

  it('of another kind, another form or no size is refused', () => {
    const root = Dictionary.root()
    const good = encodeDictionaryBlock(grown(), rootEnds, null).bytes
    const other = good.slice()
    other.set(Buffer.from('BIP3'), 4)
    for (const bytes of [new Uint8Array(), new Uint8Array(7), new Uint8Array(64), other]) {
      expect(codeOf(() => decodeDictionaryBlock(bytes, root))).toBe('ARCHIVE_BLOB_MALFORMED')
    }
    const large = new Uint8Array(maxBlobSizeBytes + 1)
    large.set(good)
    expect(codeOf(() => decodeDictionaryBlock(large, root))).toBe('ARCHIVE_BLOB_TOO_LARGE')
  })

  it('cut short anywhere never reads what lies behind it in memory', () => {
    const dictionary = grown()
    const { bytes } = encodeDictionaryBlock(dictionary, rootEnds, null)
    const pool = new Uint8Array(bytes.length + 4096).fill(0x41)
    pool.set(bytes)
    for (let end = 0; end < bytes.length; end++) {
      const alone = readOrCode(bytes.slice(0, end))
      const inPool = readOrCode(pool.subarray(0, end))
      expect(describeRead(inPool)).toEqual(describeRead(alone))
    }
  })

  it('with flipped bits is refused by a code or read as a sound dictionary', () => {
    const dictionary = grown()
    for (let at = 0; at < 40; at++) dictionary.pathId([5, dictionary.keyId(`key${at}`)])
    const { bytes } = encodeDictionaryBlock(dictionary, rootEnds, null)
    const flip = fc.record({
      at: fc.nat({ max: bytes.length - 1 }),
      with: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const damaged = bytes.slice()
        for (const { at, with: bits } of flips) damaged[at]! ^= bits
        const read = readOrCode(damaged)
        if (typeof read === 'string') return
        const again = encodeDictionaryBlock(read, rootEnds, null).bytes
        expect(entriesOf(decodeDictionaryBlock(again, Dictionary.root()))).toEqual(entriesOf(read))
      }),
      { numRuns: 1_000 },
    )
  })
})

/** The dictionary in the bytes, or the code of the refusal; any other error is a fault. */
function readOrCode(bytes: Uint8Array): Dictionary | string {
  let dictionary: Dictionary | null = null
  const code = codeOf(() => {
    dictionary = decodeDictionaryBlock(bytes, Dictionary.root())
  })
  return dictionary ?? code
}

const describeRead = (read: Dictionary | string) =>
  typeof read === 'string' ? read : entriesOf(read)
