import { type MessageKey, messageKeyFromBytes } from '@dunbar/core'
import { readTangleFields, threadRootOf } from '@dunbar/tangle'
import { expect, test } from 'vitest'

const [a, b, c] = [1, 2, 3].map((byte) => messageKeyFromBytes(new Uint8Array(32).fill(byte))) as [
  MessageKey,
  MessageKey,
  MessageKey,
]

test('reads the fields of a thread, a single id as a list of one', () => {
  const content = { type: 'post', root: a, branch: b, fork: c }
  expect(readTangleFields(content)).toEqual({ root: a, fork: c, branch: [b] })
  expect(readTangleFields({ root: a, branch: [b, c] })).toEqual({
    root: a,
    fork: null,
    branch: [b, c],
  })
})

test('reads a v2 tangle by its name', () => {
  const content = {
    root: c,
    tangles: { group: { root: a, previous: [b] }, epoch: { root: null, previous: null } },
  }
  expect(readTangleFields(content, 'group')).toEqual({ root: a, fork: null, branch: [b] })
  expect(readTangleFields(content, 'epoch')).toEqual({ root: null, fork: null, branch: [] })
  expect(readTangleFields(content, 'members')).toEqual({ root: null, fork: null, branch: [] })
  expect(readTangleFields(content, 'constructor')).toEqual({ root: null, fork: null, branch: [] })
})

test.each([
  null,
  'ciphertext.box',
  7,
  [],
  { root: 5, branch: { 0: a } },
  { root: '%no key', branch: [null, '%no key', [a]], fork: {} },
  { root: `${a}?unbox=x`, tangles: a },
])('finds no links in %j', (content) => {
  const nothing = { root: null, fork: null, branch: [] }
  expect(readTangleFields(content)).toEqual(nothing)
  expect(readTangleFields(content, 'group')).toEqual(nothing)
})

test('a message is shown in the thread that its sub-thread was forked from, else in that of its root', () => {
  expect(threadRootOf({ key: a, root: b, fork: c })).toBe(c)
  expect(threadRootOf({ key: a, root: b, fork: null })).toBe(b)
  expect(threadRootOf({ key: a, root: null, fork: null })).toBe(a)
})
