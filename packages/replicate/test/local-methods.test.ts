import { getEventListeners } from 'node:events'
import type { MethodCall } from '@dunbar/wire'
import { expect, test } from 'vitest'
import { EbtEngine } from '../src/ebt-engine.js'
import { FeedTable } from '../src/feed-table.js'
import { localMethods } from '../src/local-methods.js'
import { keysOf, TestSet } from './test-node.js'

test('replicate.changes leaves one listener behind at most, however long it is read', async () => {
  const { id } = keysOf('one')
  const listeners = new Set<() => void>()
  const methods = localMethods({
    id,
    engine: new EbtEngine(new FeedTable(), {
      isBlocked: () => false,
      isGivenNothing: () => false,
      onReady: () => {},
      stallMs: 3_000,
      strangerFeeds: 100,
      sentNotes: 100,
    }),
    set: new TestSet([id]),
    onProgress(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    block: () => {},
  })
  const reader = new AbortController()
  const { signal } = reader
  const { handler } = methods.find(({ name }) => name === 'replicate.changes')!
  const changes = (handler([], { signal } as MethodCall) as AsyncIterable<unknown>)[
    Symbol.asyncIterator
  ]()
  await changes.next()
  for (let round = 0; round < 20; round++) {
    const next = changes.next()
    await Promise.resolve()
    for (const listener of listeners) listener()
    expect(await next).toMatchObject({ value: { id, feeds: 0 } })
  }
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1)
  const last = changes.next()
  reader.abort()
  expect(await last).toEqual({ done: true, value: undefined })
  expect(listeners.size).toBe(0)
})
