import { describeDataset } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import { generateThreads, type Thread, threadSizes } from '../../bench/dist/threads.js'

function written(size: { feeds: number; messages: number; seed: number }) {
  const threads: Thread[] = []
  const messages = [...generateThreads(size, (thread) => threads.push(thread))]
  return { messages, threads }
}

interface Content {
  readonly root?: string
  readonly branch?: readonly string[]
}
const contentOf = ({ value }: { readonly value: Uint8Array }): Content =>
  JSON.parse(Buffer.from(value).toString()).content

test('threads have the sizes that they were asked for, by few feeds and by many', () => {
  const { messages, threads } = written({ feeds: 30, messages: 3000, seed: 1 })
  expect(messages).toHaveLength(3000)
  expect(describeDataset(messages).feeds).toBe(30)
  expect(threads.map(({ messages: size, spread }) => [size, spread])).toEqual([
    [10, 'few'],
    [10, 'many'],
    [100, 'few'],
    [100, 'many'],
    [1000, 'few'],
    [1000, 'many'],
  ])
  for (const { root, messages: size, spread } of threads) {
    const own = messages.filter((each) => each.key === root || contentOf(each).root === root)
    expect(own).toHaveLength(size)
    const authors = new Set(own.map(({ author }) => author))
    expect(authors.size).toBe(Math.min(size, spread === 'few' ? 5 : 30))
  }
})

test('a reply names only earlier messages of its own thread', () => {
  const { messages } = written({ feeds: 8, messages: 500, seed: 2 })
  const rootOf = new Map<string, string>()
  for (const message of messages) {
    const { root, branch = [] } = contentOf(message)
    rootOf.set(message.key, root ?? message.key)
    for (const key of branch) expect(rootOf.get(key)).toBe(root)
  }
})

test('the same seed gives the same bytes', () => {
  const bytes = () =>
    written({ feeds: 5, messages: 60, seed: 3 }).messages.map(({ value }) => value)
  expect(bytes()).toEqual(bytes())
})

test('only sizes that leave room for other messages are chosen', () => {
  expect(threadSizes(20)).toEqual([])
  expect(threadSizes(1000)).toEqual([10, 100])
  expect(threadSizes(30_000)).toEqual([10, 100, 1000, 10_000])
})
