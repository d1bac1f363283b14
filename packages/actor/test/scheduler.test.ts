import { describe, expect, it } from 'vitest'
import type { MailLane } from '../src/envelope.js'
import {
  ASKED_MS,
  ASKED_RUN_MS,
  LOCAL_TURNS,
  MAX_REST_MS,
  RUN_MS,
  type Runnable,
  Scheduler,
  SLICE_MS,
  SLICE_STEPS,
  type Slice,
} from '../src/scheduler.js'

/** A loop in the hand: every step of work takes as long as the test says. */
class Loop {
  nowMs = 0
  later: (() => void)[] = []
  ended: (() => void)[] = []
  timers: { readonly atMs: number; readonly run: () => void }[] = []
  runs = 0
  scheduler = new Scheduler(
    { now: () => this.nowMs, monotonic: () => this.nowMs },
    {
      set: (delayMs, run) => {
        this.timers.push({ atMs: this.nowMs + delayMs, run })
        return () => {}
      },
    },
    { soon: (run) => this.later.push(run), endOfTurn: (run) => this.ended.push(run) },
    () => {
      this.runs += 1
    },
  )
  log: string[] = []

  /** Lets the thread end its turn. */
  endTurn(): void {
    for (const run of this.ended.splice(0)) run()
  }

  /** Lets time pass, and the timers with it that are due. */
  pass(ms: number): void {
    this.nowMs += ms
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs)
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs)
    for (const { run } of due) run()
    this.endTurn()
  }

  /** Serves the event loop once. */
  serve(): void {
    for (const run of this.later.splice(0)) run()
  }
}

class Worker implements Runnable {
  readonly queued = { local: false, remote: false }
  readonly left = { local: 0, remote: 0 }
  readonly loop: Loop
  readonly name: string
  readonly stepMs: number
  onStep: () => void = () => {}

  constructor(loop: Loop, name: string, stepMs = 0) {
    this.loop = loop
    this.name = name
    this.stepMs = stepMs
  }

  give(lane: MailLane, steps: number): this {
    this.left[lane] += steps
    this.loop.scheduler.ready(this, lane)
    return this
  }

  hasWork(lane: MailLane): boolean {
    return this.left[lane] > 0
  }

  work(lane: MailLane, slice: Slice): void {
    let steps = 0
    while (this.left[lane] > 0) {
      this.left[lane] -= 1
      steps += 1
      this.loop.nowMs += this.stepMs
      this.onStep()
      if (!slice.step()) break
    }
    this.loop.log.push(`${this.name} ${lane} ${steps}`)
  }
}

describe('turns', () => {
  it('gives actors of one lane turns in the order in which they became ready', () => {
    const loop = new Loop()
    for (const name of ['a', 'b', 'c']) new Worker(loop, name).give('local', 1)
    loop.endTurn()
    expect(loop.log).toEqual(['a local 1', 'b local 1', 'c local 1'])
  })

  it('ends a turn after its slice and sends the actor to the back', () => {
    const loop = new Loop()
    new Worker(loop, 'long', 1).give('local', 2 * SLICE_MS)
    new Worker(loop, 'short', 0).give('local', 1)
    loop.endTurn()
    const part = `long local ${SLICE_MS}`
    expect(loop.log).toEqual([part, 'short local 1', part])
  })

  it('bounds a turn in steps where the clock stands still', () => {
    const loop = new Loop()
    new Worker(loop, 'long').give('local', SLICE_STEPS + 5)
    new Worker(loop, 'short').give('local', 1)
    loop.endTurn()
    expect(loop.log).toEqual([`long local ${SLICE_STEPS}`, 'short local 1', 'long local 5'])
  })

  it('gives local work turns before remote work that was ready earlier', () => {
    const loop = new Loop()
    new Worker(loop, 'sync').give('remote', 1)
    new Worker(loop, 'user').give('local', 1)
    loop.endTurn()
    expect(loop.log).toEqual(['user local 1', 'sync remote 1'])
  })

  it('ends a remote turn with the message during which local work appears', () => {
    const loop = new Loop()
    const user = new Worker(loop, 'user')
    const sync = new Worker(loop, 'sync')
    sync.onStep = () => {
      if (sync.left.remote === 7) user.give('local', 1)
    }
    sync.give('remote', 10)
    loop.endTurn()
    expect(loop.log).toEqual(['sync remote 3', 'user local 1', 'sync remote 7'])
  })

  it('grants a remote turn of one message after enough local turns in a row', () => {
    const loop = new Loop()
    const users = ['a', 'b'].map((name) => new Worker(loop, name, 0))
    for (const user of users) {
      user.onStep = () => {
        if (loop.log.length < 40) user.give('local', 1)
      }
      user.work = (lane, slice) => {
        user.left[lane] -= 1
        user.onStep()
        slice.step()
        loop.log.push(`${user.name} ${lane} 1`)
      }
      user.give('local', 1)
    }
    new Worker(loop, 'sync').give('remote', 3)
    loop.endTurn()
    const remoteAt = loop.log.flatMap((line, at) => (line.startsWith('sync') ? [at] : []))
    expect(remoteAt.slice(0, 2)).toEqual([LOCAL_TURNS, 2 * LOCAL_TURNS + 1])
    expect(loop.log[LOCAL_TURNS]).toBe('sync remote 1')
  })
})

