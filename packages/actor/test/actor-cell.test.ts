import { CodedError } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import {
  actor,
  type Behaviour,
  noReply,
  refuse,
  reply,
  replyLater,
  scatter,
  scatterAll,
  supervisor,
} from '../src/index.js'
import { Journal, outcome, probe, simulatedKernel } from './simulated-kernel.js'

async function probes(names: string[], more: Parameters<typeof probe>[1] = {}, mailCapacity = 8) {
  const journal = new Journal()
  const behaviour = probe(journal, more)
  const world = simulatedKernel()
  await world.simulation.run(
    world.kernel.start(
      supervisor({
        name: 'root',
        intensity: { restarts: 100, periodMs: 1_000 },
        children: names.map((name) => actor({ name, behaviour, arg: null, mailCapacity })),
      }),
    ),
  )
  journal.take()
  const { router } = world.kernel
  return { ...world, journal, router, counters: () => world.kernel.inspect().counters }
}

describe('calls', () => {
  it('answers with what the handler replied', async () => {
    const { router, simulation } = await probes(['a'])
    expect(await simulation.run(router.call('a', { op: 'echo', value: { x: 1 } }))).toEqual({
      x: 1,
    })
  })

  it('answers a call that was kept when a later effect names it', async () => {
    const { router, simulation } = await probes(['a'])
    const kept = router.call('a', { op: 'keep' })
    const last = router.call('a', { op: 'answerKept', value: 7 })
    expect(await simulation.run(Promise.all([kept, last]))).toEqual([7, 7])
  })

  it('rejects with the coded error of a refusal', async () => {
    const { router, simulation } = await probes(['a'], {
      handleCall: (_call, from) => refuse(from, new CodedError('NO_SUCH', 'none', { id: 1 })),
    })
    await expect(simulation.run(router.call('a', {}))).rejects.toMatchObject({
      code: 'NO_SUCH',
      data: { id: 1 },
    })
  })

  it('works on other mail while a reply is under way', async () => {
    let finish = (_value: number): void => {}
    const under = new Promise<number>((resolve) => {
      finish = resolve
    })
    const { router, simulation } = await probes(['a'], {
      handleCall: (call, from) =>
        (call as { op: string }).op === 'slow' ? replyLater(from, under) : reply(from, 'fast'),
    })
    const slow = router.call('a', { op: 'slow' })
    expect(await simulation.run(router.call('a', { op: 'other' }))).toBe('fast')
    finish(5)
    expect(await simulation.run(slow)).toBe(5)
  })

  it('refuses one call when its reply under way fails', async () => {
    const { router, simulation, journal } = await probes(['a'], {
      handleCall: (_call, from) =>
        replyLater(from, Promise.reject(new CodedError('LATE_NO', 'no'))),
    })
    expect(await simulation.run(outcome(router.call('a', {})))).toBe('LATE_NO')
    expect(journal.take()).toEqual([])
  })

  it('rejects with ACTOR_DOWN where the actor ends before a reply under way', async () => {
    const { router, simulation } = await probes(['a'], {
      handleCall: (call, from) =>
        call.op === 'stop' ? { stop: { kind: 'normal' } } : replyLater(from, new Promise(() => {})),
    })
    const under = outcome(router.call('a', { op: 'slow' }))
    await simulation.run(outcome(router.call('a', { op: 'stop' })))
    expect(await under).toBe('ACTOR_DOWN')
  })

  it('times out after its deadline, and counts and drops the late reply', async () => {
    const { router, simulation, journal, counters } = await probes(['a'])
    const call = outcome(router.call('a', { op: 'wait' }, { deadlineMs: 100 }))
    await simulation.advance(99)
    expect(counters().timeouts).toBe(0)
    await simulation.advance(12)
    expect(await call).toBe('ACTOR_TIMEOUT')
    journal.settle('a')
    await simulation.runUntilIdle()
    expect(counters()).toMatchObject({ timeouts: 1, lateReplies: 1 })
  })

  it('has a deadline of 5 s unless said otherwise', async () => {
    const { router, simulation } = await probes(['a'])
    const call = outcome(router.call('a', { op: 'keep' }))
    await simulation.advance(4_990)
    expect(await Promise.race([call, Promise.resolve('pending')])).toBe('pending')
    await simulation.advance(20)
    expect(await call).toBe('ACTOR_TIMEOUT')
  })

  it('takes a call out of the mailbox when its caller gives up', async () => {
    const { router, simulation, journal, kernel } = await probes(['a'])
    const first = router.call('a', { op: 'wait' })
    const leaving = new AbortController()
    const second = outcome(router.call('a', { op: 'crash' }, { signal: leaving.signal }))
    await simulation.runUntilIdle()
    leaving.abort()
    expect(await simulation.run(second)).toBe('ACTOR_CANCELLED')
    journal.settle('a')
    expect(await simulation.run(first)).toBe('waited')
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual([])
    expect(kernel.inspect().pendingCalls).toBe(0)
  })

  it('is never sent where its signal has fired already', async () => {
    const { router, counters } = await probes(['a'])
    const call = router.call('a', { op: 'echo' }, { signal: AbortSignal.abort() })
    expect(await outcome(call)).toBe('ACTOR_CANCELLED')
    expect(counters().calls).toBe(0)
  })

  it('rejects for a name that nobody has, and drops a cast to it', async () => {
    const { router, simulation, counters } = await probes(['a'])
    expect(await simulation.run(outcome(router.call('b', {})))).toBe('ACTOR_UNKNOWN')
    router.cast('b', {})
    expect(counters().lostCasts).toBe(1)
  })

  it('rejects in hand, kept and waiting calls at once when the actor crashes', async () => {
    const { router, simulation, journal } = await probes(['a'])
    const calls = [{ op: 'keep' }, { op: 'crash' }, { op: 'echo' }].map((call) =>
      outcome(router.call('a', call)),
    )
    expect(await simulation.run(Promise.all(calls))).toEqual([
      'ACTOR_DOWN',
      'ACTOR_DOWN',
      'ACTOR_DOWN',
    ])
    expect(journal.take()).toEqual(['end a crash', 'start a'])
  })

  it('says in the error why the actor ended', async () => {
    const { router, simulation } = await probes(['a'])
    await expect(simulation.run(router.call('a', { op: 'crash' }))).rejects.toMatchObject({
      code: 'ACTOR_DOWN',
      data: { name: 'a', reason: 'crash', error: { code: 'PROBE_CRASH' } },
    })
  })

  it('crashes, and takes nobody with it, when a handler returns what is no effect', async () => {
    const { router, simulation, journal } = await probes(['a'], {
      handleCall: () => ({ replies: 5 }) as never,
      handleCast: () => Promise.resolve({ timers: { x: 1 }, wake: 7 } as never),
    })
    expect(await simulation.run(outcome(router.call('a', {})))).toBe('ACTOR_DOWN')
    router.cast('a', {})
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['end a crash', 'start a', 'end a crash', 'start a'])
  })

  it('forgets a call whose caller gave up while its handler ran', async () => {
    let finish = (): void => {}
    const { router, simulation, kernel } = await probes(['a'], {
      handleCall: () =>
        new Promise((resolve) => {
          finish = () => resolve(noReply())
        }),
    })
    const call = outcome(router.call('a', {}, { deadlineMs: 100 }))
    expect(await simulation.run(call)).toBe('ACTOR_TIMEOUT')
    finish()
    await simulation.runUntilIdle()
    expect(kernel.inspect().tree).toMatchObject({ children: [{ owedReplies: 0 }] })
  })

  it('sends its replies before it stops', async () => {
    const { router, simulation, journal } = await probes(['a'])
    expect(await simulation.run(router.call('a', { op: 'stop' }))).toBe('stopping')
    expect(journal.take()).toEqual(['end a normal', 'start a'])
  })

  it('refuses what the behaviour has no handler for, and lives on', async () => {
    const bare: Behaviour<null> = { init: () => null }
    const { kernel, simulation } = simulatedKernel()
    await simulation.run(
      kernel.start(
        supervisor({ name: 'root', children: [actor({ name: 'a', behaviour: bare, arg: null })] }),
      ),
    )
    expect(await simulation.run(outcome(kernel.router.call('a', 1)))).toBe('ACTOR_UNSUPPORTED')
    expect(await simulation.run(outcome(kernel.router.stream('a', 1).next()))).toBe(
      'ACTOR_UNSUPPORTED',
    )
    expect(kernel.inspect().counters.crashes).toBe(0)
  })
})

