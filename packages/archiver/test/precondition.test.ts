import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../src/app-callbacks.js'
import { decide, MAX_QUESTIONS, MAX_WAIT_SECONDS } from '../src/precondition.js'

const number = (value: number): Answer => ({ kind: 'number', value })

/** Decides by these answers, one row a question; the last row goes on. */
async function decided(rows: readonly (readonly Answer[])[]) {
  const simulation = createSimulation({ seed: 1 })
  const logger = { log: () => undefined }
  const { timers } = simulation.ports('main', { fs: new MemoryFileSystem(), logger })
  const waits: number[] = []
  let asked = 0
  const decision = await simulation.run(
    decide({
      timers,
      signal: new AbortController().signal,
      ask: async () => rows[Math.min(asked++, rows.length - 1)]!,
      onWait: (seconds) => waits.push(seconds),
    }),
  )
  return { decision, asked, waits, tookMs: simulation.nowMs }
}

describe('a precondition', () => {
  test('begins at 0, and where nobody is to be asked', async () => {
    expect(await decided([[number(0)]])).toMatchObject({ decision: null, asked: 1, tookMs: 0 })
    expect(await decided([[]])).toMatchObject({ decision: null, tookMs: 0 })
  })

  test('cancels at a negative number', async () => {
    expect(await decided([[number(-1)]])).toMatchObject({
      decision: 'PRECONDITION_CANCELLED',
      waits: [],
    })
  })

  test('waits as many seconds as it says and asks again', async () => {
    expect(await decided([[number(5)], [number(60)], [number(0)]])).toEqual({
      decision: null,
      asked: 3,
      waits: [5, 60],
      tookMs: 65_000,
    })
  })

  test('of several waits for the longest, and goes by any no', async () => {
    expect(
      await decided([
        [number(5), number(7)],
        [number(0), number(0)],
      ]),
    ).toMatchObject({
      decision: null,
      waits: [7],
    })
    expect(await decided([[number(5), number(-2)]])).toMatchObject({
      decision: 'PRECONDITION_CANCELLED',
    })
    const gone: Answer = { kind: 'none', reason: 'PRECONDITION_GONE' }
    expect(await decided([[number(0), gone]])).toMatchObject({ decision: 'PRECONDITION_GONE' })
  })

  test('waits a day at most before it asks again, and not for ever', async () => {
    const { waits, decision, asked } = await decided([[number(2 ** 40)]])
    expect(new Set(waits)).toEqual(new Set([MAX_WAIT_SECONDS]))
    expect(decision).toBe('PRECONDITION_UNDECIDED')
    expect(asked).toBe(MAX_QUESTIONS)
  })

  test('ends its wait when it is not wanted any more', async () => {
    const simulation = createSimulation({ seed: 1 })
    const logger = { log: () => undefined }
    const { timers } = simulation.ports('main', { fs: new MemoryFileSystem(), logger })
    const leaving = new AbortController()
    timers.set(2_000, () => leaving.abort())
    const { signal } = leaving
    const decision = decide({ timers, signal, ask: async () => [number(100)] })
    expect(await simulation.run(decision)).toBe('PRECONDITION_GONE')
    expect(simulation.nowMs).toBe(2_000)
  })
})
