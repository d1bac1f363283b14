import type { LogLevel } from '@dunbar/actor'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { ItemStream } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { Ping } from '../src/ping.js'

const REST_MS = 300_000

function setUp() {
  const simulation = createSimulation({ seed: 1 })
  const logger = { log: (_: LogLevel, __: string, ___: string) => {} }
  const { timers, clock } = simulation.ports('main', { fs: new MemoryFileSystem(), logger })
  const answers: [number, number][] = []
  let silenceCount = 0
  const ping = new Ping({
    timers,
    clock,
    restMs: REST_MS,
    onAnswer: (rttMs, skewMs) => answers.push([rttMs, skewMs]),
    onSilence: () => silenceCount++,
  })
  const input = new ItemStream<unknown>(100, 'dropOldest')
  const sent: number[] = []
  const read = async () => {
    for await (const time of ping.output) sent.push(time)
  }
  void read()
  void ping.read(input)
  return { simulation, clock, ping, input, sent, answers, silences: () => silenceCount }
}

describe('a ping', () => {
  test('measures the way there and back, and how far the clocks are apart', async () => {
    const { simulation, clock, ping, input, answers } = setUp()
    ping.serve()
    await simulation.advance(80)
    input.push(clock.now() + 960)
    await simulation.advance(0)
    expect(answers).toEqual([[80, 1_000]])
  })

  test('is answered once, and served back after the rest', async () => {
    const { simulation, input, sent } = setUp()
    input.push(1)
    await simulation.advance(0)
    expect(sent).toHaveLength(1)
    await simulation.advance(REST_MS - 1)
    expect(sent).toHaveLength(1)
    await simulation.advance(1)
    expect(sent).toHaveLength(2)
  })

  test('without an answer for a rest says so, and ends', async () => {
    const { simulation, ping, silences } = setUp()
    ping.serve()
    await simulation.advance(REST_MS)
    expect(silences()).toBe(1)
    expect(await ping.output.next()).toMatchObject({ done: true })
  })

  test('is sent again where the other side forgets its turn', async () => {
    const { simulation, clock, ping, input, sent } = setUp()
    ping.serve()
    await simulation.advance(10)
    input.push(clock.now())
    await simulation.advance(2 * REST_MS)
    expect(sent).toHaveLength(2)
  })

  test('is no game of catch: answers to answers get none', async () => {
    const { simulation, input, sent } = setUp()
    for (let at = 0; at < 50; at++) {
      input.push(at)
      await simulation.advance(1)
    }
    expect(sent).toHaveLength(1)
  })

  test('ignores what is no time', async () => {
    const { simulation, input, sent } = setUp()
    for (const item of ['now', null, {}, Number.NaN, new Uint8Array(3)]) input.push(item)
    await simulation.advance(10)
    expect(sent).toEqual([])
  })

  test('leaves no timer behind when either side ends the stream', async () => {
    for (const end of ['input', 'output'] as const) {
      const { simulation, ping, input } = setUp()
      ping.serve()
      if (end === 'input') input.end()
      else await ping.output.return?.()
      await simulation.advance(0)
      const { stepCount } = simulation
      await simulation.advance(10 * REST_MS)
      expect(simulation.stepCount).toBe(stepCount)
    }
  })
})
