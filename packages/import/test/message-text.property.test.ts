import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Found, findMessage, readExactly } from '../src/message-text.js'
import { feedId, line, messageKey } from './stores.js'

const found: Found = { valueStart: 0, valueEnd: 0, received: 0 }

/** What the fixed places say of a text, in the form of the slow version; null where they say nothing. */
function atFixedPlaces(bytes: Buffer, start: number, end: number) {
  const author = new Uint8Array(40)
  if (!findMessage(bytes, start, end, found, author, 4)) return null
  return {
    author: author.slice(4, 36),
    received: found.received,
    value: bytes.subarray(found.valueStart, found.valueEnd),
  }
}

function parsedOf(bytes: Buffer, start: number, end: number) {
  const parsed = readExactly(bytes, start, end)
  if (typeof parsed === 'string') throw new Error(`the slow version says ${parsed}`)
  return parsed
}

/** Texts that could be taken for the begin or the end of something. */
const trap = fc.constantFrom(
  '"author":"@',
  `"author":"${feedId('evil')}"`,
  `,"signature":"${'A'.repeat(86)}==.sig.ed25519"},"timestamp":1}`,
  '"signature"',
  '"value":{',
  '},"timestamp":12}',
  '\\',
  '\\"',
  '\u2028',
  '\ud800',
  '😀',
)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  trap,
  fc.array(trap).map((all) => all.join('')),
)
const content = fc.oneof(
  fc.record({ type: fc.constant('post'), text }),
  fc.record({ type: fc.constant('post'), author: text, value: fc.jsonValue(), signature: text }),
  fc.jsonValue(),
  text.map((inner) => `${Buffer.from(inner).toString('base64')}.box`),
)
const timestamp = fc.oneof(
  fc.integer({ min: 0, max: 2e12 }),
  // JSON has no -0.
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.constantFrom(1_500_000_000_000.5, -1, 0, 1e21, 1e-7, 9007199254740994, 123456789012345.6),
)
const message = fc
  .record({
    sequence: fc.integer({ min: 1, max: 2 ** 31 }),
    content,
    isOldOrder: fc.boolean(),
    timestamp,
    claimed: timestamp,
  })
  .map((from) => {
    const made = line('alice', from.sequence, from.content, from.isOldOrder)
    return {
      key: made.key,
      value: { ...made.value, timestamp: from.claimed },
      timestamp: from.timestamp,
    }
  })

