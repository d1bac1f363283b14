import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dictionary, noEntry, rawSignature } from '../src/index.js'

/** What a message adds: a type, and leaves by their field names. */
interface Shape {
  readonly type: string
  readonly leaves: readonly (readonly string[])[]
}

const key = fc.constantFrom('a', 'b', 'c', 'content', 'text', '__proto__', '', 'é', '9', 'no/field')
const shape: fc.Arbitrary<Shape> = fc.record({
  type: fc.constantFrom('post', 'x', 'y', 'z', 't'.repeat(60)),
  leaves: fc.array(fc.array(key, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
})

/** The same numbers by lists and linear search. */
class SlowDictionary {
  types: (string | null)[] = [null, 'post', 'vote', 'contact', 'about', 'channel', 'pub', 'archive']
  keys = ['previous', 'author', 'sequence', 'timestamp', 'hash', 'content', 'signature', 'type']
  paths = ['0', '1', '2', '3', '4', '5', '6', '5,7']
  signatures = ['', '0,1,2,3,4,5,6', '0,2,1,3,4,5,6']

  add({ type, leaves }: Shape): { type: number; signature: number } {
    const typeId = type.length > 52 ? 0 : findOrAdd(this.types, type)
    const paths = leaves.map((leaf) => {
      const keys: number[] = []
      for (const name of leaf) {
        if (name === '9' || name === 'no/field') return noEntry
        keys.push(findOrAdd(this.keys, name))
      }
      return findOrAdd(this.paths, keys.join())
    })
    const signature = paths.includes(noEntry)
      ? rawSignature
      : findOrAdd(this.signatures, paths.join())
    return { type: typeId, signature }
  }

  copy(): SlowDictionary {
    const copy = new SlowDictionary()
    copy.types = [...this.types]
    copy.keys = [...this.keys]
    copy.paths = [...this.paths]
    copy.signatures = [...this.signatures]
    return copy
  }
}

function findOrAdd<Entry>(entries: Entry[], entry: Entry): number {
  const at = entries.indexOf(entry)
  return at >= 0 ? at : entries.push(entry) - 1
}

function add(dictionary: Dictionary, { type, leaves }: Shape): { type: number; signature: number } {
  const typeId = dictionary.typeId(type)
  const paths = leaves.map((leaf) => {
    let node: ReturnType<Dictionary['below']> = dictionary.top
    for (const name of leaf) {
      node = dictionary.below(node, name)
      if (node === undefined) return noEntry
    }
    return dictionary.pathAt(node)
  })
  return { type: typeId, signature: dictionary.signatureId(paths) }
}

function expectSame(dictionary: Dictionary, slow: SlowDictionary): void {
  const { ends } = dictionary
  const ids = (end: number) => Array.from({ length: end }, (_, id) => id)
  expect(ids(ends.types).map((id) => dictionary.type(id) ?? null)).toEqual(slow.types)
  expect(ids(ends.objectKeys).map((id) => dictionary.key(id))).toEqual(slow.keys)
  expect(ids(ends.objectPaths).map((id) => dictionary.path(id)!.join())).toEqual(slow.paths)
  expect(ids(ends.objectSignatures).map((id) => dictionary.signature(id)!.join())).toEqual(
    slow.signatures,
  )
}

describe('a dictionary', () => {
  it('gives the numbers that a plain list would, also after taking messages back', () => {
    const step = fc.record({ shape, isKept: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const dictionary = Dictionary.root()
        let slow = new SlowDictionary()
        for (const { shape, isKept } of steps) {
          const ends = dictionary.ends
          const before = slow.copy()
          expect(add(dictionary, shape)).toEqual(slow.add(shape))
          if (!isKept) {
            dictionary.rollback(ends)
            slow = before
          }
          expectSame(dictionary, slow)
        }
        expectSame(dictionary.clone(), slow)
      }),
    )
  })
})
