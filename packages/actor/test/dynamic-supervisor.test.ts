import { describe, expect, it } from 'vitest'
import { actor, dynamic, noReply, reply, supervisor } from '../src/index.js'
import { Journal, outcome, probe, simulatedKernel } from './simulated-kernel.js'

async function feeds(
  options: { maxChildren?: number; more?: Parameters<typeof probe>[1]; shutdownMs?: number } = {},
) {
  const journal = new Journal()
  const behaviour = probe(journal, options.more)
  const world = simulatedKernel()
  const { kernel, simulation } = world
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        children: [
          dynamic({
            name: 'feeds',
            prefix: 'feed/',
            intensity: { restarts: 2, periodMs: 10_000 },
            ...(options.maxChildren === undefined ? {} : { maxChildren: options.maxChildren }),
            child: (name) =>
              name.endsWith('!') ? null : actor({ name, behaviour, arg: null, shutdownMs: 1_000 }),
          }),
        ],
      }),
    ),
  )
  const ask = (name: string, call: unknown) =>
    simulation.run(outcome(kernel.router.call(name, call)))
  const alive = () => {
    const { children } = kernel.inspect().tree as unknown as {
      children: { children: { name: string }[] }[]
    }
    return children[0]?.children.map(({ name }) => name)
  }
  return { ...world, journal, ask, alive }
}

describe('actors on demand', () => {
  it('starts an actor with the first message to its name', async () => {
    const { ask, journal, alive } = await feeds()
    expect(alive()).toEqual([])
    expect(await ask('feed/a', { op: 'echo', value: 1 })).toBe(1)
    expect(await ask('feed/a', { op: 'starts' })).toBe(1)
    expect(journal.take()).toEqual(['start feed/a'])
    expect(alive()).toEqual(['feed/a'])
  })

  it('has nobody for a name that the factory does not know', async () => {
    const { ask } = await feeds()
    expect(await ask('feed/x!', { op: 'echo' })).toBe('ACTOR_UNKNOWN')
  })

  it('starts an actor that is waited for locally before those that are only wanted remotely', async () => {
    const { kernel, simulation, journal } = await feeds({ more: { handleCast: () => noReply() } })
    for (const name of ['feed/x', 'feed/a']) kernel.router.cast(name, {}, { lane: 'remote' })
    await simulation.run(kernel.router.call('feed/a', { op: 'echo' }))
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['start feed/a', 'start feed/x'])
  })

  it('refuses one actor more than may live', async () => {
    const { ask } = await feeds({ maxChildren: 2 })
    await ask('feed/a', { op: 'echo' })
    await ask('feed/b', { op: 'echo' })
    expect(await ask('feed/c', { op: 'echo', value: 1 })).toBe('ACTOR_BUSY')
    await ask('feed/a', { op: 'stop' })
    expect(await ask('feed/c', { op: 'echo', value: 1 })).toBe(1)
  })

  it('stops all of them with the tree', async () => {
    const { ask, kernel, simulation, journal } = await feeds()
    await ask('feed/a', { op: 'echo' })
    await ask('feed/b', { op: 'echo' })
    journal.take()
    await simulation.run(kernel.stop())
    expect(journal.take()).toEqual(['end feed/a shutdown', 'end feed/b shutdown'])
    expect(await ask('feed/a', { op: 'echo' })).toBe('ACTOR_UNKNOWN')
  })
})

