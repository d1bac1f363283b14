import { describe, expect, it } from 'vitest'
import {
  type ActorSpec,
  actor,
  type Context,
  type ExitReason,
  type Restart,
  type Strategy,
  supervisor,
} from '../src/index.js'
import { Journal, outcome, probe, simulatedKernel } from './simulated-kernel.js'

/** Names and rules follow OTP's `supervisor_SUITE`. */

async function family(strategy: Strategy, restarts: Partial<Record<string, Restart>> = {}) {
  const journal = new Journal()
  const behaviour = probe(journal)
  const child = (name: string): ActorSpec =>
    actor({ name, behaviour, arg: null, restart: restarts[name] ?? 'permanent', shutdownMs: 1_000 })
  const world = simulatedKernel()
  const { simulation, kernel } = world
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        strategy,
        intensity: { restarts: 3, periodMs: 10_000 },
        children: [child('a'), child('b'), child('c')],
      }),
    ),
  )
  expect(journal.take()).toEqual(['start a', 'start b', 'start c'])
  const ask = (name: string, call: unknown) =>
    simulation.run(outcome(kernel.router.call(name, call)))
  /** Ends an actor and lets everything that follows happen. */
  const end = async (name: string, reason: ExitReason | 'crash') => {
    await ask(name, reason === 'crash' ? { op: 'crash' } : { op: 'stop', reason })
    await simulation.runUntilIdle()
    return journal.take()
  }
  return { ...world, journal, ask, end }
}

describe('restart types', () => {
  it('restarts a permanent child that ended normally', async () => {
    const { end } = await family('oneForOne', { b: 'permanent' })
    expect(await end('b', { kind: 'normal' })).toEqual(['end b normal', 'start b'])
  })

  it('restarts a permanent child that crashed', async () => {
    const { end } = await family('oneForOne', { b: 'permanent' })
    expect(await end('b', 'crash')).toEqual(['end b crash', 'start b'])
  })

  it('leaves a transient child that ended normally', async () => {
    const { end, ask } = await family('oneForOne', { b: 'transient' })
    expect(await end('b', { kind: 'normal' })).toEqual(['end b normal'])
    expect(await ask('b', { op: 'echo' })).toBe('ACTOR_UNKNOWN')
  })

  it('leaves a transient child that shut itself down', async () => {
    const { end } = await family('oneForOne', { b: 'transient' })
    expect(await end('b', { kind: 'shutdown' })).toEqual(['end b shutdown'])
  })

  it('restarts a transient child that crashed', async () => {
    const { end } = await family('oneForOne', { b: 'transient' })
    expect(await end('b', 'crash')).toEqual(['end b crash', 'start b'])
  })

  it('leaves a temporary child that ended normally', async () => {
    const { end } = await family('oneForOne', { b: 'temporary' })
    expect(await end('b', { kind: 'normal' })).toEqual(['end b normal'])
  })

  it('leaves a temporary child that crashed', async () => {
    const { end, ask } = await family('oneForOne', { b: 'temporary' })
    expect(await end('b', 'crash')).toEqual(['end b crash'])
    expect(await ask('b', { op: 'echo' })).toBe('ACTOR_UNKNOWN')
    expect(await ask('a', { op: 'echo', value: 1 })).toBe(1)
  })
})

describe('strategies', () => {
  it('one for one: restarts only the child that ended', async () => {
    const { end } = await family('oneForOne')
    expect(await end('a', 'crash')).toEqual(['end a crash', 'start a'])
  })

  it('rest for one: restarts the child and those started after it', async () => {
    const { end } = await family('restForOne')
    expect(await end('b', 'crash')).toEqual(['end b crash', 'end c shutdown', 'start b', 'start c'])
  })

  it('one for all: stops from last to first and starts from first to last', async () => {
    const { end } = await family('oneForAll')
    expect(await end('b', 'crash')).toEqual([
      'end b crash',
      'end c shutdown',
      'end a shutdown',
      'start a',
      'start b',
      'start c',
    ])
  })

  it('one for all: does not start a temporary child again', async () => {
    const { end, ask } = await family('oneForAll', { c: 'temporary' })
    expect(await end('a', 'crash')).toEqual([
      'end a crash',
      'end c shutdown',
      'end b shutdown',
      'start a',
      'start b',
    ])
    expect(await ask('c', { op: 'echo' })).toBe('ACTOR_UNKNOWN')
  })

  it('one for all: leaves the others alone when a temporary child ends', async () => {
    const { end } = await family('oneForAll', { b: 'temporary' })
    expect(await end('b', 'crash')).toEqual(['end b crash'])
  })

  it('one for all: deals with a child that crashes while its siblings are started', async () => {
    const { journal, kernel, simulation, end } = await family('oneForAll')
    journal.failStarts.set('c', 1)
    expect(await end('a', 'crash')).toEqual([
      'end a crash',
      'end c shutdown',
      'end b shutdown',
      'start a',
      'start b',
      'fail c',
      'end b shutdown',
      'end a shutdown',
      'start a',
      'start b',
      'start c',
    ])
    expect(await simulation.run(kernel.router.call('c', { op: 'echo', value: 1 }))).toBe(1)
  })
})

