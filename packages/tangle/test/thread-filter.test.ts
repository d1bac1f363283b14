import type { FeedId, MessageKey } from '@dunbar/core'
import { filterOrder, filterThread, type TangleMessage } from '@dunbar/tangle'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const key = (name: string): MessageKey => `%${name}` as MessageKey
const feed = (name: string): FeedId => `@${name}` as FeedId
const rootKey = key('root')

function message(
  name: string,
  author: string,
  timestamp: number,
  after: string[] = [],
  isPrivate = false,
): TangleMessage {
  return {
    key: key(name),
    author: feed(author),
    timestamp,
    root: name === 'root' ? null : rootKey,
    fork: null,
    branch: after.map(key),
    isPrivate,
  }
}

const thread = [
  message('root', 'alice', 1),
  message('a', 'bob', 50, ['root']),
  message('b', 'mallory', 40, ['a']),
  message('c', 'alice', 30, ['b']),
  message('d', 'carol', 20, ['root']),
]

test('leaves out blocked authors but lets their links order the others', () => {
  const result = filterThread(rootKey, thread, {
    blocked: new Set([feed('mallory')]),
    private: false,
  })
  if (!result.isShown) throw new Error(result.reason)
  expect(result.thread.order).toEqual([0, 4, 1, 3])
  expect(result.thread.missing).toEqual([])
  expect(result.thread.disconnected).toEqual([])
  expect(result.thread.heads).toEqual([key('c'), key('d')])
  expect(result.thread.forks.splits).toEqual([{ key: rootKey, successors: [key('d'), key('a')] }])
})

test('a split of which blocking leaves one side is none', () => {
  const result = filterThread(rootKey, thread, {
    blocked: new Set([feed('carol')]),
    private: false,
  })
  expect(result).toMatchObject({ isShown: true, thread: { forks: { splits: [] } } })
})

test('does not show a thread of a blocked author, and says whose it is', () => {
  expect(
    filterThread(rootKey, thread, { blocked: new Set([feed('alice')]), private: false }),
  ).toEqual({
    isShown: false,
    reason: 'AUTHOR_BLOCKED',
    author: feed('alice'),
    text: 'Author Blocked:@alice',
  })
})

test('leaves out messages of the other privacy without asking for them as missing', () => {
  const mixed = [
    message('leak', 'bob', 5, ['root']),
    message('root', 'alice', 1, [], true),
    message('a', 'bob', 2, ['root'], true),
    message('b', 'alice', 3, ['a', 'leak', 'lost'], true),
  ]
  const result = filterThread(rootKey, mixed, { blocked: new Set(), private: true })
  if (!result.isShown) throw new Error(result.reason)
  expect(result.thread.order).toEqual([1, 2, 3])
  expect(result.thread.missing).toEqual([key('lost')])
  expect(result.thread.disconnected).toEqual([3])
})

test('does not show a private thread as a public one, or the reverse', () => {
  const refused = { isShown: false, reason: 'OTHER_PRIVACY' }
  expect(filterThread(rootKey, thread, { blocked: new Set(), private: true })).toEqual(refused)
  const hidden = [message('root', 'alice', 1, [], true)]
  expect(filterThread(rootKey, hidden, { blocked: new Set(), private: false })).toEqual(refused)
})

test('shows replies whose root is not held', () => {
  const result = filterThread(rootKey, thread.slice(1), { blocked: new Set(), private: false })
  expect(result).toMatchObject({
    isShown: true,
    thread: { isRootHeld: false, order: [3, 0, 1, 2] },
  })
})

test('the order alone is that of the whole, for any messages and whoever is blocked', () => {
  const names = ['root', 'a', 'b', 'c', 'd', 'e'] as const
  const messages = fc.array(
    fc
      .record({
        name: fc.constantFrom(...names),
        author: fc.constantFrom('alice', 'bob', 'mallory'),
        timestamp: fc.integer({ min: 0, max: 5 }),
        after: fc.subarray([...names, 'gone']),
        isPrivate: fc.boolean(),
      })
      .map(({ name, author, timestamp, after, isPrivate }) =>
        message(name, author, timestamp, after, isPrivate),
      ),
    { maxLength: 8 },
  )
  const filter = fc.record({
    blocked: fc.subarray(['alice', 'bob', 'mallory']).map((authors) => new Set(authors.map(feed))),
    private: fc.boolean(),
  })
  fc.assert(
    fc.property(messages, filter, (given, wanted) => {
      const whole = filterThread(rootKey, given, wanted)
      expect(filterOrder(rootKey, given, wanted)).toEqual(
        whole.isShown ? { isShown: true, order: whole.thread.order } : whole,
      )
    }),
  )
})
