import { blobIdFromBytes, feedIdFromBytes, messageKeyFromBytes, sha256 } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chain, type Draft, expectSame, infinity, minusZero, open, packOne } from './feeds.js'

const base64Body = 'A'.repeat(42)
const hash = (seed: number): Uint8Array => sha256(Buffer.from(String(seed)))

/** Texts that are, or nearly are, what is stored as something else. */
const oddText = fc.oneof(
  fc.nat(5).map((seed) => messageKeyFromBytes(hash(seed))),
  fc.nat(5).map((seed) => feedIdFromBytes(hash(seed))),
  fc.nat(5).map((seed) => blobIdFromBytes(hash(seed))),
  fc.nat(5).map((seed) => `${blobIdFromBytes(hash(seed))}?unbox=AAAA`),
  fc.nat(5).map((seed) => `ssb:message/classic/${Buffer.from(hash(seed)).toString('base64url')}=`),
  fc.constantFrom(
    `%${base64Body}B=.sha256`,
    `%${base64Body}A=.ed25519`,
    `@${base64Body}A=.sha256`,
    `@${base64Body}A=.ed25519 `,
    `&${base64Body}A=.sha256\n`,
    'AAAA.box',
    'AAAB=.box',
    'AA==.box',
    'AB==.box',
    'AAA=.box2',
    'AAB=.box2',
    'A===.box',
    'AA AA.box',
    'AA-_.box',
    'AAA.box',
    'AAAA.box3',
    '.box',
    '.box2',
    'box',
    '',
    'a'.repeat(32),
    'A'.repeat(32),
    '0'.repeat(33),
    '0'.repeat(128),
    '0'.repeat(130),
    '\u0000\u001f"\\/\b\f\n\r\t\u007f\u2028\u2029',
    'ő ü € 𝄞 😀',
    '\ud800',
    'x\udc00',
    '\udc00\ud800',
    '\ufeff',
    '\ufffd',
  ),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => `${Buffer.from(bytes).toString('base64')}.box`),
  fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
)

const oddKey = fc.oneof(
  fc.constantFrom(
    'type',
    'content',
    'previous',
    'author',
    'signature',
    'mentions',
    'dependencies',
    'reply',
    'tangles',
    'refs',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'length',
    '',
    ' ',
    '0',
    '10',
    '007',
    '-1',
    '4294967294',
    '4294967295',
    'a.b',
    'a/b',
    'a:b',
    'a@b',
    '#tag',
    '&',
    'k'.repeat(40),
    'k'.repeat(41),
    'Ключ',
    '\ud800',
    '"',
    '\\',
    '\n',
  ),
  oddText,
)

const oddNumber = fc.oneof(
  fc.constantFrom(
    0,
    minusZero,
    infinity,
    1,
    -1,
    0.1,
    1e21,
    1e-7,
    5e9,
    -5e9,
    2 ** 31,
    2 ** 53 - 1,
    -(2 ** 53 - 1),
    2 ** 53,
    2 ** 64,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    999_999_999,
    1_000_000_000,
    100_000_007,
    1_500_000_000_000,
    999_999_999_999_999,
    1_000_000_000_000_000,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
)

const { oddValue } = fc.letrec((tie) => ({
  oddValue: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    oddText,
    oddNumber,
    fc.constantFrom(null, true, false, {}, []),
    fc.array(tie('oddValue'), { maxLength: 4 }),
    fc.array(fc.tuple(oddKey, tie('oddValue')), { maxLength: 5 }).map(jsonObject),
  ),
}))

/** An object with own keys of every name, as JSON would have it. */
function jsonObject(entries: readonly (readonly [string, unknown])[]): unknown {
  const text = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return JSON.parse(`{${text.join(',')}}`)
}

const oddContent = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.tuple(oddKey, oddValue), { maxLength: 6 }).map(jsonObject) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom('post', 'vote', 'タイプ', 'x'.repeat(60), '\ud800x', 'new'),
        fc.array(fc.tuple(oddKey, oddValue), { maxLength: 6 }),
      )
      .map(([type, entries]) => jsonObject([['type', type], ...entries])),
  },
  { weight: 1, arbitrary: oddValue },
)

const draft: fc.Arbitrary<Draft> = fc.record(
  {
    content: oddContent,
    isLegacyOrder: fc.boolean(),
    timestamp: oddNumber,
    hash: fc.constantFrom('sha256', 'sha256', 'sha256', 'sha512', null),
    signature: fc.constantFrom(
      `${'A'.repeat(85)}B==.sig.ed25519`,
      `${'A'.repeat(86)}==.sig.ed25519`,
      `${'A'.repeat(86)}==.sig.ed25519`,
      'none',
      '\udc00',
    ),
    foreign: fc.constantFrom({}, {}, {}, { cyphertext: null }, { '0': 1 }),
  },
  { requiredKeys: ['content'] },
)

describe('a block of any content', () => {
  it('gives back the same JSON, text, object and id of every message', () => {
    fc.assert(
      fc.property(
        fc.array(draft, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom('brotli' as const, 'none' as const),
        fc.constantFrom(1, 1000),
        (drafts, messageHashes, codec, firstSequence) => {
          const messages = chain(drafts, firstSequence)
          const options = { messageHashes, codec }
          const packed = packOne(messages, options)
          expectSame(open(packed, packed.dictionary), messages)
          const again = packOne(messages, options)
          expect(Buffer.compare(packed.bytes, again.bytes)).toBe(0)
          expect(Buffer.compare(packed.dictionaryBytes, again.dictionaryBytes)).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  }, 60_000)
})
