import { blobIdFromBytes } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import {
  Dictionary,
  type DictionaryRef,
  encodeDictionaryBlock,
  maxDictionaryChain,
  rememberDictionaries,
  resolveDictionary,
  rootEnds,
} from '../src/index.js'

/** Blobs by their ids, and the references of a chain that adds a type and a path a link. */
function chainOf(length: number) {
  const blobs = new Map<string, Uint8Array>()
  const refs: DictionaryRef[] = []
  const dictionary = Dictionary.root()
  for (let at = 0; at < length; at++) {
    const from = dictionary.ends
    dictionary.typeId(`type-${at}`)
    dictionary.pathId([5, dictionary.keyId(`key-${at}`)])
    const { bytes, ref } = encodeDictionaryBlock(dictionary, from, refs.at(-1) ?? null)
    blobs.set(blobIdFromBytes(ref.blobId), bytes)
    refs.push(ref)
  }
  const fetch = (blobId: Uint8Array) => blobs.get(blobIdFromBytes(blobId))
  return { blobs, refs, dictionary, fetch }
}

const refusal = (code: string) => expect.objectContaining({ code })

describe('a chain of dictionaries', () => {
  it('resolves to what each reference promises', () => {
    const { refs, fetch } = chainOf(maxDictionaryChain)
    for (const ref of refs) expect(resolveDictionary(ref, fetch).ends).toEqual(ref.ends)
    const last = resolveDictionary(refs.at(-1)!, fetch)
    expect(last.findType('type-63')).toBe(8 + 63)
    expect(last.findPath(['content', 'key-0'])!.pathId).toBe(8)
    expect(resolveDictionary(null, fetch).ends).toEqual(rootEnds)
  })

  it('of more than 64 blobs is refused', () => {
    const { refs, fetch } = chainOf(maxDictionaryChain + 1)
    expect(() => resolveDictionary(refs.at(-1)!, fetch)).toThrow(
      refusal('ARCHIVE_DICTIONARY_TOO_LONG'),
    )
  })

  it('names the blob that is missing', () => {
    const { blobs, refs, fetch } = chainOf(3)
    const blobId = blobIdFromBytes(refs[1]!.blobId)
    blobs.delete(blobId)
    expect(() => resolveDictionary(refs[2]!, fetch)).toThrow(
      expect.objectContaining({ code: 'ARCHIVE_DICTIONARY_MISSING', data: { blobId } }),
    )
  })

  it('refuses bytes that are not those of the id, so that no chain can go in circles', () => {
    const { refs, fetch } = chainOf(3)
    const last = fetch(refs[2]!.blobId)!
    expect(() => resolveDictionary(refs[2]!, () => last)).toThrow(
      refusal('ARCHIVE_DICTIONARY_WRONG_BLOB'),
    )
  })

  it('refuses references that promise more or less than is there', () => {
    const { refs, fetch } = chainOf(3)
    const { blobId, ends } = refs[2]!
    for (const by of [-1, 1]) {
      const lie = { blobId, ends: { ...ends, objectKeys: ends.objectKeys + by } }
      expect(() => resolveDictionary(lie, fetch)).toThrow(refusal('ARCHIVE_DICTIONARY_WRONG_ENDS'))
    }
    const below = { blobId, ends: refs[0]!.ends }
    expect(() => resolveDictionary(below, fetch)).toThrow(refusal('ARCHIVE_DICTIONARY_WRONG_ENDS'))
  })

  it('refuses a blob whose parent reference lies', () => {
    const { refs, dictionary, blobs, fetch } = chainOf(2)
    const lie = { blobId: refs[0]!.blobId, ends: { ...refs[0]!.ends, types: 10 } }
    const { bytes, ref } = encodeDictionaryBlock(dictionary, lie.ends, lie)
    blobs.set(blobIdFromBytes(ref.blobId), bytes)
    expect(() => resolveDictionary(ref, fetch)).toThrow(refusal('ARCHIVE_DICTIONARY_WRONG_ENDS'))
  })
})

describe('remembered dictionaries', () => {
  it('are read once while they are used, and forgotten beyond the limit', () => {
    const { refs, fetch } = chainOf(3)
    let reads = 0
    const dictionaryOf = rememberDictionaries((blobId) => {
      reads++
      return fetch(blobId)
    }, 70)
    const first = dictionaryOf(refs[0]!)
    expect(dictionaryOf(refs[0]!)).toBe(first)
    expect(reads).toBe(1)
    dictionaryOf(refs[1]!)
    expect(dictionaryOf(refs[0]!)).toBe(first)
    dictionaryOf(refs[2]!)
    expect(reads).toBe(1 + 2 + 3)
    expect(dictionaryOf(refs[0]!)).toBe(first)
    expect(dictionaryOf(null).ends).toEqual(rootEnds)
  })

  it('are not given for a reference with other ends', () => {
    const { refs, fetch } = chainOf(1)
    const dictionaryOf = rememberDictionaries(fetch)
    dictionaryOf(refs[0]!)
    const lie = { blobId: refs[0]!.blobId, ends: { ...refs[0]!.ends, types: 8 } }
    expect(() => dictionaryOf(lie)).toThrow(refusal('ARCHIVE_DICTIONARY_WRONG_ENDS'))
  })
})
