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