describe('mailbox and handlers', () => {
  it('runs one handler at a time, also where it waits for a promise', async () => {
    const { router, simulation, journal } = await probes(['a', 'b'])
    const waiting = router.call('a', { op: 'wait' })
    const next = router.call('a', { op: 'starts' })
    expect(await simulation.run(router.call('b', { op: 'echo', value: 1 }))).toBe(1)
    expect(await Promise.race([next, 'pending'])).toBe('pending')
    journal.settle('a')
    expect(await simulation.run(Promise.all([waiting, next]))).toEqual(['waited', 1])
  })

  it('refuses at once what a full lane cannot hold, and has room in the other lane', async () => {
    const { router, simulation, journal, counters } = await probes(['a'], {}, 4)
    const busy = router.call('a', { op: 'wait' })
    await simulation.runUntilIdle()
    const held = [1, 2, 3, 4].map((value) =>
      router.call('a', { op: 'echo', value }, { lane: 'remote' }),
    )
    const refused = router.call('a', { op: 'echo' }, { lane: 'remote' })
    const local = router.call('a', { op: 'echo', value: 'local' })
    expect(await outcome(refused)).toBe('ACTOR_BUSY')
    expect(counters().busy).toBe(1)
    journal.settle('a')
    expect(await simulation.run(Promise.all([busy, local, ...held]))).toEqual([
      'waited',
      'local',
      1,
      2,
      3,
      4,
    ])
  })

  it('takes local mail before remote mail that came earlier', async () => {
    const order: string[] = []
    const { router, simulation, journal } = await probes(['a'], {
      handleCast: (cast) => {
        order.push(String(cast))
        return noReply()
      },
    })
    const busy = router.call('a', { op: 'wait' })
    await simulation.runUntilIdle()
    for (const name of ['r1', 'r2']) router.cast('a', name, { lane: 'remote' })
    for (const name of ['l1', 'l2']) router.cast('a', name)
    journal.settle('a')
    await simulation.run(busy)
    await simulation.runUntilIdle()
    expect(order).toEqual(['l1', 'l2', 'r1', 'r2'])
  })

  it('goes on with `proceed` before any other mail', async () => {
    const order: string[] = []
    const { router, simulation } = await probes(['a'], {
      handleCast: (cast) => {
        order.push(`cast ${cast}`)
        return cast === 'work' ? { proceed: 2 } : noReply()
      },
      handleContinue: (token) => {
        order.push(`continue ${token}`)
        return (token as number) > 0 ? { proceed: (token as number) - 1 } : noReply()
      },
    })
    router.cast('a', 'work', { lane: 'remote' })
    router.cast('a', 'local')
    router.cast('a', 'work', { lane: 'remote' })
    await simulation.runUntilIdle()
    expect(order).toEqual([
      'cast local',
      'cast work',
      'continue 2',
      'continue 1',
      'continue 0',
      'cast work',
      'continue 2',
      'continue 1',
      'continue 0',
    ])
  })

  it('keeps work that goes on in the lane that it came in when mail of the other lane arrives', async () => {
    const order: string[] = []
    let asked: Promise<unknown> | null = null
    const work = (left: unknown, name: string) => {
      order.push(`${name} ${left}`)
      if (left === 3) {
        asked = router.call('a', { op: 'echo' })
        router.cast('b', 2)
      }
      return (left as number) > 0 ? { proceed: (left as number) - 1 } : noReply()
    }
    const { router, simulation } = await probes(['a', 'b'], {
      handleCast: (cast, _state, { name }) => work(cast, name),
      handleContinue: (left, _state, { name }) => work(left, name),
      handleCall: (call, from, _state, { name }) => {
        order.push(`${name} ${call.op}`)
        return reply(from, null)
      },
    })
    router.cast('a', 3, { lane: 'remote' })
    await simulation.runUntilIdle()
    expect(await asked).toBe(null)
    expect(order).toEqual(['a 3', 'b 2', 'b 1', 'b 0', 'a 2', 'a 1', 'a 0', 'a echo'])
  })

  it('lets others work between two steps of endless `proceed`', async () => {
    let steps = 0
    const { router, simulation } = await probes(['a', 'b'], {
      handleCast: () => ({ proceed: 0 }),
      handleContinue: () => {
        steps += 1
        return { proceed: 0 }
      },
    })
    router.cast('a', 0, { lane: 'remote' })
    expect(await simulation.run(router.call('b', { op: 'echo', value: 1 }))).toBe(1)
    expect(
      await simulation.run(router.call('b', { op: 'echo', value: 2 }, { lane: 'remote' })),
    ).toBe(2)
    expect(steps).toBeGreaterThan(0)
  })
})