describe('crashes and quarantine', () => {
  it('starts a crashed actor again with the next message, and not before', async () => {
    const { ask, journal } = await feeds()
    expect(await ask('feed/a', { op: 'crash' })).toBe('ACTOR_DOWN')
    expect(journal.take()).toEqual(['start feed/a', 'end feed/a crash'])
    expect(await ask('feed/a', { op: 'starts' })).toBe(2)
  })

  it('quarantines an actor over its intensity, and only that one', async () => {
    const { ask, kernel, events, simulation } = await feeds()
    for (let at = 0; at < 3; at += 1)
      expect(await ask('feed/a', { op: 'crash' })).toBe('ACTOR_DOWN')
    await expect(
      simulation.run(kernel.router.call('feed/a', { op: 'echo' })),
    ).rejects.toMatchObject({ code: 'ACTOR_QUARANTINED', data: { error: { code: 'PROBE_CRASH' } } })
    expect(await ask('feed/b', { op: 'echo', value: 1 })).toBe(1)
    expect(kernel.quarantined()).toMatchObject([{ name: 'feed/a', error: { code: 'PROBE_CRASH' } }])
    expect(events.at(-1)).toBe('quarantined feed/a')
  })

  it('lets a released actor start again, with a clean record', async () => {
    const { ask, kernel } = await feeds()
    for (let at = 0; at < 3; at += 1) await ask('feed/a', { op: 'crash' })
    expect(kernel.release('feed/a')).toBe(true)
    expect(kernel.release('feed/a')).toBe(false)
    expect(await ask('feed/a', { op: 'echo', value: 1 })).toBe(1)
    for (let at = 0; at < 2; at += 1) await ask('feed/a', { op: 'crash' })
    expect(await ask('feed/a', { op: 'echo', value: 2 })).toBe(2)
  })

  it('counts a start that fails', async () => {
    const { ask, journal } = await feeds()
    journal.failStarts.set('feed/a', 99)
    for (let at = 0; at < 3; at += 1) expect(await ask('feed/a', { op: 'echo' })).toBe('ACTOR_DOWN')
    expect(await ask('feed/a', { op: 'echo' })).toBe('ACTOR_QUARANTINED')
  })

  it('forgets crashes that are longer ago than the period', async () => {
    const { ask, simulation } = await feeds()
    for (let at = 0; at < 8; at += 1) {
      await ask('feed/a', { op: 'crash' })
      await simulation.advance(5_001)
    }
    expect(await ask('feed/a', { op: 'echo', value: 1 })).toBe(1)
  })

  it('does not count wanted ends', async () => {
    const { ask } = await feeds()
    for (let at = 0; at < 9; at += 1) {
      expect(await ask('feed/a', { op: 'stop' })).toBe('stopping')
    }
  })

  it('can be asked about from elsewhere by the actor of the kernel', async () => {
    const { ask } = await feeds()
    for (let at = 0; at < 3; at += 1) await ask('feed/a', { op: 'crash' })
    expect(await ask('kernel/main', { op: 'quarantined' })).toMatchObject([{ name: 'feed/a' }])
    expect(await ask('kernel/main', { op: 'release', name: 'feed/a' })).toBe(true)
    expect(await ask('kernel/main', { op: 'inspect' })).toMatchObject({ address: 'main' })
  })
})

