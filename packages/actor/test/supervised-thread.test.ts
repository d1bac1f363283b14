import { describe, expect, it } from 'vitest'
import { actor, joinThread, supervisor, thread } from '../src/index.js'
import { Journal, outcome, probe, simulatedKernel } from './simulated-kernel.js'
import { relay, threads } from './two-threads.js'

describe('a thread that dies', () => {
  it('rejects calls and streams that wait for it and is started again with the same data', async () => {
    const {
      router,
      simulation,
      threads: host,
      ask,
      journal,
      kernel,
    } = await threads({
      more: { openStream: () => ({ pull: () => 'wait', close: () => {} }) },
    })
    const call = outcome(router.call('t1/a', { op: 'keep' }))
    const read = outcome(router.stream('t1/a', {}).next())
    await simulation.runUntilIdle()
    journal.take()
    host.kill('t1')
    expect(await simulation.run(Promise.all([call, read]))).toEqual(['ACTOR_DOWN', 'ACTOR_DOWN'])
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['start t1/a', 'start t1/b'])
    expect(await ask('t1/a', { op: 'starts' })).toBe(2)
    expect(kernel.inspect().tree).toMatchObject({
      children: [{ name: 't1', address: 't1#2', state: 'up' }, { name: 't2' }, { name: 'hub' }],
    })
  })

  it('refuses what is asked of it while it is down, and holds what is asked while it starts', async () => {
    const { router, simulation, threads: host } = await threads()
    const down = new Promise((resolve) => {
      router.monitor('t1/a', () => resolve(outcome(router.call('t1/a', { op: 'starts' }))))
    })
    await simulation.runUntilIdle()
    host.kill('t1')
    const refused = outcome(router.call('t1/a', { op: 'starts' }))
    expect(await simulation.run(Promise.all([refused, down]))).toEqual(['ACTOR_DOWN', 'ACTOR_DOWN'])
    expect(await simulation.run(router.call('t1/a', { op: 'starts' }))).toBe(2)
  })

  it('is told to those who watch the thread or an actor in it, from other threads too', async () => {
    const { router, ask, simulation, threads: host, journal } = await threads()
    const told: string[] = []
    router.monitor('kernel/t1', ({ kind }) => told.push(`thread ${kind}`))
    router.monitor('t1/b', ({ kind }) => told.push(`actor ${kind}`))
    await ask('t2/a', { op: 'effect', effect: { monitor: ['t1/b'] } })
    journal.take()
    host.kill('t1')
    await simulation.runUntilIdle()
    expect(told).toEqual(['thread crash', 'actor crash'])
    expect(journal.take().join()).toContain('t2/a info {"op":"down","name":"t1/b"')
  })

  it('rejects the calls of other threads that went there, and frees what it had asked for', async () => {
    const outcomes: unknown[] = []
    const { router, simulation, threads: host, kernel } = await threads({ more: relay(outcomes) })
    router.cast('t2/a', { to: 't1/a', call: { op: 'keep' } })
    router.cast('t1/a', { to: 't2/a', call: { op: 'keep' } })
    router.cast('t1/a', { to: 'hub', call: { op: 'keep' } })
    await simulation.runUntilIdle()
    type Report = { tree: { children: { name: string; owedReplies: number }[] } }
    const owed = async () => {
      const there = await simulation.run(kernel.router.call<Report>('kernel/t2', { op: 'inspect' }))
      const here = kernel.inspect() as unknown as Report
      return [there.tree.children[0], here.tree.children[2]].map((actor) => actor?.owedReplies)
    }
    expect(await owed()).toEqual([1, 1])
    host.kill('t1')
    await simulation.runUntilIdle()
    expect(outcomes).toEqual(['ACTOR_DOWN'])
    expect(await owed()).toEqual([0, 0])
  })

  it('leaves nothing behind at the hub: neither what it asked nor what it watched', async () => {
    const { router, ask, simulation, threads: host, kernel } = await threads({ more: relay([]) })
    const forwarded = () => {
      const { children } = kernel.inspect().tree as unknown as { children: { forwarded: number }[] }
      return children.slice(0, 2).map((child) => child.forwarded)
    }
    await ask('t1/a', { op: 'effect', effect: { monitor: ['hub', 't2/a'] } })
    router.cast('t1/a', { to: 't2/a', call: { op: 'keep' } })
    router.cast('t2/a', { to: 't1/a', call: { op: 'echo' } })
    await simulation.runUntilIdle()
    expect(forwarded()).toEqual([0, 2])
    expect(kernel.inspect().monitors).toBe(1)
    host.kill('t1')
    await simulation.runUntilIdle()
    expect(forwarded()).toEqual([0, 0])
    expect(kernel.inspect().monitors).toBe(0)
  })

  it('counts for the intensity of its supervisor, which then fails', async () => {
    const { simulation, threads: host, kernel } = await threads()
    for (let at = 0; at < 2; at += 1) {
      host.kill('t1')
      await simulation.runUntilIdle()
    }
    host.kill('t1')
    expect(await simulation.run(kernel.ended)).toMatchObject({
      kind: 'crash',
      error: { code: 'SUPERVISOR_INTENSITY' },
    })
    expect(host.names).toEqual([])
  })

  it('takes the place of a tree in it that gave up', async () => {
    const { ask, simulation, journal } = await threads()
    for (let at = 0; at < 3; at += 1) await ask('t1/a', { op: 'crash' })
    await simulation.runUntilIdle()
    journal.take()
    expect(await ask('t1/a', { op: 'echo', value: 'new' })).toBe('new')
    expect(await ask('kernel/t1', { op: 'inspect' })).toMatchObject({ address: 't1#2' })
  })

  it('is ended when it leaves its heartbeats unanswered, and only then', async () => {
    const {
      simulation,
      threads: host,
      events,
    } = await threads({
      heartbeat: { intervalMs: 1_000, maxMissed: 10 },
    })
    await simulation.advance(60_000)
    expect(events).toEqual([])
    host.hang('t1')
    await simulation.advance(9_000)
    host.resume('t1')
    await simulation.advance(60_000)
    expect(events).toEqual([])
    host.hang('t1')
    await simulation.advance(12_000)
    expect(events).toEqual(['killed t1', 'restarted t1'])
  })
})

