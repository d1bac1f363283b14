import { isDeepStrictEqual } from 'node:util'
import { messageKeyFromBytes } from '@dunbar/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readClassic, verifySignature } from '../src/classic.js'
import { createClassic } from '../src/classic-author.js'
import { identity, isAcceptedByReference, ssbKeys, ssbValidate } from './reference.js'

const { keys, reference } = identity(1)

/** Text of any UTF-16 units, lone surrogates included. */
const anyText = fc.string({
  unit: fc
    .oneof(
      fc.integer({ min: 0x20, max: 0x7e }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(0, 0x0a, 0x22, 0x5c, 0x2f, 0x7f, 0x2028, 0xd83d, 0xde00),
    )
    .map((unit) => String.fromCharCode(unit)),
  maxLength: 30,
})
const anyNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 123456789012345680000),
)
const anyKey = fc.oneof(
  anyText,
  fc.constantFrom('__proto__', 'constructor', 'toString', '0', '12', '01', '-1', '4294967295'),
)

/** JSON values as texts, so that keys such as `__proto__` and repeated keys get through. */
const { json: anyJson } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      anyText.map((text) => JSON.stringify(text)),
      anyNumber.map((number) => (Object.is(number, -0) ? '-0' : String(number))),
      fc.constantFrom('null', 'true', 'false', '[]', '{}', '1.0', '1E3', '1e999', '"\\/\\u0041"'),
    ),
    fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(anyKey, tie('json')), { maxLength: 4 })
      .map(
        (entries) =>
          `{${entries.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(', ')}}`,
      ),
  ),
}))

const anyContent = fc
  .array(fc.tuple(anyKey, anyJson), { maxLength: 5 })
  .map((entries) => {
    const fields = entries.map(([key, json]) => `,${JSON.stringify(key)}:${json}`)
    return JSON.parse(`{"type":"post"${fields.join('')}}`) as Record<string, unknown>
  })
  .filter((content) => typeof content.type === 'string')

const anyTimestamp = fc.double({ noNaN: true, noDefaultInfinity: true })
const hmacKey = Buffer.alloc(32, 7)

