import { describe, expect, it } from 'vitest'
import {
  Dictionary,
  isFieldName,
  maxDictionaryEnds,
  maxPathKeys,
  noEntry,
  rawSignature,
  rootEnds,
} from '../src/index.js'

describe('the well-known root', () => {
  it('holds the numbers of version 1', () => {
    const dictionary = Dictionary.root()
    expect(dictionary.ends).toEqual({
      types: 8,
      objectKeys: 8,
      objectPaths: 8,
      objectSignatures: 3,
    })
    expect(dictionary.ends).toEqual(rootEnds)
    const types = ['post', 'vote', 'contact', 'about', 'channel', 'pub', 'archive']
    expect(types.map((type) => dictionary.findType(type))).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(dictionary.type(0)).toBeUndefined()
    expect(dictionary.path(7)!.map((id) => dictionary.key(id))).toEqual(['content', 'type'])
    expect(dictionary.signature(1)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(dictionary.signature(2)).toEqual([0, 2, 1, 3, 4, 5, 6])
    expect(dictionary.signature(0)).toEqual([])
  })
})

describe('a dictionary', () => {
  it('numbers in order of first use and finds again', () => {
    const dictionary = Dictionary.root()
    expect(dictionary.typeId('gathering')).toBe(8)
    expect(dictionary.typeId('post')).toBe(1)
    expect(dictionary.typeId('gathering')).toBe(8)
    expect(dictionary.keyId('title')).toBe(8)
    const path = dictionary.pathId([5, 8])
    expect(path).toBe(8)
    expect(dictionary.pathId([5, 8])).toBe(8)
    expect(dictionary.signatureId([0, 1, 2, 3, 4, 7, 8, 6])).toBe(3)
    expect(dictionary.signature(3)).toEqual([0, 1, 2, 3, 4, 7, 8, 6])
  })

  it('gives the same numbers to a walk over nodes as to lists', () => {
    const dictionary = Dictionary.root()
    const content = dictionary.below(dictionary.top, 'content')!
    const text = dictionary.below(content, 'text')!
    const pathId = dictionary.pathAt(text)
    expect(dictionary.pathId([5, dictionary.keyId('text')])).toBe(pathId)
    expect(dictionary.findPath(['content', 'text'])).toBe(text)
    const node = dictionary.afterLeaf(dictionary.noLeaves, pathId)!
    expect(dictionary.signatureId([pathId])).toBe(dictionary.signatureAt(node))
  })

  it('keeps __proto__ and constructor apart from what objects inherit', () => {
    const dictionary = Dictionary.root()
    expect(dictionary.keyId('__proto__')).toBe(8)
    expect(dictionary.keyId('constructor')).toBe(9)
    expect(dictionary.findType('toString')).toBeUndefined()
  })

  it('gives no number to what is no field name', () => {
    const dictionary = Dictionary.root()
    for (const key of [
      'a'.repeat(41),
      '%x',
      '@x',
      '&x',
      '#x',
      'a/b',
      'a.b',
      'a:b',
      'a@b',
      '7',
      '\ud800',
    ]) {
      expect(isFieldName(key)).toBe(false)
      expect(dictionary.keyId(key)).toBe(noEntry)
    }
    expect(dictionary.pathId([5, noEntry])).toBe(noEntry)
    expect(dictionary.signatureId([0, noEntry])).toBe(rawSignature)
    expect(dictionary.typeId('t'.repeat(53))).toBe(0)
    expect(dictionary.typeId('\udc00')).toBe(0)
    expect(dictionary.ends).toEqual(rootEnds)
  })

  it('stops at its caps and goes on with what it has', () => {
    const dictionary = Dictionary.root()
    const { types } = maxDictionaryEnds
    for (let at = 0; at < types; at++) dictionary.typeId(`t${at}`)
    expect(dictionary.ends.types).toBe(types)
    expect(dictionary.typeId('one more')).toBe(0)
    expect(dictionary.typeId('post')).toBe(1)
    const deep = new Array<number>(maxPathKeys).fill(5)
    expect(dictionary.pathId(deep)).toBe(8)
    expect(dictionary.pathId([...deep, 5])).toBe(noEntry)
  })

  it('refuses ends that it never had', () => {
    const dictionary = Dictionary.root()
    expect(() => dictionary.rollback({ ...rootEnds, types: 9 })).toThrow(RangeError)
    expect(() => dictionary.rollback({ ...rootEnds, objectKeys: 7 })).toThrow(RangeError)
  })
})
