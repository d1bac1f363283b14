import { feedIdFromBytes, MAX_SEQUENCE, type MessageKey } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import {
  type ClassicMessage,
  checkSuccessor,
  readClassic,
  verifySignature,
} from '../src/classic.js'
import { feedState, identity, isAcceptedByReference, ssbKeys, ssbValidate } from './reference.js'

const { keys, reference } = identity(1)
const otherId = identity(2).keys.id
const keyText = '%4bqbUTWpb+MYNRnKxOFaofgCIZsAv3ZgJzdasEV/RKE=.sha256' as MessageKey

type Fields = Record<string, unknown>

const base: Fields = {
  previous: null,
  sequence: 1,
  author: keys.id,
  timestamp: 1_500_000_000_000,
  hash: 'sha256',
  content: { type: 'post', text: 'hello' },
}

function signed(fields: Fields): Fields {
  return ssbKeys.signObj(reference, null, fields)
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function read(value: unknown): ClassicMessage {
  return readText(JSON.stringify(value))
}

function readText(text: string): ClassicMessage {
  const result = readClassic(Buffer.from(text))
  if (!result.ok) throw new Error(result.reason)
  return result.message
}

function reasonOf(value: unknown): string {
  return reasonOfText(JSON.stringify(value))
}

function reasonOfText(text: string | Buffer): string {
  const result = readClassic(Buffer.from(text as string))
  return result.ok ? 'ok' : result.reason
}

describe('readClassic', () => {
  it('gives the parts of a message, the key and what is signed', () => {
    const bytes = bytesOf(signed(base))
    const result = readClassic(bytes)
    if (!result.ok) return expect.unreachable(result.reason)
    const { message } = result
    expect(message.key).toBe(keyText)
    expect(message).toMatchObject({
      author: keys.id,
      authorBytes: keys.publicKey,
      sequence: 1,
      previous: null,
      timestamp: 1_500_000_000_000,
      content: { type: 'post', text: 'hello' },
    })
    expect(message.compact).toBe(bytes)
    expect(Buffer.from(message.signed).toString()).toBe(JSON.stringify(base, null, 2))
    expect(verifySignature(message)).toBe(true)
  })

  it('takes both orders of author and sequence, and no other', () => {
    const { previous, sequence, author, ...rest } = base
    const legacy = signed({ previous, author, sequence, ...rest })
    expect(verifySignature(read(legacy))).toBe(true)
    const swapped = signed({ sequence, previous, author, ...rest })
    const late = { signature: legacy.signature, ...base }
    for (const value of [swapped, late]) {
      expect(reasonOf(value)).toBe('FIELD_ORDER')
      expect(isAcceptedByReference(value)).toBe(false)
    }
  })

  it('refuses every single wrong field, with its reason, as ssb-validate does', () => {
    const lowOrder = feedIdFromBytes(new Uint8Array(32))
    const wrong: [string, Fields][] = [
      ['PREVIOUS', { previous: keyText }],
      ['PREVIOUS', { sequence: 2 }],
      ['PREVIOUS', { sequence: 2, previous: 'x' }],
      ['PREVIOUS', { sequence: 2, previous: keyText.replace('=.', '.') }],
      ['SEQUENCE', { sequence: 0 }],
      ['SEQUENCE', { sequence: -1 }],
      ['SEQUENCE', { sequence: 1.5 }],
      ['SEQUENCE', { sequence: '1' }],
      ['SEQUENCE', { sequence: null }],
      ['SEQUENCE', { sequence: MAX_SEQUENCE + 1, previous: keyText }],
      ['AUTHOR', { author: 'x' }],
      ['AUTHOR', { author: null }],
      ['AUTHOR', { author: keys.id.replace('ed25519', 'sha256') }],
      ['AUTHOR', { author: lowOrder }],
      ['UNKNOWN_FORMAT', { author: `ssb:feed/bendybutt-v1/${'A'.repeat(43)}=` }],
      ['TIMESTAMP', { timestamp: null }],
      ['TIMESTAMP', { timestamp: '1500000000000' }],
      ['HASH', { hash: 'sha512' }],
      ['HASH', { hash: null }],
      ['CONTENT', { content: null }],
      ['CONTENT', { content: [] }],
      ['CONTENT', { content: 'plain text' }],
      ['CONTENT', { content: 'AAAA.bo' }],
      ['CONTENT', { content: 'AAA.box' }],
      ['CONTENT', { content: 'AAAA.box\n' }],
      ['CONTENT', { content: 7 }],
      ['CONTENT_TYPE', { content: {} }],
      ['CONTENT_TYPE', { content: { type: 'ab' } }],
      ['CONTENT_TYPE', { content: { type: 'x'.repeat(53) } }],
      ['CONTENT_TYPE', { content: { type: ['post'] } }],
      ['CONTENT_TYPE', { content: { type: null } }],
      ['FIELDS', { extra: 1 }],
    ]
    for (const [reason, change] of wrong) {
      const value = signed({ ...base, ...change })
      expect([change, reasonOf(value)]).toEqual([change, reason])
      const state = value.sequence === 2 ? feedState(keyText, 1) : null
      const isAccepted =
        value.author === keys.id && ssbValidate.checkInvalid(state, null, value) === false
      expect([change, isAccepted]).toEqual([change, false])
    }
  })

  it('refuses a list that ssb-validate compares as equal to its only item', () => {
    const value = signed({ ...base, sequence: 2, previous: [keyText] })
    expect(ssbValidate.checkInvalid(feedState(keyText, 1), null, value)).toBe(false)
    expect(reasonOf(value)).toBe('PREVIOUS')
  })

  it('refuses a message without one of its fields', () => {
    const value = signed(base)
    for (const field of Object.keys(value)) {
      const { [field]: _, ...rest } = value
      expect(reasonOf(rest)).toBe('FIELDS')
    }
  })

  it('refuses signatures in any other form', () => {
    const value = signed(base)
    const signature = value.signature as string
    const forms = [
      signature.replace('==.', '.'),
      signature.replace('==.sig', '=.sig'),
      signature.replace('A==', 'B=='),
      signature.replace('.sig.ed25519', '.sig.sha256'),
      ` ${signature.slice(1)}`,
      `${signature} `,
      signature.slice(1),
      '',
      null,
    ]
    for (const form of forms) expect(reasonOf({ ...value, signature: form })).toBe('SIGNATURE_FORM')
  })

  it('refuses what is no JSON object in UTF-8', () => {
    const texts: [string, string | Buffer][] = [
      ['NOT_JSON', ''],
      ['NOT_JSON', '{'],
      ['NOT_JSON', `\uFEFF${JSON.stringify(signed(base))}`],
      ['NOT_JSON', `${JSON.stringify(signed(base))}{}`],
      ['NOT_JSON', '{"text":"line\nfeed"}'],
      ['NOT_UTF8', Buffer.from([0x22, 0xff, 0x22])],
      ['NOT_UTF8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
      ['NOT_UTF8', Buffer.from([0x22, 0xc0, 0x80, 0x22])],
      ['FIELDS', 'null'],
      ['FIELDS', '"text"'],
      ['FIELDS', '[1,2,3,4,5,6,7]'],
      ['FIELDS', '{"__proto__":{"author":1}}'],
    ]
    for (const [reason, text] of texts) expect(reasonOfText(text)).toBe(reason)
  })

  it('refuses invalid bytes even where a replacement character would give the signed text', () => {
    const text = JSON.stringify(signed({ ...base, content: { type: 'post', text: '\uFFFD' } }))
    expect(verifySignature(readText(text))).toBe(true)
    const bytes = Buffer.from(text)
    const at = bytes.indexOf('\uFFFD')
    const replaced = Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from([0xff]),
      bytes.subarray(at + 3),
    ])
    expect(JSON.parse(replaced.toString())).toEqual(JSON.parse(text))
    expect(reasonOfText(replaced)).toBe('NOT_UTF8')
  })

  it('bounds bytes and depth before it parses', () => {
    const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
    expect(reasonOfText(deep(65))).toBe('TOO_DEEP')
    expect(reasonOfText(deep(64))).toBe('FIELDS')
    expect(reasonOfText('['.repeat(60_000))).toBe('TOO_DEEP')
    expect(reasonOfText('{"a":'.repeat(10_000))).toBe('TOO_DEEP')
    expect(reasonOfText(' '.repeat(64 * 1024 + 1))).toBe('TOO_LONG')
    expect(reasonOfText(' '.repeat(64 * 1024))).toBe('NOT_JSON')
  })

  it('refuses nothing valid by its depth limit: the deepest content that fits is below it', () => {
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    let levels = 1
    while (reasonOf(signed({ ...base, content: { type: 'post', x: nested(levels) } })) === 'ok')
      levels++
    expect(levels).toBeGreaterThan(50)
    expect(levels).toBeLessThan(62)
    const tooLong = signed({ ...base, content: { type: 'post', x: nested(levels) } })
    expect(reasonOf(tooLong)).toBe('TOO_LONG')
    expect(isAcceptedByReference(tooLong)).toBe(false)
  })

  it('counts brackets in strings as text', () => {
    const content = { type: 'post', text: `${'[{'.repeat(300)}\\"[[\\` }
    expect(verifySignature(read(signed({ ...base, content })))).toBe(true)
  })

  it('counts UTF-16 units of the indented text, up to 8,192', () => {
    const units = JSON.stringify(
      signed({ ...base, content: { type: 'post', text: '' } }),
      null,
      2,
    ).length
    for (const [character, size] of [
      ['a', 1],
      ['€', 1],
      ['😀', 2],
      ['"', 2],
    ] as const) {
      const count = Math.floor((8192 - units) / size)
      const text = character.repeat(count)
      const value = signed({ ...base, content: { type: 'post', text } })
      const over = signed({ ...base, content: { type: 'post', text: text + character } })
      expect([reasonOf(value), reasonOf(over)]).toEqual(['ok', 'TOO_LONG'])
      expect([isAcceptedByReference(value), isAcceptedByReference(over)]).toEqual([true, false])
    }
  })

  it('takes any ciphertext that ssb-validate takes', () => {
    for (const content of [
      '.box',
      'AAAA.box',
      'AA==.box2',
      'AAA=.boxes and more',
      'AAAA.box.box',
    ]) {
      const value = signed({ ...base, content })
      expect([reasonOf(value), isAcceptedByReference(value)]).toEqual(['ok', true])
    }
    for (const content of ['A.box', 'AAAAA.box', 'AB==.box', 'AAB=.box', '=AAA.box', 'A=A=.box']) {
      const value = signed({ ...base, content })
      expect([reasonOf(value), isAcceptedByReference(value)]).toEqual(['CONTENT', false])
    }
  })

  it('keeps an own key __proto__ in content, with its text and key', () => {
    const content = '{"type":"post","__proto__":{"type":"x"},"constructor":{"prototype":1}}'
    const fields: Fields = { ...base, content: JSON.parse(content) }
    const value = signed(fields)
    const message = read(value)
    expect(message.key).toBe(ssbValidate.id(value))
    expect(Object.keys(message.content)).toEqual(['type', '__proto__', 'constructor'])
    expect(Buffer.from(message.compact).toString()).toContain(content)
    expect(verifySignature(message)).toBe(true)
    const inherited = signed({ ...base, content: JSON.parse('{"__proto__":{"type":"post"}}') })
    expect(reasonOf(inherited)).toBe('CONTENT_TYPE')
  })

  it('makes one message of every spelling of one value, with the canonical bytes', () => {
    const content = { type: 'post', text: 'café /A', n: 1000, '1': 'first', d: 2 }
    const value = signed({ ...base, timestamp: 1000, content })
    const canonical = read(value)
    const text = JSON.stringify(value)
    const spellings = [
      JSON.stringify(value, null, 2),
      ` \t\r\n${text}\n`,
      text.replace('/A', '\\/A'),
      text.replace('/A', '/\\u0041'),
      text.replace('é', '\\u00E9'),
      text.replace('"n":1000', '"n":1E3'),
      text.replace('"n":1000', '"n":1000.0'),
      text.replace('"timestamp":1000', '"timestamp":1e+3'),
      text.replace('"sequence":1', '"sequence":1.0'),
      text.replace('"d":2', '"d":9,"d":2'),
      text.replace('"1":"first",', '').replace('"d":2', '"d":2,"1":"first"'),
      text.replace('"type"', '"\\u0074ype"'),
    ]
    for (const spelling of spellings) {
      expect(spelling).not.toBe(text)
      const message = readText(spelling)
      expect(message.key).toBe(canonical.key)
      expect(Buffer.from(message.compact).toString()).toBe(text)
      expect(message.value).toEqual(canonical.value)
      expect(verifySignature(message)).toBe(true)
    }
  })

  it('has as value what the canonical text says, also where a number is printed as another', () => {
    const value = signed({ ...base, content: { type: 'post', huge: null, zero: 0 } })
    const text = JSON.stringify(value)
      .replace('"huge":null', '"huge":1e999')
      .replace('"zero":0', '"zero":-0')
    const message = readText(text)
    expect(message.content).toStrictEqual({ type: 'post', huge: null, zero: 0 })
    expect(message.value.content).toBe(message.content)
    expect(message.key).toBe(ssbValidate.id(value))
    expect(reasonOfText(JSON.stringify(value).replace('1500000000000', '1e999'))).toBe('TIMESTAMP')
  })

  it('reads lone surrogates as escapes', () => {
    const value = signed({ ...base, content: { type: 'post', text: '\ud800 \udfff' } })
    const message = read(value)
    expect(message.key).toBe(ssbValidate.id(value))
    expect(readText(JSON.stringify(value).replace('ud800', 'uD800')).key).toBe(message.key)
    expect(verifySignature(message)).toBe(true)
  })

  it('does not change the received bytes and reads from any offset', () => {
    const bytes = bytesOf(signed(base))
    const around = new Uint8Array(bytes.length + 20).fill(0x20)
    around.set(bytes, 7)
    const part = around.subarray(7, 7 + bytes.length)
    const result = readClassic(part)
    expect(result.ok && result.message.key).toBe(keyText)
    expect(result.ok && result.message.compact).toBe(part)
    expect(Buffer.compare(part, bytes)).toBe(0)
  })
})

