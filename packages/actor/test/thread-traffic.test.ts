import { describe, expect, it } from 'vitest'
import { type CallOptions, type Cursor, noReply, reply } from '../src/index.js'
import { ASKED_MS, ASKED_RUN_MS, RUN_MS } from '../src/scheduler.js'
import { outcome } from './simulated-kernel.js'
import { relay, threads } from './two-threads.js'

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

  it('has short steps of remote work for a while after a question of another thread', async () => {
    const { router, simulation } = await threads({
      more: { handleCall: (_call, from, _state, context) => reply(from, context.stepMs()) },
    })
    const stepMs = (options: CallOptions) => simulation.run(router.call('t1/a', null, options))
    expect(await stepMs({ lane: 'remote' })).toBe(RUN_MS)
    expect(await stepMs({ isPatient: true })).toBe(RUN_MS)
    void router
      .stream('t1/a', null, { isPatient: true })
      .next()
      .catch(() => {})
    expect(await stepMs({ lane: 'remote' })).toBe(RUN_MS)
    expect(await stepMs({})).toBe(ASKED_RUN_MS)
    expect(await stepMs({ lane: 'remote' })).toBe(ASKED_RUN_MS)
    await simulation.advance(ASKED_MS)
    expect(await stepMs({ lane: 'remote' })).toBe(RUN_MS)
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
