import { describe, expect, it } from 'vitest'
import {
  blobIdFromBytes,
  feedIdFromBytes,
  isBlobId,
  isFeedId,
  isMessageKey,
  messageKeyFromBytes,
  signatureFromBytes,
  signatureToBytes,
} from '../src/ids.js'

const data = 'P/bAVyO7Bp0ZlTNAMg+pUS8L5YR0JwPmAibe0ou0OGE='

describe('ids', () => {
  it('are told apart by sigil and suffix', () => {
    const texts = [`@${data}.ed25519`, `%${data}.sha256`, `&${data}.sha256`]
    expect(texts.map(isFeedId)).toEqual([true, false, false])
    expect(texts.map(isMessageKey)).toEqual([false, true, false])
    expect(texts.map(isBlobId)).toEqual([false, false, true])
  })

  it('are refused in any other form', () => {
    const wrong = [
      `@${data}.sha256`,
      `@${data}xed25519`,
      `@${data}.ed25519\n`,
      ` @${data}.ed25519`,
      `@${data.slice(0, -2)}F=.ed25519`,
      `@${data.slice(0, -1)}.ed25519`,
      `@${data.replace('+', '-')}.ed25519`,
      '',
      null,
      undefined,
      5,
      [`@${data}.ed25519`],
      { toString: () => `@${data}.ed25519` },
    ]
    for (const text of wrong) {
      expect([isFeedId(text), isMessageKey(text), isBlobId(text)]).toEqual([false, false, false])
    }
  })

  it('are made of 32 bytes only', () => {
    for (const length of [0, 31, 33, 64]) {
      const bytes = new Uint8Array(length)
      for (const make of [feedIdFromBytes, messageKeyFromBytes, blobIdFromBytes]) {
        expect(() => make(bytes)).toThrow(RangeError)
      }
    }
  })
})

describe('signatures as text', () => {
  it('are refused where their base64 is not canonical or their length or suffix is wrong', () => {
    const text = signatureFromBytes(new Uint8Array(64).fill(255))
    expect(signatureToBytes(text)).toEqual(new Uint8Array(64).fill(255))
    const wrong = [
      text.replace('w==', 'x=='),
      text.replace('/', '-'),
      text.replace('/', '\u0141'),
      text.replace('/', '='),
      text.replace('.sig.', '-sig.'),
      text.replace('ed25519', 'ed25518'),
      text.slice(1),
      `A${text}`,
      `${text} `,
      '',
      null,
      new Uint8Array(64),
    ]
    for (const other of wrong) expect(signatureToBytes(other)).toBeNull()
    expect(() => signatureFromBytes(new Uint8Array(63))).toThrow(RangeError)
  })
})
