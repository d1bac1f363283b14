import { isFeedId } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isNotes, type MessageHead, readMessageHead, readNotes } from '../src/items.js'
import { readNote } from '../src/notes.js'
import { feedId } from './ebt-network.js'

const headOf = (text: string): { author: string; sequence: number; value: string } | null => {
  const bytes = Buffer.from(text)
  const head: MessageHead = { author: '', sequence: 0, start: 0, end: 0 }
  if (!readMessageHead(bytes, head)) return null
  const { author, sequence, start, end } = head
  return { author, sequence, value: bytes.toString('utf8', start, end) }
}

const notesOf = (text: string, max = 1e9): [string, number][] | null => {
  const notes: [string, number][] = []
  const count = readNotes(Buffer.from(text), max, (id, value) => notes.push([id, value]))
  return count === -1 ? null : notes
}

const id = fc.nat(1_000_000).map(feedId)
const content = fc.oneof(fc.string(), fc.object({ maxDepth: 4 }))
const messages = fc.record({
  previous: fc.constantFrom(null, `%${'A'.repeat(43)}=.sha256`),
  author: id,
  sequence: fc.integer({ min: 1, max: 2 ** 30 }),
  timestamp: fc.double(),
  hash: fc.constant('sha256'),
  content,
  signature: fc.string(),
})

/** Where a text is changed, and into what. */
const damages = fc.array(
  fc.record({
    at: fc.nat(),
    count: fc.nat(3),
    text: fc.oneof(
      fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '0', '-', '.', 'e', 'null'),
      fc.constantFrom('"author":', '"sequence":', '"content":', '"value":{', '"@', '"clock":'),
      fc.string({ maxLength: 2 }),
    ),
  }),
  { minLength: 1, maxLength: 3 },
)

const damaged = (
  text: string,
  made: readonly { readonly at: number; readonly count: number; readonly text: string }[],
): string =>
  made.reduce((before, { at, count, text: put }) => {
    const start = at % (before.length + 1)
    return before.slice(0, start) + put + before.slice(start + count)
  }, text)

/** The object in a text; null for none, and where names are written oddly or more than once. */
function parsedOnce(text: string): Record<string, unknown> | null {
  const once = (name: string) => text.split(`"${name}"`).length <= 2
  if (text.includes('\\') || !['author', 'sequence', 'value', 'clock'].every(once)) return null
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' ? (parsed as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

describe('the head of a message', () => {
  test('is what JSON.parse finds, whatever the order of the fields and the space between them', () => {
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
        fc.constantFrom(undefined, 1, 2, '\t'),
        fc.boolean(),
        (value, order, space, isWrapped) => {
          const fields = Object.entries(value)
          const shuffled = Object.fromEntries(
            fields
              .map((field, at) => [order[at]!, field] as const)
              .sort(([one], [other]) => one - other)
              .map(([, field]) => field),
          )
          const item = isWrapped ? { key: '%…', value: shuffled, timestamp: 1 } : shuffled
          const found = headOf(JSON.stringify(item, null, space))
          expect(found?.author).toBe(value.author)
          expect(found?.sequence).toBe(value.sequence)
          expect(JSON.parse(found!.value)).toEqual(JSON.parse(JSON.stringify(shuffled)))
        },
      ),
    )
  })

  test('is the same for both orders that the network prints', () => {
    const author = feedId(3)
    const rest = '"timestamp":1,"hash":"sha256","content":{"type":"post"},"signature":"x"}'
    for (const start of [
      `{"previous":null,"author":"${author}","sequence":7,`,
      `{"previous":null,"sequence":7,"author":"${author}",`,
      `{"previous":"%${'A'.repeat(43)}=.sha256","sequence":7,"author":"${author}",`,
    ]) {
      expect(headOf(start + rest)).toEqual({ author, sequence: 7, value: start + rest })
    }
  })

  test('is not found where there is no message', () => {
    for (const text of [
      '',
      '{}',
      '[]',
      'null',
      '7',
      '{"author":"@x","sequence":1,"content":{}}',
      `{"author":"${feedId(1)}","sequence":1.5,"content":{}}`,
      `{"author":"${feedId(1)}","sequence":"1","content":{}}`,
      `{"author":"${feedId(1)}","sequence":-1,"content":{}}`,
      `{"author":"${feedId(1)}","sequence":1}`,
      `{"previous":null,"author":"${feedId(1)}","sequence":1`,
      `{"value":{"value":{"author":"${feedId(1)}","sequence":1,"content":{}}}}`,
      `{"${feedId(1)}":4}`,
    ]) {
      expect(headOf(text), text).toBeNull()
    }
  })

  test('of a damaged message is what JSON.parse finds, where that finds each name once', () => {
    fc.assert(
      fc.property(messages, damages, (value, made) => {
        const text = damaged(JSON.stringify(value), made)
        const head = headOf(text)
        const parsed = parsedOnce(text)
        if (head === null || parsed === null) return
        const message = (parsed.value ?? parsed) as Record<string, unknown>
        const found = parsed.author === undefined ? message : parsed
        expect([head.author, head.sequence]).toEqual([found.author, found.sequence])
      }),
      { numRuns: 2_000 },
    )
  })

  test('is found or not in one go, however deep the text is', () => {
    const author = feedId(3)
    for (const open of ['[', '{"a":', '[{"value":', '"\\', '{"value":{"value":']) {
      const deep = open.repeat(50_000)
      expect(headOf(deep)).toBeNull()
      expect(headOf(`{"value":${deep}`)).toBeNull()
      expect(headOf(`{"content":${deep},"author":"${author}","sequence":1}`)).toBeNull()
    }
    const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    const text = `{"content":${nested},"author":"${author}","sequence":1}`
    expect(headOf(text)).toMatchObject({ author, sequence: 1 })
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const head: MessageHead = { author: '', sequence: 0, start: 0, end: 0 }
        readMessageHead(Buffer.from(bytes), head)
        isNotes(Buffer.from(bytes))
        readNotes(Buffer.from(bytes), 10, () => {})
      }),
    )
  })
})

