import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { ItemStream } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { ANSWER_MS, AppCallbacks } from '../src/app-callbacks.js'

function registered() {
  const simulation = createSimulation({ seed: 1 })
  const logger = { log: () => undefined }
  const { timers } = simulation.ports('main', { fs: new MemoryFileSystem(), logger })
  let leaves = 0
  const app = new AppCallbacks(timers, () => {
    leaves += 1
  })
  const input = new ItemStream<unknown>(10, 'fail')
  void app.read(input)
  return { simulation, app, input, leaves: () => leaves }
}

describe('callbacks of an app', () => {
  test('says that it is registered, then asks with a number and takes the answer to it', async () => {
    const { app, input } = registered()
    expect(await app.output.next()).toEqual({ done: false, value: { ready: true } })
    const first = app.ask({ about: 'archive' })
    const second = app.ask({ about: 'archive' })
    expect((await app.output.next()).value).toEqual({ ask: 1, about: 'archive' })
    input.push({ ask: 2, answer: -3 })
    input.push({ ask: 1, answer: 7 })
    expect(await first).toEqual({ kind: 'number', value: 7 })
    expect(await second).toEqual({ kind: 'number', value: -3 })
  })

  test('takes a failure, and what is no whole number, for a no', async () => {
    const { app, input } = registered()
    const failures = [{ error: 'it threw' }, { answer: 0.5 }, { answer: '0' }, { answer: null }, {}]
    for (const [at, failure] of failures.entries()) {
      const asked = app.ask({})
      for (const noise of [null, 'words', { ask: 99, answer: 0 }, { ask: 'x' }]) input.push(noise)
      input.push({ ask: at + 1, ...failure })
      expect(await asked).toEqual({ kind: 'none', reason: 'PRECONDITION_FAILED' })
    }
  })

  test('takes a minute of silence for a no, and an answer after it for nothing', async () => {
    const { app, input, simulation } = registered()
    const asked = app.ask({})
    await simulation.advance(ANSWER_MS - 1)
    input.push({ ask: 2, answer: 0 })
    expect(await simulation.run(asked)).toEqual({ kind: 'none', reason: 'PRECONDITION_TIMEOUT' })
    expect(simulation.nowMs).toBe(ANSWER_MS)
    input.push({ ask: 1, answer: 0 })
  })

  test('takes an app that leaves, in whichever way, for a no', async () => {
    for (const leave of [
      ({ input }: ReturnType<typeof registered>) => input.end(),
      ({ app }: ReturnType<typeof registered>) => app.output.return?.(),
      ({ app }: ReturnType<typeof registered>) => app.end(),
    ]) {
      const all = registered()
      const asked = all.app.ask({})
      void leave(all)
      expect(await asked).toEqual({ kind: 'none', reason: 'PRECONDITION_GONE' })
      expect(await all.app.ask({})).toEqual({ kind: 'none', reason: 'PRECONDITION_GONE' })
      expect(all.leaves()).toBe(1)
    }
  })

  test('sends an app away that does not read', async () => {
    const { app, leaves } = registered()
    for (let count = 0; count < 1_000; count++) app.tell({ count })
    expect(leaves()).toBe(1)
    await expect(app.output.next()).rejects.toMatchObject({ code: 'READER_TOO_SLOW' })
    expect((await app.output.next()).done).toBe(true)
  })
})
