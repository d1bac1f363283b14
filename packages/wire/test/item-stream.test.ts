import { describe, expect, test } from 'vitest'
import { ItemStream } from '../src/index.js'

describe('a stream of items that are pushed', () => {
  test('gives what happened to a reader that was slow, the newest as far as its bound', async () => {
    const stream = new ItemStream<number>(2, 'dropOldest')
    for (const event of [1, 2, 3]) stream.push(event)
    expect(await stream.next()).toEqual({ done: false, value: 2 })
    expect(await stream.next()).toEqual({ done: false, value: 3 })
  })

  test('gives what happens to a reader that waits', async () => {
    const stream = new ItemStream<number>(1, 'dropOldest')
    const next = stream.next()
    stream.push(1)
    stream.push(2)
    expect(await next).toEqual({ done: false, value: 1 })
    expect(await stream.next()).toEqual({ done: false, value: 2 })
  })

  test('ends once, for the reader that waits and for whoever fed it', async () => {
    let leaveCount = 0
    const stream = new ItemStream<number>(1, 'dropOldest', () => leaveCount++)
    const next = stream.next()
    stream.end()
    await stream.return()
    stream.push(1)
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(leaveCount).toBe(1)
  })

  test('is ended by an error where nothing may be lost and too many wait', async () => {
    let leaveCount = 0
    const stream = new ItemStream<number>(2, 'fail', () => leaveCount++)
    for (const item of [1, 2, 3]) stream.push(item)
    await expect(stream.next()).rejects.toMatchObject({ code: 'READER_TOO_SLOW' })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(leaveCount).toBe(1)
  })
})