describe('notes', () => {
  test('are what JSON.parse finds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(id, fc.string()), fc.oneof(fc.integer(), fc.double(), fc.string())),
        fc.boolean(),
        fc.constantFrom(undefined, 1),
        (clock, isWrapped, space) => {
          const text = JSON.stringify(isWrapped ? { clock } : clock, null, space)
          const parsed = JSON.parse(text) as Record<string, unknown>
          const expected = Object.entries((isWrapped ? parsed.clock : parsed) as object)
            .filter(([name]) => isFeedId(name))
            .map(([name, value]) => [name, readNote(value)])
          const found = notesOf(text)!.filter(([name]) => isFeedId(name))
          expect(found.map(([name, value]) => [name, readNote(value)])).toEqual(expected)
        },
      ),
    )
  })

  test('that are damaged are what JSON.parse finds, up to where they can be read', () => {
    fc.assert(
      fc.property(
        fc.dictionary(id, fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(null))),
        damages,
        fc.nat(8),
        (clock, made, max) => {
          const text = damaged(JSON.stringify(clock), made)
          const seen: [string, number | null][] = []
          const count = readNotes(Buffer.from(text), max, (name, value) => {
            seen.push([name, readNote(value)])
          })
          expect(count).toBeLessThanOrEqual(max)
          expect(seen.length).toBeLessThanOrEqual(max)
          const parsed = parsedOnce(text)
          if (parsed === null || count === -1 || parsed.clock !== undefined) return
          for (const [name, note] of seen.filter(([name]) => isFeedId(name))) {
            // A name that stands twice counts twice; the last one holds, as it does for JSON.parse.
            const last = seen.findLast(([other]) => other === name)!
            if (count < max) expect(last[1]).toBe(readNote(parsed[name]))
            expect(note === null || Number.isInteger(note)).toBe(true)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('with the names of what every object has are those of no feed', () => {
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '']) {
      expect(notesOf(`{"${name}":{"polluted":1},"@":1,"${feedId(1)}":4}`)).toEqual([[feedId(1), 4]])
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('are told from messages by their first field', () => {
    for (const text of ['{}', ' { } ', `{"${feedId(1)}":1}`, '{"clock":{}}']) {
      expect(isNotes(Buffer.from(text)), text).toBe(true)
    }
    for (const text of ['', '[]', '{"previous":null', '{"key":"%"}', '"@"']) {
      expect(isNotes(Buffer.from(text)), text).toBe(false)
    }
  })

  test('are read up to a number of feeds', () => {
    const text = JSON.stringify(Object.fromEntries([1, 2, 3].map((at) => [feedId(at), at])))
    expect(notesOf(text, 2)).toEqual([
      [feedId(1), 1],
      [feedId(2), 2],
    ])
  })

  test('that mean nothing are none', () => {
    for (const value of [0.5, 2 ** 31, 1e300, Number.NaN, '3', null, undefined]) {
      expect(readNote(value), String(value)).toBeNull()
    }
    expect([-1, -5, -1e9].map(readNote)).toEqual([-1, -1, -1])
  })
})