describe('intensity', () => {
  it('bears as many restarts as it says, and fails with one more', async () => {
    const { end, kernel, simulation, events } = await family('oneForOne')
    for (const name of ['a', 'b', 'c']) {
      expect(await end(name, 'crash')).toEqual([`end ${name} crash`, `start ${name}`])
    }
    expect(await end('a', 'crash')).toEqual(['end a crash', 'end c shutdown', 'end b shutdown'])
    expect(await simulation.run(kernel.ended)).toMatchObject({
      kind: 'crash',
      error: { code: 'SUPERVISOR_INTENSITY', data: { error: { code: 'PROBE_CRASH' } } },
    })
    expect(events.at(-1)).toBe('gaveUp root')
  })

  it('slides: what happened longer ago than the period is forgotten', async () => {
    const { end, simulation } = await family('oneForOne')
    for (let at = 0; at < 12; at += 1) {
      expect(await end('a', 'crash')).toEqual(['end a crash', 'start a'])
      await simulation.advance(3_400)
    }
  })

  it('counts a start that fails during a restart', async () => {
    const { journal, end, simulation, kernel } = await family('oneForOne')
    journal.failStarts.set('b', 3)
    expect(await end('b', 'crash')).toEqual([
      'end b crash',
      'fail b',
      'fail b',
      'fail b',
      'end c shutdown',
      'end a shutdown',
    ])
    expect(await simulation.run(kernel.ended)).toMatchObject({ kind: 'crash' })
  })

  it('does not count the wanted end of a transient child', async () => {
    const { end, kernel } = await family('oneForOne', { b: 'transient' })
    await end('b', { kind: 'normal' })
    expect(kernel.inspect().tree).toMatchObject({ recentRestarts: 0 })
  })

  for (const strategy of ['oneForOne', 'restForOne', 'oneForAll'] as const) {
    it(`${strategy}: hands a failure up, and the one above restarts the whole branch`, async () => {
      const journal = new Journal()
      const behaviour = probe(journal)
      const { kernel, simulation } = simulatedKernel()
      await simulation.run(
        kernel.start(
          supervisor({
            name: 'root',
            children: [
              actor({ name: 'other', behaviour, arg: null }),
              supervisor({
                name: 'branch',
                strategy,
                intensity: { restarts: 0, periodMs: 1_000 },
                children: [
                  actor({ name: 'x', behaviour, arg: null }),
                  actor({ name: 'y', behaviour, arg: null }),
                ],
              }),
            ],
          }),
        ),
      )
      journal.take()
      await simulation.run(outcome(kernel.router.call('x', { op: 'crash' })))
      await simulation.runUntilIdle()
      expect(journal.take()).toEqual(['end x crash', 'end y shutdown', 'start x', 'start y'])
      expect(kernel.inspect().tree).toMatchObject({ recentRestarts: 1 })
    })
  }
})