describe('verifySignature', () => {
  it('is false for another author, another text and another network', () => {
    const value = signed(base)
    expect(verifySignature(read({ ...value, author: otherId }))).toBe(false)
    expect(verifySignature(read({ ...value, timestamp: 1 }))).toBe(false)
    const result = readClassic(bytesOf(value), { hmacKey: new Uint8Array(32).fill(7) })
    expect(result.ok && verifySignature(result.message)).toBe(false)
  })
})

describe('checkSuccessor', () => {
  const key = keyText
  const at = (sequence: number, previous: MessageKey | null) => ({ sequence, previous })
  const other = '%wgGIvUlJZrqR4/Xl6jgWNPuwaxAcnaQOuU4OPXDgdFk=.sha256' as MessageKey

  it('takes the first message of a feed of which nothing is held', () => {
    expect(checkSuccessor(at(1, null), null)).toBe('ok')
    expect(checkSuccessor(at(2, key), null)).toBe('GAP')
  })

  it('takes the next message only where it follows the head', () => {
    expect(checkSuccessor(at(6, key), { key, sequence: 5 })).toBe('ok')
    expect(checkSuccessor(at(6, other), { key, sequence: 5 })).toBe('FORK')
  })

  it('tells gaps from what is held already', () => {
    expect(checkSuccessor(at(7, key), { key, sequence: 5 })).toBe('GAP')
    expect(checkSuccessor(at(5, other), { key, sequence: 5 })).toBe('KNOWN_OR_OLD')
    expect(checkSuccessor(at(1, null), { key, sequence: 5 })).toBe('KNOWN_OR_OLD')
  })
})
