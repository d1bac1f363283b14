import { describe, expect, test } from 'vitest'
import { EventStream, Listeners } from '../src/event-stream.js'

describe('a stream of events', () => {
  test('gives what happened to a reader that was slow, the newest as far as its bound', async () => {
    const stream = new EventStream<number>(2)
    for (const event of [1, 2, 3]) stream.push(event)
    expect(await stream.next()).toEqual({ done: false, value: 2 })
    expect(await stream.next()).toEqual({ done: false, value: 3 })
  })

  test('gives what happens to a reader that waits', async () => {
    const stream = new EventStream<number>(1)
    const next = stream.next()
    stream.push(1)
    stream.push(2)
    expect(await next).toEqual({ done: false, value: 1 })
    expect(await stream.next()).toEqual({ done: false, value: 2 })
  })

  test('ends once, for the reader that waits and for whoever fed it', async () => {
    let leaveCount = 0
    const stream = new EventStream<number>(1, () => leaveCount++)
    const next = stream.next()
    stream.end()
    await stream.return()
    stream.push(1)
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(leaveCount).toBe(1)
  })
})

test('a listener that leaves while it is told is told nothing more', () => {
  const listeners = new Listeners<number>()
  const heard: number[] = []
  const leave = listeners.add((event) => {
    heard.push(event)
    leave()
  })
  listeners.tell(1)
  listeners.tell(2)
  expect(heard).toEqual([1])
})