describe('passivation', () => {
  const rest = { op: 'effect', effect: { passivate: true } }

  it('ends the actor and keeps nothing of it', async () => {
    const { ask, journal, alive, kernel } = await feeds()
    await ask('feed/a', rest)
    expect(journal.take()).toEqual(['start feed/a', 'end feed/a normal'])
    expect(alive()).toEqual([])
    expect(kernel.inspect().counters).toMatchObject({ passivations: 1, crashes: 0 })
  })

  it('starts it again with the next message', async () => {
    const { ask } = await feeds()
    await ask('feed/a', rest)
    expect(await ask('feed/a', { op: 'starts' })).toBe(2)
  })

  it('loses no mail that waits or arrives while it ends', async () => {
    let finish = (): void => {}
    const { kernel, simulation, journal } = await feeds({
      more: {
        terminate: () =>
          new Promise<void>((resolve) => {
            finish = resolve
          }),
      },
    })
    const { router } = kernel
    const calls = [
      router.call('feed/a', rest),
      router.call('feed/a', { op: 'echo', value: 'waited' }),
    ]
    await simulation.runUntilIdle()
    calls.push(router.call('feed/a', { op: 'echo', value: 'arrived' }))
    calls.push(router.call('feed/a', { op: 'starts' }, { lane: 'remote' }))
    await simulation.runUntilIdle()
    finish()
    expect(await simulation.run(Promise.all(calls))).toEqual([undefined, 'waited', 'arrived', 2])
    expect(journal.take()).toEqual(['start feed/a', 'start feed/a'])
  })

  it('waits until its calls are answered', async () => {
    const { ask, kernel, simulation, alive } = await feeds()
    const kept = kernel.router.call('feed/a', { op: 'keep' })
    await ask('feed/a', rest)
    expect(alive()).toEqual(['feed/a'])
    await ask('feed/a', { op: 'answerKept', value: 3 })
    expect(await simulation.run(kept)).toBe(3)
    await ask('feed/a', rest)
    expect(alive()).toEqual([])
  })

  it('waits until its streams are closed, and rests then by itself', async () => {
    const { ask, kernel, simulation, alive } = await feeds({
      more: { openStream: () => ({ pull: () => 'wait', close: () => {} }) },
    })
    const stream = kernel.router.stream('feed/a', {})
    void stream.next()
    await ask('feed/a', rest)
    expect(alive()).toEqual(['feed/a'])
    await stream.return?.()
    await simulation.runUntilIdle()
    expect(alive()).toEqual([])
  })

  it('is taken back by mail that is handled before it can happen', async () => {
    const { ask, kernel, alive } = await feeds()
    void outcome(kernel.router.call('feed/a', { op: 'keep' }))
    await ask('feed/a', rest)
    await ask('feed/a', { op: 'answerKept' })
    expect(alive()).toEqual(['feed/a'])
  })

  it('does not wake an actor for a timer that it had set', async () => {
    const { ask, simulation, alive, journal } = await feeds()
    await ask('feed/a', { op: 'effect', effect: { timers: { x: 10 }, passivate: true } })
    journal.take()
    await simulation.advance(1_000)
    expect(alive()).toEqual([])
    expect(journal.take()).toEqual([])
  })

  it('does not wake an actor for a timer that fired before it rested', async () => {
    let finish = (): void => {}
    const { kernel, simulation, alive, journal } = await feeds({
      more: {
        handleCast: (cast) =>
          cast === 'arm'
            ? { timers: { x: 10 } }
            : new Promise((resolve) => {
                finish = () => resolve({ passivate: true })
              }),
      },
    })
    kernel.router.cast('feed/a', 'arm')
    kernel.router.cast('feed/a', 'rest')
    await simulation.advance(100)
    finish()
    await simulation.runUntilIdle()
    expect(alive()).toEqual([])
    expect(journal.take()).toEqual(['start feed/a', 'end feed/a normal'])
  })

  it('is no end for those who watch the name', async () => {
    const { ask, kernel, simulation } = await feeds()
    const told: string[] = []
    kernel.router.monitor('feed/a', ({ kind }) => told.push(kind))
    await ask('feed/a', rest)
    await simulation.runUntilIdle()
    expect(told).toEqual([])
    await ask('feed/a', { op: 'crash' })
    expect(told).toEqual(['crash'])
  })

  it('is ended by force when its last words take too long, which counts as a crash', async () => {
    const { ask, journal, simulation, events } = await feeds()
    journal.stuck.add('feed/a')
    const answer = ask('feed/a', rest)
    await answer
    await simulation.advance(1_100)
    expect(events).toEqual(['killed feed/a'])
  })

  it('drops what a task brings after the actor has rested', async () => {
    const journal = new Journal()
    const { kernel, simulation } = simulatedKernel()
    await simulation.run(
      kernel.start(
        supervisor({
          name: 'root',
          children: [actor({ name: 'a', behaviour: probe(journal), arg: null })],
        }),
      ),
    )
    let finish = (_value: unknown): void => {}
    const tasks = [
      new Promise((resolve) => {
        finish = resolve
      }),
    ]
    const ask = (call: unknown) => simulation.run(kernel.router.call('a', call))
    await ask({ op: 'effect', effect: { tasks, passivate: true } })
    expect(await ask({ op: 'starts' })).toBe(2)
    finish({ from: 'an earlier life' })
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['start a', 'end a normal', 'start a'])
  })

  it('lets a static actor rest and start again without counting', async () => {
    const journal = new Journal()
    const { kernel, simulation } = simulatedKernel()
    const behaviour = probe(journal, {
      handleCast: () => ({ passivate: true }),
      handleInfo: () => noReply(),
      handleCall: (_call, from) => reply(from, journal.starts.get('a')),
    })
    await simulation.run(
      kernel.start(
        supervisor({ name: 'root', children: [actor({ name: 'a', behaviour, arg: null })] }),
      ),
    )
    for (let at = 0; at < 9; at += 1) {
      kernel.router.cast('a', 'rest')
      await simulation.runUntilIdle()
      expect(kernel.inspect().tree).toMatchObject({ children: [{ state: 'passive' }] })
      expect(await simulation.run(kernel.router.call('a', {}))).toBe(at + 2)
    }
    expect(kernel.inspect().tree).toMatchObject({ recentRestarts: 0 })
  })
})

describe('a factory that throws', () => {
  it('counts as a crash of that name and leaves the thread alone', async () => {
    const { kernel, simulation } = simulatedKernel()
    await simulation.run(
      kernel.start(
        supervisor({
          name: 'root',
          children: [
            dynamic({
              name: 'feeds',
              prefix: 'feed/',
              intensity: { restarts: 0, periodMs: 1_000 },
              child: () => {
                throw new Error('bug')
              },
            }),
          ],
        }),
      ),
    )
    const ask = () => simulation.run(outcome(kernel.router.call('feed/a', {})))
    expect([await ask(), await ask()]).toEqual(['ACTOR_DOWN', 'ACTOR_QUARANTINED'])
  })
})