describe('timers, tasks and monitors', () => {
  it('tells of a timer once, when it is due', async () => {
    const { router, simulation, journal } = await probes(['a'])
    await simulation.run(router.call('a', { op: 'effect', effect: { timers: { idle: 1_000 } } }))
    await simulation.advance(999)
    expect(journal.take()).toEqual([])
    await simulation.advance(5_000)
    expect(journal.take()).toEqual(['a info {"op":"timer","name":"idle"}'])
  })

  it('replaces a timer that is set again and forgets one that is taken back', async () => {
    const { router, simulation, journal } = await probes(['a'])
    const effect = (timers: Record<string, number | null>) =>
      simulation.run(router.call('a', { op: 'effect', effect: { timers } }))
    await effect({ x: 100, y: 100 })
    await simulation.advance(50)
    await effect({ x: 100, y: null })
    await simulation.advance(90)
    expect(journal.take()).toEqual([])
    await simulation.advance(30)
    expect(journal.take()).toEqual(['a info {"op":"timer","name":"x"}'])
  })

  it('forgets its timers and tasks when it ends', async () => {
    const { router, simulation, journal } = await probes(['a'])
    const tasks = [
      new Promise((resolve) => simulation.schedule('t', 'timer', 50, () => resolve(1))),
    ]
    await simulation.run(router.call('a', { op: 'effect', effect: { timers: { x: 100 }, tasks } }))
    await simulation.run(outcome(router.call('a', { op: 'crash' })))
    await simulation.advance(1_000)
    expect(journal.take()).toEqual(['end a crash', 'start a'])
  })

  it('hands on what a task brings, and crashes when a task fails', async () => {
    const { router, simulation, journal } = await probes(['a'])
    const run = (tasks: Promise<unknown>[]) =>
      simulation.run(router.call('a', { op: 'effect', effect: { tasks } }))
    await run([Promise.resolve({ synced: 3 })])
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['a info {"synced":3}'])
    await run([Promise.reject(new Error('no space'))])
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['end a crash', 'start a'])
  })

  it('tells a monitor once that an actor ended, and why', async () => {
    const { router, simulation, journal } = await probes(['a', 'b'])
    await simulation.run(router.call('a', { op: 'effect', effect: { monitor: ['b'] } }))
    await simulation.run(outcome(router.call('b', { op: 'stop' })))
    await simulation.run(outcome(router.call('b', { op: 'stop' })))
    await simulation.runUntilIdle()
    expect(journal.take().filter((line) => line.startsWith('a info'))).toEqual([
      'a info {"op":"down","name":"b","reason":{"kind":"normal"}}',
    ])
  })

  it('tells at once that a name nobody has is down', async () => {
    const { router, simulation } = await probes(['a'])
    const told = new Promise((resolve) => router.monitor('nobody', resolve))
    expect(await simulation.run(told)).toMatchObject({
      kind: 'crash',
      error: { code: 'ACTOR_UNKNOWN' },
    })
  })

  it('tells nothing to a monitor that was taken back', async () => {
    const { router, simulation, journal } = await probes(['a', 'b'])
    const effect = { monitor: ['b', 'nobody'], demonitor: ['nobody'] }
    await simulation.run(router.call('a', { op: 'effect', effect }))
    await simulation.run(router.call('a', { op: 'effect', effect: { demonitor: ['b'] } }))
    await simulation.run(outcome(router.call('b', { op: 'crash' })))
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['end b crash', 'start b'])
  })
})

describe('scatter', () => {
  it('gathers every answer in the order of the names, failures too', async () => {
    const { router, simulation } = await probes(['a', 'b'])
    const results = await simulation.run(
      scatter(router, ['b', 'nobody', 'a'], { op: 'echo', value: 1 }, { deadlineMs: 100 }),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('calls the other calls off when all are wanted and one fails', async () => {
    const { router, simulation, kernel } = await probes(['a', 'b'])
    const all = scatterAll(router, ['a', 'nobody', 'b'], { op: 'keep' })
    expect(await simulation.run(outcome(all))).toBe('ACTOR_UNKNOWN')
    expect(kernel.inspect().pendingCalls).toBe(0)
  })
})
