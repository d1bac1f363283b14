import type { FeedId } from '@dunbar/core'
import { expect, test } from 'vitest'
import { OwnFeedWords } from '../src/own-feed-words.js'
import { feedId } from './ebt-network.js'

const [ben, carl, dora] = [feedId(1), feedId(2), feedId(3)]
const QUIET_MS = 60_000

/** A node that comes back with some of its messages, and a clock that is moved by hand. */
function comeback({ held, friends }: { held: number; friends: readonly FeedId[] }) {
  const node = {
    held,
    friends: new Set(friends),
    blocked: new Set<FeedId>(),
    confirmed: [] as number[],
  }
  const due = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let nowMs = 0
  const words = new OwnFeedWords({
    held: () => node.held,
    isReplicated: (peer) => node.friends.has(peer),
    isBlocked: (peer) => node.blocked.has(peer),
    hasFriends: () => node.friends.size > 0,
    confirm: (sequence) => node.confirmed.push(sequence),
    after: (delayMs, run) => {
      const timer = { atMs: nowMs + delayMs, run }
      due.add(timer)
      return () => due.delete(timer)
    },
    quietMs: QUIET_MS,
    maxPeers: 100,
  })
  const pass = (ms: number) => {
    nowMs += ms
    for (const timer of [...due]) if (timer.atMs <= nowMs && due.delete(timer)) timer.run()
  }
  const hold = (sequence: number) => {
    node.held = sequence
    words.review()
  }
  return { node, words, hold, pass, due }
}

test('two friends who know what is held, and no more, are enough', () => {
  const { node, words } = comeback({ held: 4, friends: [ben, carl] })
  words.hear(ben, 4)
  words.hear(ben, 4)
  expect(node.confirmed).toEqual([])
  words.hear(carl, 4)
  expect(node.confirmed).toEqual([4])
})

test('one friend is enough once nothing newer was heard of for a while', () => {
  const { node, words, pass } = comeback({ held: 4, friends: [ben, carl] })
  words.hear(ben, 4)
  pass(QUIET_MS - 1)
  expect(node.confirmed).toEqual([])
  pass(1)
  expect(node.confirmed).toEqual([4])
})

test('a friend who is behind opens nothing, also after what it knows has come', () => {
  const { node, words, hold, pass } = comeback({ held: 0, friends: [ben, carl] })
  words.hear(ben, 2)
  hold(2)
  pass(QUIET_MS - 1)
  words.hear(carl, 4)
  hold(4)
  pass(1)
  expect(node.confirmed).toEqual([])
  // What it says now it may have from here.
  words.hear(ben, 4)
  expect(node.confirmed).toEqual([])
  pass(QUIET_MS)
  expect(node.confirmed).toEqual([4])
})

test('a friend who had less counts once it knows what is not here yet', () => {
  const { node, words, hold } = comeback({ held: 1, friends: [ben, carl] })
  words.hear(ben, 1)
  words.hear(carl, 4)
  words.hear(ben, 4)
  hold(4)
  expect(node.confirmed).toEqual([4])
})

test('a friend who lost messages knows less', () => {
  const { node, words, pass } = comeback({ held: 4, friends: [ben] })
  words.hear(ben, 4)
  words.hear(ben, 2)
  pass(QUIET_MS)
  expect(node.confirmed).toEqual([])
})

test('strangers count for nothing where there are friends', () => {
  const { node, words, pass } = comeback({ held: 4, friends: [dora] })
  words.hear(ben, 4)
  words.hear(carl, 4)
  pass(QUIET_MS)
  expect(node.confirmed).toEqual([])
  node.friends.add(ben).add(carl)
  words.review()
  expect(node.confirmed).toEqual([4])
})

test('strangers count after a while where there is nobody else', () => {
  const { node, words, pass } = comeback({ held: 4, friends: [] })
  words.hear(ben, 4)
  words.hear(carl, 4)
  expect(node.confirmed).toEqual([])
  pass(QUIET_MS)
  expect(node.confirmed).toEqual([4])
})

test('the words of many are kept up to a number, and nothing waits after the end', () => {
  const { node, words, due } = comeback({ held: 4, friends: [ben, carl] })
  words.hear(ben, 4)
  for (let at = 0; at < 100; at++) words.hear(feedId(100 + at), 9)
  words.hear(carl, 4)
  expect(node.confirmed).toEqual([])
  words.close()
  expect(due.size).toBe(0)
})