describe('reading a record by fixed places', () => {
  it('gives what parsing gives, for every record that a JSON writer prints in the usual order', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (record, isBare) => {
        const json = JSON.stringify(isBare ? record.value : record)
        const bytes = Buffer.from(`xx${json}yy`)
        const end = bytes.length - 2
        const slow = parsedOf(bytes, 2, end)
        const fast = atFixedPlaces(bytes, 2, end)
        if (fast === null) return
        expect(Buffer.from(fast.author)).toEqual(Buffer.from(slow.author))
        expect(fast.received).toBe(isBare ? Number.NaN : record.timestamp)
        expect(fast.received).toBe(slow.received)
        // The feed parses and prints the value; both ways must bring it to the same text.
        expect(JSON.stringify(JSON.parse(fast.value.toString()))).toBe(
          Buffer.from(slow.value).toString(),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('never contradicts parsing, whatever the spacing, the order of keys and further members are', () => {
    const extra = fc.dictionary(
      fc.constantFrom('private', 'meta', 'rts', 'original', 'value2', 'feed'),
      fc.oneof(message, fc.jsonValue(), fc.integer()),
    )
    const order = fc.shuffledSubarray(['key', 'value', 'timestamp', 'extra'], { minLength: 3 })
    fc.assert(
      fc.property(message, extra, order, fc.nat({ max: 2 }), fc.nat({ max: 3 }), (...given) => {
        const [record, more, keys, indent, odd] = given
        const made: Record<string, unknown> = {}
        for (const key of keys) {
          if (key === 'extra') Object.assign(made, more)
          else made[key] = record[key as keyof typeof record]
        }
        let json = JSON.stringify(made, null, indent).replaceAll('\n', '')
        if (odd === 1) json = json.replace(',"signature"', ', "signature"')
        if (odd === 2) json = json.replace('},"timestamp"', '} ,"timestamp"')
        if (odd === 3) json = ` ${json}\r`
        const bytes = Buffer.from(json)
        const fast = atFixedPlaces(bytes, 0, bytes.length)
        if (fast === null) return
        const slow = parsedOf(bytes, 0, bytes.length)
        expect(Buffer.from(fast.author)).toEqual(Buffer.from(slow.author))
        expect(fast.received).toBe(slow.received)
        expect(JSON.stringify(JSON.parse(fast.value.toString()))).toBe(
          Buffer.from(slow.value).toString(),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('takes every ordinary message without parsing it', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 1e6 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 2e12 }),
        fc.constantFrom(0, 0.5, 0.001),
        (body, sequence, isOldOrder, whole, fraction) => {
          const made = line('alice', sequence, { type: 'post', text: body }, isOldOrder)
          const bytes = Buffer.from(JSON.stringify({ ...made, timestamp: whole + fraction }))
          const fast = atFixedPlaces(bytes, 0, bytes.length)
          expect(fast?.value.toString()).toBe(JSON.stringify(made.value))
          expect(fast?.received).toBe(whole + fraction)
        },
      ),
    )
  })

  it('leaves a line with any one byte changed to the same author, or to parsing', () => {
    const bytes = Buffer.from(JSON.stringify(line('alice', 2)))
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (place, byte) => {
        const changed = Buffer.from(bytes)
        changed[place] = byte
        const fast = atFixedPlaces(changed, 0, changed.length)
        if (fast === null) return
        let value: unknown
        try {
          value = JSON.parse(fast.value.toString())
        } catch {
          return
        }
        const { author } = value as { author: string }
        expect(Buffer.from(fast.author).toString('base64')).toBe(author.slice(1, 45))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('reading a record by parsing it', () => {
  const read = (value: unknown) => {
    const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    const parsed = readExactly(bytes, 0, bytes.length)
    return typeof parsed === 'string' ? parsed : JSON.parse(Buffer.from(parsed.value).toString())
  }

  it('says of what is no message why it is none', () => {
    expect(read('no json')).toBe('NOT_JSON')
    expect(read('')).toBe('NOT_JSON')
    expect(read('17')).toBe('NOT_A_MESSAGE')
    expect(read('[]')).toBe('NOT_A_MESSAGE')
    expect(read('null')).toBe('NOT_A_MESSAGE')
    expect(read({ key: messageKey('a'), timestamp: 1 })).toBe('NOT_A_MESSAGE')
    expect(read({ key: messageKey('a'), value: { author: 7 } })).toBe('NOT_A_MESSAGE')
    expect(read({ value: { author: '@short.ed25519' } })).toBe('NOT_A_MESSAGE')
    expect(read({ value: JSON.parse('{"__proto__":{"author":"x"}}') })).toBe('NOT_A_MESSAGE')
    expect(read(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)).toBe('NOT_A_MESSAGE')
  })

  it('tells feeds of other formats apart', () => {
    const base64 = feedId('a').slice(1, 45)
    for (const author of [
      `ssb:feed/bendybutt-v1/${base64}`,
      `@${base64}.bbfeed-v1`,
      `@${base64}.ggfeed-v1`,
    ]) {
      expect(read({ value: { author, content: {} } })).toBe('UNKNOWN_FORMAT')
    }
  })

  it('refuses an author id whose characters only look like base64 in latin1', () => {
    const { value } = line('alice', 1)
    const author = value.author.replace(/^@./, '@\u0141')
    expect(read({ value: { ...value, author } })).toBe('NOT_A_MESSAGE')
  })

  it('keeps members named __proto__ and constructor as they are', () => {
    const { value } = line('alice', 1, JSON.parse('{"type":"post","__proto__":1,"constructor":2}'))
    const json = JSON.stringify({ timestamp: 5, value })
    const bytes = Buffer.from(json)
    const parsed = parsedOf(bytes, 0, bytes.length)
    expect(Buffer.from(parsed.value).toString()).toBe(JSON.stringify(value))
    expect(Buffer.from(parsed.value).toString()).toContain('"__proto__":1')
  })

  it('puts the ciphertext back into a message that its node had decrypted', () => {
    const cyphertext = 'AAAA.box'
    const signed = line('alice', 1, cyphertext)
    const plain = { type: 'post', text: 'for your eyes' }
    const opened = { ...signed.value, content: plain }
    expect(read({ ...signed, value: { ...opened, cyphertext, private: true } })).toEqual(
      signed.value,
    )
    expect(
      read({
        ...signed,
        value: { ...opened, meta: { private: true, original: { content: cyphertext } } },
      }),
    ).toEqual(signed.value)
    expect(
      read({ ...signed, value: opened, meta: { private: true, originalContent: cyphertext } }),
    ).toEqual(signed.value)
    expect(
      read({ value: { ...opened, meta: { private: true, originalContent: cyphertext } } }),
    ).toEqual(signed.value)
  })
})
