import type { FeedId, MessageKey } from '@dunbar/core'
import { connectedHeads, sortTangle, type TangleMessage } from '@dunbar/tangle'
import { describe, expect, test } from 'vitest'

const key = (name: string): MessageKey => `%${name}` as MessageKey
const rootKey = key('root')

/** `after`: names of the messages in `branch`. */
function message(
  name: string,
  timestamp: number,
  after: string[] = [],
  more: Partial<TangleMessage> = {},
): TangleMessage {
  return {
    key: key(name),
    author: '@author' as FeedId,
    timestamp,
    root: name === 'root' ? null : rootKey,
    fork: null,
    branch: after.map(key),
    isPrivate: false,
    ...more,
  }
}

const names = (messages: readonly TangleMessage[], indexes: readonly number[]): string =>
  indexes.map((index) => messages[index]?.key.slice(1)).join(' ')

const lineOf = (messages: readonly TangleMessage[]): string =>
  names(messages, sortTangle(rootKey, messages).order)

describe('the order of a tangle', () => {
  test('puts a message after those it names, whatever its timestamp claims', () => {
    const messages = [
      message('c', 1, ['b']),
      message('b', 50, ['a']),
      message('root', 100),
      message('a', 10, ['root']),
    ]
    expect(lineOf(messages)).toBe('root a b c')
  })

  test('puts concurrent messages by claimed timestamp, then by key', () => {
    const messages = [
      message('late', 30, ['root']),
      message('b', 20, ['root']),
      message('a', 20, ['root']),
      message('root', 1),
      message('join', 2, ['a', 'b', 'late']),
    ]
    expect(lineOf(messages)).toBe('root a b late join')
  })

  test('takes a reply without a branch for a reply to the root', () => {
    const messages = [message('a', 5), message('root', 9), message('b', 7, ['a'])]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('root a b')
    expect(sorted.disconnected).toEqual([])
  })

  test('places what is behind a gap by its timestamp and flags it with all that follows it', () => {
    const messages = [
      message('root', 1),
      message('a', 10, ['root']),
      message('b', 30, ['a']),
      message('stray', 20, ['lost']),
      message('next', 25, ['stray']),
      message('join', 26, ['stray', 'b']),
    ]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('root a stray next b join')
    expect(sorted.missing).toEqual([key('lost')])
    expect(names(messages, sorted.disconnected)).toBe('stray next join')
  })

  test('never puts anything before the root, also with an earlier timestamp and a gap', () => {
    expect(lineOf([message('early', -5, ['lost']), message('root', 100)])).toBe('root early')
  })

  test('sorts replies whose root is not held and lists the root as missing', () => {
    const messages = [message('b', 5, ['a']), message('a', 9, ['root'])]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('a b')
    expect(sorted.isRootHeld).toBe(false)
    expect(sorted.missing).toEqual([rootKey])
    expect(sorted.disconnected).toEqual([])
    expect(sorted.heads).toEqual([key('b')])
  })

  test('ignores messages of other tangles and repeated ones', () => {
    const messages = [
      message('root', 1),
      message('a', 2, ['root']),
      message('alien', 3, ['root'], { root: key('other') }),
      message('a', 2, ['root']),
    ]
    expect(sortTangle(rootKey, messages).order).toEqual([0, 1])
  })

  test('does not follow links that the root has to itself or out of the tangle', () => {
    const messages = [
      message('root', 1, ['root', 'elsewhere', 'a'], { root: rootKey }),
      message('a', 2, ['root']),
    ]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('root a')
    expect(sorted.missing).toEqual([])
    expect(sorted.cyclic).toEqual([])
    expect(sorted.heads).toEqual([key('a')])
  })

  test('survives messages that name themselves or each other', () => {
    const messages = [
      message('root', 1),
      message('self', 9, ['self', 'root']),
      message('x', 5, ['z']),
      message('y', 3, ['x']),
      message('z', 4, ['y']),
      message('after', 2, ['x']),
    ]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('root y z x after self')
    expect(names(messages, sorted.cyclic)).toBe('y z x self')
    expect(names(messages, sorted.disconnected)).toBe('y z x after self')
  })

  test('is empty for nothing', () => {
    expect(sortTangle(rootKey, [])).toEqual({
      order: [],
      heads: [],
      missing: [rootKey],
      disconnected: [],
      cyclic: [],
      forks: { splits: [], subThreads: [] },
      isRootHeld: false,
    })
  })

  test('survives timestamps that are no times', () => {
    const messages = [
      message('root', 1),
      message('infinite', Number.POSITIVE_INFINITY, ['root']),
      message('none', Number.NaN, ['root']),
      message('before', Number.NEGATIVE_INFINITY, ['root']),
    ]
    expect(lineOf(messages)).toBe('root before none infinite')
  })

  test('needs no stack for a chain of 50,000', () => {
    const chain = Array.from({ length: 50_000 }, (_, index) =>
      message(`${index}`, -index, [index === 0 ? 'root' : `${index - 1}`]),
    )
    const ring = [...chain.slice(1), message('0', 0, ['49999'])]
    expect(sortTangle(rootKey, [message('root', 1), ...chain]).order.at(-1)).toBe(50_000)
    expect(sortTangle(rootKey, [message('root', 1), ...ring]).cyclic).toHaveLength(50_000)
  })
})