describe('start and stop', () => {
  it('stops from last to first', async () => {
    const { kernel, simulation, journal } = await family('oneForOne')
    await simulation.run(kernel.stop())
    expect(journal.take()).toEqual(['end c shutdown', 'end b shutdown', 'end a shutdown'])
    expect(await simulation.run(kernel.ended)).toEqual({ kind: 'shutdown' })
  })

  it('kills a child whose last words take longer than its shutdown time', async () => {
    const { kernel, simulation, journal, events } = await family('oneForOne')
    journal.stuck.add('b')
    const stopped = kernel.stop()
    await simulation.advance(990)
    expect(journal.take()).toEqual(['end c shutdown', 'end b shutdown'])
    await simulation.advance(30)
    await simulation.run(stopped)
    expect(journal.take()).toEqual(['end a shutdown'])
    expect(events).toEqual(['killed b'])
  })

  it('kills a child whose handler does not end', async () => {
    const { kernel, simulation, events } = await family('oneForOne')
    const answer = outcome(kernel.router.call('b', { op: 'wait' }))
    await simulation.runUntilIdle()
    await simulation.run(kernel.stop())
    expect(events).toEqual(['killed b'])
    expect(await answer).toBe('ACTOR_DOWN')
  })

  it('lets the handler that runs answer before the actor ends', async () => {
    const { kernel, simulation, journal } = await family('oneForOne')
    const answer = outcome(kernel.router.call('b', { op: 'wait' }))
    await simulation.runUntilIdle()
    const stopped = kernel.stop()
    await simulation.runUntilIdle()
    journal.settle('b')
    await simulation.run(stopped)
    expect(await answer).toBe('waited')
  })

  it('stops what was started when a later child cannot start, and says why', async () => {
    const journal = new Journal()
    journal.failStarts.set('b', 1)
    const behaviour = probe(journal)
    const { kernel, simulation } = simulatedKernel()
    const start = kernel.start(
      supervisor({
        name: 'root',
        children: ['a', 'b', 'c'].map((name) => actor({ name, behaviour, arg: null })),
      }),
    )
    expect(await simulation.run(outcome(start))).toBe('PROBE_START')
    expect(journal.take()).toEqual(['start a', 'fail b', 'end a shutdown'])
  })

  it('starts and stops children together where they do not depend on each other', async () => {
    const journal = new Journal()
    const behaviour = probe(journal)
    const { kernel, simulation } = simulatedKernel()
    const children = ['a', 'b', 'c'].map((name) => actor({ name, behaviour, arg: null }))
    const tree = supervisor({ name: 'root', startsTogether: true, children })
    await simulation.run(kernel.start(tree))
    expect(journal.take()).toEqual(['start a', 'start b', 'start c'])
    journal.stuck.add('c')
    const stopped = kernel.stop()
    await simulation.advance(1)
    expect(journal.take()).toEqual(['end a shutdown', 'end b shutdown', 'end c shutdown'])
    await simulation.advance(6_000)
    await simulation.run(stopped)
  })

  it('stops all of those that start together when one of them cannot start', async () => {
    const journal = new Journal()
    journal.failStarts.set('a', 1)
    const behaviour = probe(journal)
    const { kernel, simulation } = simulatedKernel()
    const children = ['a', 'b'].map((name) => actor({ name, behaviour, arg: null }))
    const start = kernel.start(supervisor({ name: 'root', startsTogether: true, children }))
    expect(await simulation.run(outcome(start))).toBe('PROBE_START')
    expect(journal.take()).toEqual(['fail a', 'start b', 'end b shutdown'])
  })

  it('refuses two actors of one name', async () => {
    const { kernel, simulation } = simulatedKernel()
    const behaviour = probe(new Journal())
    const start = kernel.start(
      supervisor({
        name: 'root',
        children: [
          actor({ name: 'a', behaviour, arg: null }),
          actor({ name: 'a', behaviour, arg: null }),
        ],
      }),
    )
    expect(await simulation.run(outcome(start))).toBe('ACTOR_NAME_TAKEN')
  })
})

describe('a stop while a child starts', () => {
  it('is over when the `init` that takes long asks for it and throws, which is no crash', async () => {
    const { simulation, kernel, events } = simulatedKernel()
    let turns = 0
    const patient = actor({
      name: 'patient',
      arg: null,
      behaviour: {
        async init(_arg: unknown, context: Context) {
          while (!context.isStopWanted()) {
            turns += 1
            await new Promise<void>((resolve) => context.turns.soon(resolve))
          }
          throw new Error('stopped')
        },
      },
    })
    const started = outcome(kernel.start(supervisor({ name: 'root', children: [patient] })))
    const before = simulation.run(new Promise<void>((resolve) => queueMicrotask(resolve)))
    await before
    await simulation.run(kernel.stop())
    expect(await simulation.run(started)).toBe('ACTOR_DOWN')
    expect(events).toEqual([])
    expect(turns).toBeGreaterThan(0)
  })
})
