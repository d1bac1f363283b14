import { systemPorts } from '@dunbar/actor'
import { describe, expect, it } from 'vitest'
import { createSimulation, newThreadLife } from '../src/virtual-clock.js'

const logger = { log: () => {} }
const parts = { fs: systemPorts(logger).fs, logger }

function world(seed = 1) {
  const simulation = createSimulation({ seed })
  return { simulation, ports: simulation.ports('main', parts) }
}

describe('time', () => {
  it('moves only as far as it is told', async () => {
    const { simulation, ports } = world()
    const wallMs = ports.clock.now()
    await simulation.advance(1_500)
    expect(ports.clock.monotonic()).toBe(1_500)
    expect(ports.clock.now() - wallMs).toBe(1_500)
  })

  it('runs timers in the order of their time, then of being set', async () => {
    const { simulation, ports } = world()
    const order: string[] = []
    for (const [name, delayMs] of [
      ['late', 20],
      ['first', 10],
      ['second', 10],
      ['never', 31],
    ] as const) {
      ports.timers.set(delayMs, () => order.push(`${name} ${ports.clock.monotonic()}`))
    }
    await simulation.advance(30)
    expect(order).toEqual(['first 10', 'second 10', 'late 20'])
  })

  it('forgets a timer that was taken back', async () => {
    const { simulation, ports } = world()
    let fired = 0
    ports.timers.set(5, () => {
      fired += 1
    })()
    await simulation.advance(10)
    expect(fired).toBe(0)
  })

  it('lets all promise reactions of a step run before the next step', async () => {
    const { simulation, ports } = world()
    const order: string[] = []
    ports.timers.set(1, async () => {
      for (let at = 0; at < 5; at += 1) await Promise.resolve()
      order.push('reactions')
    })
    ports.timers.set(1, () => order.push('next'))
    await simulation.advance(1)
    expect(order).toEqual(['reactions', 'next'])
  })
})

describe('running', () => {
  it('moves the clock as far as a promise needs', async () => {
    const { simulation, ports } = world()
    const promise = new Promise<string>((resolve) => {
      ports.timers.set(60_000, () => resolve('done'))
    })
    expect(await simulation.run(promise)).toBe('done')
    expect(simulation.nowMs).toBe(60_000)
  })

  it('says so when nothing is left that could settle a promise', async () => {
    const { simulation } = world()
    await expect(simulation.run(new Promise(() => {}))).rejects.toThrow('nothing is left to run')
  })

  it('is idle when only timers are left', async () => {
    const { simulation, ports } = world()
    const order: string[] = []
    ports.timers.set(50, () => order.push('timer'))
    ports.turns.soon(() => {
      order.push('turn')
      ports.turns.soon(() => order.push('turn again'))
    })
    await simulation.runUntilIdle()
    expect(order).toEqual(['turn', 'turn again'])
    expect(simulation.nowMs).toBe(0)
  })

  it('takes a run without end for one', async () => {
    const simulation = createSimulation({ seed: 1, maxSteps: 100 })
    const { turns } = simulation.ports('main', parts)
    const again = (): void => turns.soon(again)
    again()
    await expect(simulation.runUntilIdle()).rejects.toThrow('no end after 100 steps')
  })
})

describe('threads and seeds', () => {
  it('runs nothing of a thread that is dead, and keeps what is due in one that hangs', async () => {
    const { simulation } = world()
    const order: string[] = []
    const dead = newThreadLife()
    const hung = newThreadLife()
    simulation.ports('dead', parts, dead).timers.set(1, () => order.push('dead'))
    simulation.ports('hung', parts, hung).timers.set(1, () => order.push('hung'))
    dead.isAlive = false
    hung.isHung = true
    await simulation.advance(5)
    expect(order).toEqual([])
    expect(hung.held.length).toBe(1)
  })

  it('gives each thread random numbers of its own, which the seed decides', () => {
    const draw = (seed: number, thread: string) =>
      createSimulation({ seed }).ports(thread, parts).random.next()
    expect(draw(1, 'a')).toBe(draw(1, 'a'))
    expect(new Set([draw(1, 'a'), draw(1, 'b'), draw(2, 'a')]).size).toBe(3)
  })
})
