import { type FeedId, isCodedError } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leafKeyOf } from '../src/index.js'
import { chain, generatedFeeds, open, pack, packOne } from './feeds.js'

const idPattern = /[@%&][A-Za-z0-9+/]{43}=\.(?:ed25519|sha256)/g

/** For each id in the content of messages, the places of those that have it. */
function holdersByText(contents: readonly unknown[]): Map<string, number[]> {
  const holders = new Map<string, number[]>()
  for (const [index, content] of contents.entries()) {
    for (const id of new Set(JSON.stringify(content).match(idPattern))) {
      const found = holders.get(id) ?? []
      holders.set(id, [...found, index])
    }
  }
  return holders
}

const placesOf = (holders: Uint8Array) => [...holders.keys()].filter((at) => holders[at] !== 0)

describe('the holders of an id', () => {
  it('are the messages that have it as a value or a name, in whatever they are nested', () => {
    const [[author, messages]] = generatedFeeds(1, 200, 11) as unknown as [
      [FeedId, ReturnType<typeof chain>],
    ]
    const { blocks, dictionary } = pack([[author, messages]])
    const block = open(blocks[0]!, dictionary)
    const contents = messages.map(({ value }) => (value as { content: unknown }).content)
    const expected = holdersByText(contents)
    expect(expected.size).toBeGreaterThan(20)
    for (const [id, places] of expected) {
      const key = leafKeyOf(id)
      if (key === null || contents.some((content) => hasWithin(content, id))) continue
      expect([id, placesOf(block.holders(key))]).toEqual([id, places])
    }
  })

  it('are told apart by the kind of the id', () => {
    const body = `${'A'.repeat(43)}=`
    const { dictionary, ...packed } = packOne(
      chain([
        { content: { type: 'a', link: `%${body}.sha256` } },
        { content: { type: 'a', [`@${body}.ed25519`]: [{ deep: [`&${body}.sha256`] }] } },
        { content: 'AAAA.box' },
      ]),
    )
    const block = open(packed, dictionary)
    expect(placesOf(block.holders(leafKeyOf(`%${body}.sha256`)!))).toEqual([0])
    expect(placesOf(block.holders(leafKeyOf(`@${body}.ed25519`)!))).toEqual([1])
    expect(placesOf(block.holders(leafKeyOf(`&${body}.sha256`)!))).toEqual([1])
    expect(placesOf(block.holders(leafKeyOf(`@${'B'.repeat(42)}A=.ed25519`)!))).toEqual([])
    expect(leafKeyOf(`%${body}.ed25519`)).toBeNull()
  })

  it('take every message in that is stored as its text', () => {
    const { dictionary, ...packed } = packOne(
      chain([{ content: { type: 'a' } }, { content: { type: 'a' }, foreign: { more: 1 } }]),
    )
    const key = leafKeyOf(`%${'A'.repeat(43)}=.sha256`)!
    expect(placesOf(open(packed, dictionary).holders(key))).toEqual([1])
  })

  it('of a damaged block are refused by a code, or some messages', () => {
    const id = `%${'A'.repeat(43)}=.sha256`
    const drafts = Array.from({ length: 12 }, (_, at) => ({
      content: { type: 'a', list: [{ link: id, at }, [at]], reply: { [id]: at } },
    }))
    const { dictionary, bytes } = packOne(chain(drafts), { messageHashes: false, codec: 'none' })
    const flip = fc.record({
      at: fc.nat({ max: bytes.length - 1 }),
      with: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const damaged = Uint8Array.from(bytes)
        for (const { at, with: bits } of flips) damaged[at]! ^= bits
        try {
          const holders = open({ bytes: damaged }, dictionary).holders(leafKeyOf(id)!)
          expect(holders.length).toBeLessThanOrEqual(1024)
        } catch (error) {
          if (!isCodedError(error)) throw error
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

/** True where an id stands within a longer text, in which it is no reference. */
function hasWithin(content: unknown, id: string): boolean {
  if (typeof content === 'string') return content.includes(id) && content !== id
  if (typeof content !== 'object' || content === null) return false
  return Object.entries(content).some(
    ([name, value]) => (name.includes(id) && name !== id) || hasWithin(value, id),
  )
}