it('messages made by ssb-validate are valid here, with the same key and the same bytes', () => {
  fc.assert(
    fc.property(anyContent, anyTimestamp, fc.boolean(), (content, timestamp, hasHmac) => {
      const referenceKey = hasHmac ? hmacKey.toString('base64') : null
      const value = ssbValidate.create(null, reference, referenceKey, content, timestamp)
      const bytes = Buffer.from(JSON.stringify(value))
      const result = readClassic(bytes, hasHmac ? { hmacKey } : {})
      if (!result.ok) return expect.unreachable(result.reason)
      const { message } = result
      expect(verifySignature(message)).toBe(true)
      expect(message.key).toBe(ssbValidate.id(value))
      expect(messageKeyFromBytes(message.keyBytes)).toBe(message.key)
      expect(message.compact).toBe(bytes)
      expect(isDeepStrictEqual(message.value, JSON.parse(bytes.toString()))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

it('messages made here are valid for ssb-validate, one after the other, with the same keys', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyContent, anyTimestamp, fc.boolean()), { minLength: 1, maxLength: 4 }),
      (drafts) => {
        let head = null
        let state = null
        for (const [content, timestamp, isLegacyOrder] of drafts) {
          const message = createClassic({ keys, head, timestamp, content, isLegacyOrder })
          const value: unknown = JSON.parse(Buffer.from(message.compact).toString())
          expect(ssbValidate.checkInvalid(state, null, value)).toBe(false)
          expect(ssbValidate.id(value)).toBe(message.key)
          head = { key: message.key, sequence: message.sequence }
          state = { id: message.key, sequence: message.sequence, timestamp, queue: [] }
        }
      },
    ),
    { numRuns: 100 },
  )
})

/** Every UTF-16 unit as an escape in capitals, which no printer writes. */
function asEscapes(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0').toUpperCase()}`).join('')
}

it('another spelling of a message has the same key, bytes and value', () => {
  const spelled = fc.tuple(anyContent, fc.constantFrom(0, 1, '\t', ' \r\n'), fc.nat(3))
  fc.assert(
    fc.property(spelled, ([content, indentation, escapeEvery]) => {
      const { compact, key } = createClassic({ keys, head: null, timestamp: 1, content })
      const text = Buffer.from(compact).toString()
      let seen = 0
      const escaped = JSON.stringify(JSON.parse(text), null, indentation).replace(
        /[^\0-\x7f]/gu,
        (character) =>
          escapeEvery > 0 && seen++ % escapeEvery === 0 ? asEscapes(character) : character,
      )
      const result = readClassic(Buffer.from(escaped))
      if (!result.ok) return expect.unreachable(result.reason)
      expect(result.message.key).toBe(key)
      expect(Buffer.from(result.message.compact).toString()).toBe(text)
      expect(isDeepStrictEqual(result.message.value, JSON.parse(text))).toBe(true)
      expect(verifySignature(result.message)).toBe(true)
    }),
    { numRuns: 200 },
  )
})

const fields = ['previous', 'sequence', 'author', 'timestamp', 'hash', 'content'] as const
const nearlyBase64 = fc.string({
  unit: fc.constantFrom(...'ABEQwgx09+/=._é\n'),
  maxLength: 13,
})
const oddValues = fc.oneof(
  fc
    .tuple(nearlyBase64, fc.constantFrom('.box', '.box2', '.bo', '.box\n'))
    .map((parts) => parts.join('')),
  anyJson.map((json) => JSON.parse(json) as unknown),
  fc.constantFrom<unknown>(
    keys.id,
    identity(2).keys.id,
    keys.id.replace('ed25519', 'sha256'),
    '%4bqbUTWpb+MYNRnKxOFaofgCIZsAv3ZgJzdasEV/RKE=.sha256',
    'sha256',
    'AAAA.box',
    'AAAA.box2',
    1,
    2,
    2 ** 30,
    { type: 'abc' },
    { type: 'x'.repeat(52) },
    { type: 'x'.repeat(53) },
  ),
)

it('decides as ssb-validate does when one field is anything, but for what it refuses on purpose', () => {
  const base = {
    previous: '%4bqbUTWpb+MYNRnKxOFaofgCIZsAv3ZgJzdasEV/RKE=.sha256',
    sequence: 2,
    author: keys.id,
    timestamp: 1,
    hash: 'sha256',
    content: { type: 'post' },
  }
  let acceptedCount = 0
  fc.assert(
    fc.property(fc.constantFrom(...fields), oddValues, (field, odd) => {
      const value = ssbKeys.signObj(reference, null, { ...base, [field]: odd })
      const result = readClassic(Buffer.from(JSON.stringify(value)))
      const isAccepted = result.ok && verifySignature(result.message)
      if (isAccepted) acceptedCount++
      // Out of order, ssb-validate looks at neither `previous` nor the range of `sequence`.
      const isStricterHere =
        !result.ok && (result.reason === 'PREVIOUS' || result.reason === 'SEQUENCE')
      if (!isStricterHere)
        expect(isAccepted).toBe(isAcceptedByReference(JSON.parse(JSON.stringify(value))))
      if (result.ok)
        expect(result.message.key).toBe(ssbValidate.id(JSON.parse(JSON.stringify(value))))
    }),
    { numRuns: 1000 },
  )
  expect(acceptedCount).toBeGreaterThan(20)
})

it('never throws on any bytes, and a changed byte never passes for the same message', () => {
  const { compact, key } = createClassic({
    keys,
    head: null,
    timestamp: 1,
    content: { type: 'post' },
  })
  fc.assert(
    fc.property(fc.nat(compact.length - 1), fc.nat(255), fc.nat(2), (at, byte, kind) => {
      const inserted = kind === 0 ? [] : [byte]
      const rest = compact.subarray(kind === 2 ? at : at + 1)
      const changed = Buffer.concat([compact.subarray(0, at), Uint8Array.from(inserted), rest])
      const result = readClassic(changed)
      if (!result.ok || !verifySignature(result.message)) return
      expect(result.message.key).toBe(key)
      expect(Buffer.compare(result.message.compact, compact)).toBe(0)
    }),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !readClassic(bytes).ok))
})
