import type { LogLevel } from '@dunbar/actor'
import { generateKeys } from '@dunbar/core'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { netAddress } from '../src/index.js'
import { Staging } from '../src/staging.js'

const addressOf = (number: number, host = `10.0.0.${number}`) =>
  netAddress(host, 8008, generateKeys(new Uint8Array(32).fill(number)).id)!

function setUp(maxPeers = 256) {
  const simulation = createSimulation({ seed: 1 })
  const logger = { log: (_: LogLevel, __: string, ___: string) => {} }
  const { timers, clock } = simulation.ports('main', { fs: new MemoryFileSystem(), logger })
  const staging = new Staging(clock, timers, maxPeers)
  const held = () => [...staging.entries()].map(([address]) => address)
  return { simulation, staging, held }
}

describe('the staging table', () => {
  test('forgets a peer of the local network ten seconds after it was heard of last', async () => {
    const { simulation, staging, held } = setUp()
    let changeCount = 0
    staging.onChange(() => changeCount++)
    staging.stage(addressOf(1), { type: 'lan' })
    staging.stage(addressOf(2), { type: 'lan' })
    await simulation.advance(9_000)
    expect(staging.stage(addressOf(1), { type: 'lan' })).toBe(false)
    await simulation.advance(1_000)
    expect(held()).toEqual([addressOf(1).text])
    await simulation.advance(9_000)
    expect(held()).toEqual([])
    expect(changeCount).toBe(5)
  })

  test('keeps others until they are taken out', async () => {
    const { simulation, staging, held } = setUp()
    staging.stage(addressOf(1), { type: 'internet' })
    await simulation.advance(86_400_000)
    expect(held()).toHaveLength(1)
    expect(staging.unstage(addressOf(1).text)).toBe(true)
    expect(staging.unstage(addressOf(1).text)).toBe(false)
  })

  test('takes all addresses of a peer out at once', () => {
    const { staging, held } = setUp()
    for (const host of ['10.0.0.1', '10.0.0.2']) staging.stage(addressOf(1, host), { type: 'lan' })
    staging.stage(addressOf(2), { type: 'lan' })
    staging.unstagePeer(addressOf(1).key)
    expect(held()).toEqual([addressOf(2).text])
  })

  test('holds no more than its bound: who was silent longest gives way', () => {
    const { staging, held } = setUp(3)
    for (const number of [1, 2, 3]) staging.stage(addressOf(number), { type: 'lan' })
    staging.stage(addressOf(1), { type: 'lan' })
    staging.stage(addressOf(4), { type: 'lan' })
    expect(held()).toEqual([3, 1, 4].map((number) => addressOf(number).text))
  })

  test('runs no timer when it is empty or closed', async () => {
    const { simulation, staging } = setUp()
    staging.stage(addressOf(1), { type: 'lan' })
    staging.close()
    await simulation.advance(60_000)
    staging.stage(addressOf(1), { type: 'lan' })
    await simulation.advance(10_000)
    const { stepCount } = simulation
    await simulation.advance(3_600_000)
    expect(simulation.stepCount).toBe(stepCount)
  })
})