describe('forks of a tangle', () => {
  test('lists messages with several successors', () => {
    const messages = [
      message('root', 1),
      message('b', 3, ['root', 'root']),
      message('a', 2, ['root']),
      message('join', 4, ['a', 'b']),
    ]
    expect(sortTangle(rootKey, messages).forks.splits).toEqual([
      { key: rootKey, successors: [key('a'), key('b')] },
    ])
  })

  test('shows sub-threads after the reply that they began at', () => {
    const sub = { root: key('a'), fork: rootKey }
    const messages = [
      message('s2', 1, ['s1'], sub),
      message('s1', 2, [], sub),
      message('a', 50, ['root']),
      message('b', 3, ['root']),
      message('root', 1),
    ]
    const sorted = sortTangle(rootKey, messages)
    expect(names(messages, sorted.order)).toBe('root b a s1 s2')
    expect(sorted.forks.subThreads).toEqual([{ root: key('a'), messages: [key('s1'), key('s2')] }])
    expect(sorted.heads).toEqual([key('a'), key('b')])
  })

  test('a sub-thread is a tangle of its own under the reply that it began at', () => {
    const messages = [
      message('a', 50, ['root', 'lost']),
      message('s1', 2, ['a'], { root: key('a'), fork: rootKey }),
      message('s2', 1, ['s1'], { root: key('a'), fork: rootKey }),
    ]
    const sorted = sortTangle(key('a'), messages)
    expect(names(messages, sorted.order)).toBe('a s1 s2')
    expect(sorted.missing).toEqual([])
    expect(sorted.heads).toEqual([key('s2')])
  })

  test('a sub-thread whose beginning is not held is behind a gap', () => {
    const messages = [
      message('root', 1),
      message('s1', 2, ['root'], { root: key('gone'), fork: rootKey }),
    ]
    const sorted = sortTangle(rootKey, messages)
    expect(sorted.missing).toEqual([key('gone')])
    expect(sorted.disconnected).toEqual([1])
  })
})

describe('heads', () => {
  const withGap = [
    message('root', 1),
    message('a', 2, ['root']),
    message('stray', 3, ['lost']),
    message('join', 4, ['a', 'lost']),
  ]

  test('of a thread are what no branch names, behind gaps too', () => {
    expect(sortTangle(rootKey, withGap).heads).toEqual([key('join'), key('stray')])
  })

  test('of a v2 tangle are connected, so a merge with a missing predecessor stays out', () => {
    expect(connectedHeads(rootKey, withGap)).toEqual([key('a')])
  })

  test('of a v2 tangle are none without the root, and the root where nothing else is connected', () => {
    expect(connectedHeads(rootKey, withGap.slice(1))).toEqual([])
    const loose = [message('root', 1), message('empty', 2), message('self', 3, ['self', 'root'])]
    expect(connectedHeads(rootKey, loose)).toEqual([rootKey])
  })

  test('include the root until a branch names it', () => {
    expect(sortTangle(rootKey, [message('root', 1)]).heads).toEqual([rootKey])
    expect(sortTangle(rootKey, [message('root', 1), message('a', 2)]).heads).toEqual([
      key('a'),
      rootKey,
    ])
  })
})
