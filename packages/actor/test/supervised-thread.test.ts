import type { SimulatedThread } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import {
  actor,
  type Cursor,
  dynamic,
  type Heartbeat,
  joinThread,
  noReply,
  reply,
  supervisor,
  thread,
} from '../src/index.js'
import { Journal, outcome, probe, type Step, simulatedKernel } from './simulated-kernel.js'

interface WorkerData {
  readonly names: readonly string[]
}

/**
 * Two threads, `t1` with the actors `t1/a` and `t1/b`, `t2` with `t2/a`, and a hub with `hub`. The
 * part of a name before the slash tells its thread.
 */
async function threads(
  options: {
    seed?: number
    heartbeat?: Heartbeat
    onStep?: (step: Step) => void
    more?: Parameters<typeof probe>[1]
  } = {},
) {
  const journal = new Journal()
  const behaviour = probe(journal, options.more)
  const entry = ({ port, ports, workerData }: SimulatedThread) =>
    joinThread({
      port,
      ports,
      tree: () =>
        supervisor({
          name: 'shard',
          intensity: { restarts: 2, periodMs: 1_000 },
          children: [
            ...(workerData as WorkerData).names.map((name) =>
              actor({ name, behaviour, arg: null }),
            ),
            dynamic({
              name: 'feeds',
              prefix: 'feed/',
              child: (name) => actor({ name, behaviour, arg: null }),
            }),
          ],
        }),
    })
  const world = simulatedKernel({
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    place: (name) =>
      name.startsWith('feed/')
        ? 't1'
        : name.includes('/')
          ? name.slice(0, name.indexOf('/'))
          : null,
    entries: { shard: entry },
  })
  const { kernel, simulation, threads: host } = world
  const shard = (name: string, names: string[]) =>
    thread({
      name,
      host,
      entry: 'shard',
      workerData: { names } satisfies WorkerData,
      startMs: 5_000,
      heartbeat: options.heartbeat ?? null,
    })
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        intensity: { restarts: 2, periodMs: 60_000 },
        children: [
          shard('t1', ['t1/a', 't1/b']),
          shard('t2', ['t2/a']),
          actor({ name: 'hub', behaviour, arg: null }),
        ],
      }),
    ),
  )
  const { router } = kernel
  const ask = (name: string, call: unknown) => simulation.run(outcome(router.call(name, call)))
  return { ...world, journal, router, ask }
}

/** A behaviour part whose cast makes the actor send a call on and keep the outcome. */
const relay = (outcomes: unknown[]): Parameters<typeof probe>[1] => ({
  handleCast(cast, _state, { router }) {
    const { to, call } = cast as { to: string; call: unknown }
    void outcome(router.call(to, call)).then((result) => outcomes.push(result))
    return noReply()
  },
})

