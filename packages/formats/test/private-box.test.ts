import {
  edPublicToCurve,
  type FeedId,
  feedIdFromBytes,
  randomBytes,
  scalarmult,
  scalarmultBase,
  secretbox,
} from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boxPrivate, unboxContent, unboxPrivate } from '../src/private-box.js'
import { identity, ssbKeys } from './reference.js'

const plaintext = Buffer.from('{"type":"post","text":"hi"}')
const people = Array.from({ length: 17 }, (_, number) => identity(number + 1))
const ids = people.map(({ keys }) => keys.id)
const stranger = identity(99).keys

function codeOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return 'no error'
}

/** A box with any number of slots, of which only the last is real, as another implementation may write it. */
function boxWithSlots(recipient: FeedId, slotCount: number, countByte: number): string {
  const nonce = randomBytes(24)
  const bodyKey = randomBytes(32)
  const oneTimeSecret = randomBytes(32)
  const publicKey = people.find(({ keys }) => keys.id === recipient)!.keys.publicKey
  const shared = scalarmult(oneTimeSecret, edPublicToCurve(publicKey)!)!
  const slot = secretbox(Uint8Array.from([countByte, ...bodyKey]), nonce, shared)
  const junk = Array.from({ length: slotCount - 1 }, () => randomBytes(49))
  const body = secretbox(plaintext, nonce, bodyKey)
  const parts = [nonce, scalarmultBase(oneTimeSecret), ...junk, slot, body]
  return `${Buffer.concat(parts).toString('base64')}.box`
}

describe('private boxes', () => {
  it('open for each recipient and for nobody else', () => {
    for (const count of [1, 2, 7]) {
      const boxed = boxPrivate(plaintext, ids.slice(0, count))
      for (const { keys } of people.slice(0, count)) {
        expect(Buffer.from(unboxPrivate(boxed, keys)!)).toEqual(plaintext)
      }
      expect(unboxPrivate(boxed, stranger)).toBeNull()
    }
  })

  it('are exchanged with ssb-keys in both directions', () => {
    const content = fc.record({ type: fc.constant('post'), text: fc.string({ unit: 'binary' }) })
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 7 }), (value, count) => {
        const recipients = ids.slice(0, count)
        const ours = boxPrivate(Buffer.from(JSON.stringify(value)), recipients)
        const theirs = ssbKeys.box(value, recipients)
        for (const { keys, reference } of people.slice(0, count)) {
          expect(ssbKeys.unbox(ours, reference)).toEqual(value)
          expect(unboxContent(theirs, keys)).toEqual(value)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('have at most seven recipients, sixteen where asked for', () => {
    expect(codeOf(() => boxPrivate(plaintext, ids.slice(0, 8)))).toBe('TOO_MANY_RECIPIENTS')
    const boxed = boxPrivate(plaintext, ids.slice(0, 16), { maxRecipients: 16 })
    expect(unboxPrivate(boxed, people[15]!.keys)).not.toBeNull()
    expect(codeOf(() => boxPrivate(plaintext, ids, { maxRecipients: 255 }))).toBe(
      'TOO_MANY_RECIPIENTS',
    )
  })

  it('need recipients with keys that can be encrypted to', () => {
    const lowOrder = feedIdFromBytes(new Uint8Array(32))
    const noPoint = feedIdFromBytes(new Uint8Array(32).fill(2))
    const lists: FeedId[][] = [[], [lowOrder], [ids[0]!, noPoint], ['@x' as FeedId]]
    for (const recipients of lists) {
      expect(codeOf(() => boxPrivate(plaintext, recipients))).toBe('RECIPIENTS_INVALID')
    }
  })

  it('are found in any slot that fits', () => {
    const [first] = people
    for (const slotCount of [1, 8, 9, 40, 200]) {
      const boxed = boxWithSlots(first!.keys.id, slotCount, slotCount)
      expect(Buffer.from(unboxPrivate(boxed, first!.keys)!)).toEqual(plaintext)
    }
  })

  it('are null where their slot count points elsewhere', () => {
    const [first] = people
    for (const countByte of [0, 1, 3, 255]) {
      expect(unboxPrivate(boxWithSlots(first!.keys.id, 2, countByte), first!.keys)).toBeNull()
    }
  })

  it('are null for changed, cut and foreign texts', () => {
    const { keys } = people[0]!
    const boxed = boxPrivate(plaintext, [keys.id])
    const bytes = Buffer.from(boxed.slice(0, -4), 'base64')
    for (let length = 0; length < bytes.length; length += 3) {
      expect(unboxPrivate(`${bytes.subarray(0, length).toString('base64')}.box`, keys)).toBeNull()
    }
    for (let at = 0; at < bytes.length; at += 5) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 0x10
      expect(unboxPrivate(`${changed.toString('base64')}.box`, keys)).toBeNull()
    }
    const lowOrderKey = Buffer.from(bytes).fill(0, 24, 56)
    const others = [
      '',
      '.box',
      `${boxed}2`,
      boxed.slice(0, -4),
      `${lowOrderKey.toString('base64')}.box`,
      `${'A'.repeat(200_000)}.box`,
    ]
    for (const text of others) expect(unboxPrivate(text, keys)).toBeNull()
  })
})

describe('unboxContent', () => {
  const { keys } = people[0]!

  it('is null for plaintext that is no JSON object', () => {
    const plaintexts = [
      Buffer.from('not JSON'),
      Buffer.from(''),
      Buffer.from('[]'),
      Buffer.from('null'),
      Buffer.from('"text"'),
      Buffer.from('\uFEFF{"type":"post"}'),
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      Buffer.from(`{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`),
    ]
    for (const bytes of plaintexts) {
      const boxed = boxPrivate(bytes, [keys.id])
      expect(unboxPrivate(boxed, keys)).not.toBeNull()
      expect(unboxContent(boxed, keys)).toBeNull()
    }
  })

  it('keeps an own key __proto__', () => {
    const boxed = boxPrivate(Buffer.from('{"type":"post","__proto__":{"x":1}}'), [keys.id])
    expect(Object.keys(unboxContent(boxed, keys)!)).toEqual(['type', '__proto__'])
  })
})
