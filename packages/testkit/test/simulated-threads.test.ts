import { type Batch, systemPorts } from '@dunbar/actor'
import { describe, expect, it } from 'vitest'
import { type SimulatedThread, SimulatedThreads } from '../src/simulated-threads.js'
import { createSimulation } from '../src/virtual-clock.js'

const logger = { log: () => {} }
const parts = () => ({ fs: systemPorts(logger).fs, logger })
const batch = (received: number, value?: unknown): Batch => ({
  received,
  envelopes: value === undefined ? [] : [{ kind: 'cast', name: 'a', lane: 'local', body: value }],
})
const bodyOf = ({ envelopes }: Batch): unknown => (envelopes[0] as { body?: unknown }).body

/** A hub end and one thread that `entry` runs. */
function pair(entry: (thread: SimulatedThread) => unknown, seed = 1) {
  const simulation = createSimulation({ seed })
  const threads = new SimulatedThreads({ simulation, entries: { entry }, parts })
  const port = threads.start({ name: 't', entry: 'entry', workerData: { n: 1 } })
  const exits: (Error | null)[] = []
  port.onExit((error) => exits.push(error))
  return { simulation, threads, port, exits }
}

describe('connections', () => {
  it('brings batches in order, cloned, after a delay', async () => {
    const seen: number[] = []
    const { simulation, port } = pair((thread) => {
      thread.port.onMessage(({ received }) => seen.push(received))
    })
    for (let at = 0; at < 50; at += 1) port.post(batch(at), [])
    expect(seen).toEqual([])
    await simulation.runUntilIdle()
    expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => at))
    expect(simulation.nowMs).toBeGreaterThan(0)
  })

  it('detaches what is transferred and copies what is not', async () => {
    const seen: unknown[] = []
    const { simulation, port } = pair((thread) => {
      thread.port.onMessage((received) => seen.push(bodyOf(received)))
    })
    const moved = new ArrayBuffer(8)
    const copied = new ArrayBuffer(8)
    port.post(batch(0, { moved, copied }), [moved])
    expect([moved.byteLength, copied.byteLength]).toEqual([0, 8])
    await simulation.runUntilIdle()
    expect(seen).toEqual([{ moved: new ArrayBuffer(8), copied: new ArrayBuffer(8) }])
    expect((seen[0] as { copied: unknown }).copied).not.toBe(copied)
  })

  it('throws for what cannot be cloned, and brings nothing', async () => {
    const seen: unknown[] = []
    const { simulation, port } = pair((thread) => {
      thread.port.onMessage((received) => seen.push(received))
    })
    expect(() =>
      port.post(
        batch(0, () => 1),
        [],
      ),
    ).toThrow('could not be cloned')
    await simulation.runUntilIdle()
    expect(seen).toEqual([])
  })

  it('delays by the seed', async () => {
    const arrival = async (seed: number) => {
      const { simulation, port } = pair((thread) => {
        thread.port.onMessage(() => {})
      }, seed)
      port.post(batch(0), [])
      await simulation.runUntilIdle()
      return simulation.nowMs
    }
    expect(await arrival(1)).toBe(await arrival(1))
    expect(await arrival(1)).not.toBe(await arrival(2))
  })
})

describe('threads', () => {
  it('give their entry a clone of the worker data and ports of their own', async () => {
    const seen: SimulatedThread[] = []
    const { simulation } = pair((thread) => seen.push(thread))
    await simulation.runUntilIdle()
    expect(seen[0]).toMatchObject({ name: 't', workerData: { n: 1 } })
  })

  it('take their timers with them when they are killed, and tell the hub', async () => {
    let fired = 0
    const { simulation, threads, exits } = pair(({ ports }) => {
      ports.timers.set(10, () => {
        fired += 1
      })
    })
    await simulation.runUntilIdle()
    threads.kill('t')
    await simulation.advance(100)
    expect(fired).toBe(0)
    expect(exits.map((error) => error?.message)).toEqual(['it was killed'])
    expect(threads.names).toEqual([])
  })

  it('may lose what they posted last, or not, by the seed', async () => {
    const counts = new Set<number>()
    for (let seed = 0; seed < 20; seed += 1) {
      let arrived = 0
      const { simulation, threads, port } = pair((thread) => thread.port.post(batch(1), []), seed)
      port.onMessage(() => {
        arrived += 1
      })
      await simulation.advance(2)
      if (arrived > 0) continue
      threads.kill('t')
      await simulation.runUntilIdle()
      counts.add(arrived)
    }
    expect([...counts].sort()).toEqual([0, 1])
  })

  it('do nothing while they hang, and all of it afterwards', async () => {
    const seen: number[] = []
    const { simulation, threads, port } = pair((thread) => {
      thread.port.onMessage(({ received }) => seen.push(received))
    })
    await simulation.runUntilIdle()
    threads.hang('t')
    for (const at of [1, 2, 3]) port.post(batch(at), [])
    await simulation.advance(1_000)
    expect(seen).toEqual([])
    threads.resume('t')
    await simulation.runUntilIdle()
    expect(seen).toEqual([1, 2, 3])
  })

  it('end with the error of their entry, or without one where they end themselves', async () => {
    const failing = pair(() => Promise.reject(new Error('no disk')))
    await failing.simulation.runUntilIdle()
    expect(failing.exits.map((error) => error?.message)).toEqual(['no disk'])
    const ending = pair(({ port }) => port.terminate())
    await ending.simulation.runUntilIdle()
    expect(ending.exits).toEqual([null])
  })
})