describe('between threads', () => {
  it('answers calls across threads, by name', async () => {
    const { ask } = await threads()
    expect(await ask('t1/b', { op: 'echo', value: [1, 'x'] })).toEqual([1, 'x'])
    expect(await ask('t2/a', { op: 'echo', value: 2 })).toBe(2)
    expect(await ask('feed/x', { op: 'starts' })).toBe(1)
  })

  it('carries a call from one thread to another over the hub, and up to the hub itself', async () => {
    const outcomes: unknown[] = []
    const { router, simulation } = await threads({ more: relay(outcomes) })
    for (const to of ['t2/a', 'hub', 'feed/x']) {
      router.cast('t1/a', { to, call: { op: 'echo', value: to } })
      await simulation.runUntilIdle()
    }
    expect(outcomes).toEqual(['t2/a', 'hub', 'feed/x'])
  })

  it('rejects a name that nobody has, on the hub and from a thread', async () => {
    const outcomes: unknown[] = []
    const { router, ask, simulation } = await threads({ more: relay(outcomes) })
    for (const name of ['nobody', 't1/nobody', 't9/a']) {
      expect(await ask(name, {})).toBe('ACTOR_UNKNOWN')
      router.cast('t1/a', { to: name, call: {} })
      await simulation.runUntilIdle()
    }
    expect(outcomes).toEqual(['ACTOR_UNKNOWN', 'ACTOR_UNKNOWN', 'ACTOR_UNKNOWN'])
  })

  it('keeps code and data of an error and drops its class', async () => {
    const { simulation, router } = await threads()
    await expect(simulation.run(router.call('t1/a', { op: 'crash' }))).rejects.toMatchObject({
      code: 'ACTOR_DOWN',
      data: { name: 't1/a', error: { code: 'PROBE_CRASH' } },
    })
  })

  it('moves transferred memory to the actor and back, over the hub too', async () => {
    const returned: unknown[] = []
    const { router, simulation } = await threads({
      more: {
        handleCall: (call, from) => {
          const { memory } = call as unknown as { memory: ArrayBuffer }
          return reply(from, memory, [memory])
        },
        handleCast(cast, _state, context) {
          const memory = cast as ArrayBuffer
          void context.router
            .call('t2/a', { memory }, { transfer: [memory] })
            .then((back) => returned.push(memory.byteLength, (back as ArrayBuffer).byteLength))
          return noReply()
        },
      },
    })
    const memory = new ArrayBuffer(64)
    const call = router.call<ArrayBuffer>('t1/a', { memory }, { transfer: [memory] })
    const back = await simulation.run(call)
    expect([memory.byteLength, back.byteLength]).toEqual([0, 64])
    router.cast('t1/a', back, { transfer: [back] })
    await simulation.runUntilIdle()
    expect(returned).toEqual([0, 64])
  })

  it('refuses a message that cannot cross and sends the others of its batch', async () => {
    const { router, simulation } = await threads()
    const answers = Promise.all([
      router.call('t1/a', { op: 'echo', value: 1 }),
      outcome(router.call('t1/a', { op: 'echo', value: () => 1 })),
      outcome(router.stream('t1/a', { open: () => 1 }).next()),
      router.call('t1/a', { op: 'echo', value: 2 }),
    ])
    expect(await simulation.run(answers)).toEqual([1, 'ACTOR_UNSENDABLE', 'ACTOR_UNSENDABLE', 2])
  })

  it('refuses a call whose answer cannot cross', async () => {
    const { ask } = await threads({ more: { handleCall: (_call, from) => reply(from, () => 1) } })
    expect(await ask('t1/a', {})).toBe('ACTOR_UNSENDABLE')
  })

  it('posts everything that one turn sends to a thread as one batch', async () => {
    const { router, simulation, kernel } = await threads()
    const before = kernel.inspect().counters
    const calls = Array.from({ length: 50 }, (_, value) =>
      router.call('t1/a', { op: 'echo', value }),
    )
    await simulation.run(Promise.all(calls))
    const after = kernel.inspect().counters
    expect(after.posts - before.posts).toBe(1)
    expect(after.envelopes - before.envelopes).toBe(50)
  })

  it('refuses at once what a thread that does not read has no room for', async () => {
    const { router, simulation, threads: host, kernel } = await threads()
    host.hang('t1')
    const outcomes: unknown[] = []
    for (let at = 0; at < 9_000; at += 1) {
      void outcome(router.call('t1/a', { op: 'echo', value: at }, { deadlineMs: 60_000 })).then(
        (result) => outcomes.push(result),
      )
    }
    await simulation.runUntilIdle()
    expect(new Set(outcomes)).toEqual(new Set(['ACTOR_BUSY']))
    const refused = outcomes.length
    expect(refused).toBeGreaterThan(800)
    expect(kernel.inspect().pendingCalls).toBe(9_000 - refused)
    host.resume('t1')
    await simulation.runUntilIdle()
    expect(outcomes.length).toBe(9_000)
    expect(await simulation.run(router.call('t1/a', { op: 'echo', value: 'again' }))).toBe('again')
  })

  it('brings any number of casts to a thread that reads, though it never answers', async () => {
    let casts = 0
    const { router, simulation, kernel } = await threads({
      more: {
        handleCast: () => {
          casts += 1
          return noReply()
        },
      },
    })
    for (let round = 0; round < 40; round += 1) {
      for (let at = 0; at < 1_000; at += 1) router.cast('t1/a', at)
      await simulation.runUntilIdle()
    }
    expect(casts).toBe(40_000)
    expect(kernel.inspect().counters.lostCasts).toBe(0)
  })

  it('streams across threads and closes the cursor when the reader leaves', async () => {
    let closed = 0
    const { router, simulation } = await threads({
      more: {
        openStream(): Cursor {
          let at = 0
          return {
            pull: () => ({ value: at++ }),
            close: () => {
              closed += 1
            },
          }
        },
      },
    })
    const read = async () => {
      const seen: number[] = []
      for await (const value of router.stream<number>('t1/a', {})) {
        seen.push(value)
        if (seen.length === 20) return seen
      }
      return seen
    }
    expect(await simulation.run(read())).toEqual(Array.from({ length: 20 }, (_, at) => at))
    await simulation.runUntilIdle()
    expect(closed).toBe(1)
  })

  it('tells a monitor on another thread that an actor ended', async () => {
    const { ask, journal, simulation } = await threads()
    await ask('t1/a', { op: 'effect', effect: { monitor: ['t2/a'] } })
    await ask('t2/a', { op: 'crash' })
    await simulation.runUntilIdle()
    expect(journal.take()).toContain(
      't1/a info {"op":"down","name":"t2/a","reason":{"kind":"crash","error":{"code":"PROBE_CRASH","message":"told to crash","data":{}}}}',
    )
  })

  it('tells about the kernel of a thread', async () => {
    const { ask } = await threads()
    expect(await ask('kernel/t1', { op: 'inspect' })).toMatchObject({
      address: 't1#1',
      tree: { children: [{ name: 't1/a', state: 'idle' }, { name: 't1/b' }, { name: 'feeds' }] },
    })
  })
})

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

describe('determinism', () => {
  const trace = async (seed: number) => {
    const steps: string[] = []
    const {
      simulation,
      router,
      threads: host,
    } = await threads({
      seed,
      onStep: ({ atMs, thread: name, kind }) => steps.push(`${atMs} ${name} ${kind}`),
    })
    const calls = Array.from({ length: 200 }, (_, at) =>
      outcome(router.call(at % 3 === 0 ? 't2/a' : 't1/a', { op: 'echo', value: at })),
    )
    simulation.schedule('test', 'timer', 1, () => host.kill('t1'))
    const results = await simulation.run(Promise.all(calls))
    await simulation.advance(100)
    return { steps, results }
  }

  it('takes the same steps and gives the same answers from the same seed', async () => {
    const [one, other] = [await trace(7), await trace(7)]
    expect(one.steps.length).toBeGreaterThan(10)
    expect(other).toEqual(one)
  })

  it('takes other steps from another seed', async () => {
    expect((await trace(8)).steps).not.toEqual((await trace(7)).steps)
  })
})
