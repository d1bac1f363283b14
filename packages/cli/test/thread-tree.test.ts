import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawThread, localTime, shortId, summary, type ThreadMessage } from '../src/thread-tree.js'

const naming = { nameOf: (id: string) => id, timeOf: (timestamp: number) => `t${timestamp}` }

function message(
  key: string,
  author: string,
  branch: unknown,
  text = `text of ${key}`,
): ThreadMessage {
  return {
    key,
    value: { author, timestamp: key.charCodeAt(0), content: { type: 'post', text, branch } },
  }
}

describe('a thread drawn as a tree', () => {
  it('goes on in one column for a conversation, and opens columns for several answers', () => {
    const thread = [
      message('a', 'Alice', undefined),
      message('b', 'Bob', 'a'),
      message('c', 'Carol', 'a'),
      message('d', 'Alice', ['b', 'b']),
      message('e', 'Bob', 'd'),
      message('f', 'Dora', 'e'),
      message('g', 'Eve', 'e'),
    ]
    expect(drawThread(thread, naming)).toEqual([
      'Alice · t97',
      '│ text of a',
      '├─ Bob · t98',
      '│  │ text of b',
      '│  Alice · t100',
      '│  │ text of d',
      '│  Bob · t101',
      '│  │ text of e',
      '│  ├─ Dora · t102',
      '│  │    text of f',
      '│  └─ Eve · t103',
      '│       text of g',
      '└─ Carol · t99',
      '     text of c',
    ])
  })

  it('puts a message whose parents are missing below the root', () => {
    const thread = [message('a', 'A', null), message('b', 'B', ['lost', 7, null])]
    expect(drawThread(thread, naming)).toEqual([
      'A · t97',
      '│ text of a',
      '└─ B · t98',
      '     text of b',
    ])
  })

  it('draws nothing for nothing', () => {
    expect(drawThread([], naming)).toEqual([])
  })

  it('draws every message exactly once, whatever its links are', () => {
    const key = fc.constantFrom(...'abcdefgh')
    const link = fc.oneof(key, fc.array(key), fc.constant(null), fc.jsonValue())
    fc.assert(
      fc.property(
        fc.uniqueArray(key),
        fc.array(link, { minLength: 8, maxLength: 8 }),
        (keys, links) => {
          const thread = keys.map((one, index) => message(one, `by ${one}`, links[index]))
          const heads = drawThread(thread, naming).filter((line) => line.includes('·'))
          expect(heads).toHaveLength(keys.length)
          for (const one of keys) {
            expect(heads.filter((line) => line.includes(`by ${one} `))).toHaveLength(1)
          }
        },
      ),
    )
  })

  it('survives a thread that opens a column at each of 3,000 messages', () => {
    const thread = Array.from({ length: 3000 }, (_, index) =>
      message(`k${index}`, 'A', `k${index - (index % 2) - 1}`),
    )
    expect(drawThread(thread, naming)).toHaveLength(6000)
  })
})

describe('what a message says', () => {
  it('is its text on one line, without what a terminal would obey', () => {
    expect(summary({ type: 'post', text: 'a\n\n b\u001b[31m\u009b2J\u202ered' })).toBe(
      'a b [31m 2J red',
    )
  })

  it('is cut when it is long, between characters', () => {
    const shown = summary({ type: 'post', text: '😀'.repeat(300) })
    expect([...shown]).toHaveLength(201)
    expect(shown.endsWith('😀…')).toBe(true)
  })

  it('is its type when it has no text', () => {
    expect(summary({ type: 'vote', text: 5 })).toBe('(vote)')
    expect(summary('AAA.box')).toBe('(private)')
    expect(summary(null)).toBe('(without type)')
  })
})

it('prints times and ids for people', () => {
  expect(localTime(new Date(2017, 6, 14, 2, 40).getTime())).toBe('2017-07-14 02:40')
  expect(localTime(1e300)).toBe('(no time)')
  expect(shortId('@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519')).toBe('@iojj3XQJ…')
})