describe('start and stop', () => {
  it('fails the start where a tree in a thread cannot start, with its error', async () => {
    const journal = new Journal()
    journal.failStarts.set('x', 1)
    const {
      kernel,
      simulation,
      threads: host,
    } = simulatedKernel({
      entries: {
        shard: ({ port, ports }) =>
          joinThread({
            port,
            ports,
            tree: () =>
              supervisor({
                name: 's',
                children: [actor({ name: 'x', behaviour: probe(journal), arg: null })],
              }),
          }),
      },
    })
    const tree = (entry: string) =>
      supervisor({ name: 'root', children: [thread({ name: 't', host, entry })] })
    expect(await simulation.run(outcome(kernel.start(tree('shard'))))).toBe('PROBE_START')
  })

  it('fails the start of a thread that has no entry or says nothing in time', async () => {
    for (const entry of ['missing', 'mute']) {
      const { kernel, simulation, threads: host } = simulatedKernel({ entries: { mute: () => {} } })
      const start = kernel.start(
        supervisor({
          name: 'root',
          children: [thread({ name: 't', host, entry, startMs: 1_000 })],
        }),
      )
      expect(await simulation.run(outcome(start))).toBe('THREAD_DOWN')
      expect(host.names).toEqual([])
    }
  })

  it('stops the tree of each thread in order', async () => {
    const { kernel, simulation, journal, threads: host, events } = await threads()
    journal.take()
    await simulation.run(kernel.stop())
    expect(journal.take()).toEqual([
      'end hub shutdown',
      'end t2/a shutdown',
      'end t1/b shutdown',
      'end t1/a shutdown',
    ])
    expect(host.names).toEqual([])
    expect(events).toEqual([])
  })

  it('ends a thread by force that does not stop in time', async () => {
    const { kernel, simulation, threads: host, events } = await threads()
    host.hang('t2')
    await simulation.run(kernel.stop())
    expect(events).toEqual(['killed t2'])
    expect(host.names).toEqual([])
  })
})