describe('yielding', () => {
  it('serves the event loop after its share of work, and goes on afterwards', () => {
    const loop = new Loop()
    new Worker(loop, 'a', 1).give('local', 2 * RUN_MS - 1)
    loop.endTurn()
    expect(loop.nowMs).toBe(RUN_MS)
    expect(loop.later.length).toBe(1)
    loop.serve()
    expect(loop.nowMs).toBe(2 * RUN_MS - 1)
    expect(loop.scheduler.yieldCount).toBe(1)
  })

  it('sums short runs up, so that a chain of them yields too', () => {
    const loop = new Loop()
    const worker = new Worker(loop, 'a', 1)
    let rounds = 0
    while (loop.later.length === 0) {
      worker.give('local', 1)
      loop.endTurn()
      rounds += 1
    }
    expect(rounds).toBe(RUN_MS)
    worker.give('local', 1)
    loop.endTurn()
    expect(worker.left.local).toBe(1)
    loop.serve()
    expect(worker.left.local).toBe(0)
  })

  it('executes what an event brings within that event, and flushes once', () => {
    const loop = new Loop()
    const worker = new Worker(loop, 'a')
    loop.scheduler.runWith(() => {
      worker.give('local', 1)
      worker.give('remote', 1)
    })
    expect(loop.log).toEqual(['a local 1', 'a remote 1'])
    expect(loop.runs).toBe(1)
    expect(loop.ended).toEqual([])
  })
})

describe('while somebody asks', () => {
  it('lets remote work rest as long as it took', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    new Worker(loop, 'sync', ASKED_RUN_MS).give('remote', 3)
    loop.endTurn()
    expect(loop.nowMs).toBe(ASKED_RUN_MS)
    loop.serve()
    loop.endTurn()
    expect(loop.log.length).toBe(1)
    loop.pass(ASKED_RUN_MS)
    expect(loop.log.length).toBe(2)
    expect(loop.nowMs).toBe(3 * ASKED_RUN_MS)
  })

  it('serves what is asked during a rest at once', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    new Worker(loop, 'sync', ASKED_RUN_MS).give('remote', 2)
    loop.endTurn()
    loop.serve()
    const user = new Worker(loop, 'user')
    loop.scheduler.runWith(() => user.give('local', 1))
    expect(loop.log).toEqual(['sync remote 1', 'user local 1'])
  })

  it('rests no longer than its bound for a step that took long', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    new Worker(loop, 'cold', 4 * MAX_REST_MS).give('remote', 2)
    loop.endTurn()
    loop.serve()
    loop.pass(MAX_REST_MS)
    expect(loop.log.length).toBe(2)
  })

  it('rests again where a timer came too early', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    new Worker(loop, 'sync', ASKED_RUN_MS).give('remote', 2)
    loop.endTurn()
    loop.serve()
    loop.timers.shift()!.run()
    loop.endTurn()
    expect(loop.log.length).toBe(1)
    loop.pass(ASKED_RUN_MS)
    expect(loop.log.length).toBe(2)
  })

  it('does not let local work rest', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    new Worker(loop, 'user', ASKED_RUN_MS).give('local', 2)
    loop.endTurn()
    loop.serve()
    expect(loop.log.length).toBe(2)
    expect(loop.timers).toEqual([])
  })

  it('goes on as before when nobody has asked for a while', () => {
    const loop = new Loop()
    loop.scheduler.noteAsked()
    loop.nowMs = ASKED_MS
    new Worker(loop, 'sync', ASKED_RUN_MS).give('remote', 20)
    loop.endTurn()
    expect(loop.nowMs).toBe(ASKED_MS + RUN_MS)
    expect(loop.timers).toEqual([])
    loop.serve()
    expect(loop.nowMs).toBe(ASKED_MS + 2 * RUN_MS)
  })

  it('holds until what a local call waits for has come, however long that takes', async () => {
    const loop = new Loop()
    let synced = () => {}
    loop.scheduler.await(
      new Promise<void>((resolve) => {
        synced = resolve
      }),
    )
    loop.nowMs = 10 * ASKED_MS
    expect(loop.scheduler.runMs).toBe(ASKED_RUN_MS)
    synced()
    await Promise.resolve()
    expect(loop.scheduler.runMs).toBe(RUN_MS)
  })
})
