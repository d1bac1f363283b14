import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deadline, DeadlineWheel, TICK_MS } from '../src/deadline.js'

/** A clock that a test moves, with timers that fire as it passes them. */
class HandClock {
  nowMs = 12_345.6
  armed: { atMs: number; run: () => void }[] = []

  clock = { now: () => this.nowMs, monotonic: () => this.nowMs }
  timers = {
    set: (delayMs: number, run: () => void) => {
      const timer = { atMs: this.nowMs + delayMs, run }
      this.armed.push(timer)
      return () => {
        this.armed = this.armed.filter((other) => other !== timer)
      }
    },
  }

  move(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [first] = this.armed.sort((one, other) => one.atMs - other.atMs)
      if (first === undefined || first.atMs > untilMs) break
      this.armed.shift()
      this.nowMs = Math.max(this.nowMs, first.atMs)
      first.run()
    }
    this.nowMs = untilMs
  }

  /** The machine slept: time passes, and what was due fires at its end. */
  jump(ms: number): void {
    this.nowMs += ms
    this.move(0)
  }
}

type Step =
  | { kind: 'set' | 'setAgain' | 'clear'; id: number; delayMs: number }
  | { kind: 'move' | 'jump'; id: number; delayMs: number }

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom<Step['kind']>('set', 'set', 'set', 'setAgain', 'clear', 'move', 'jump'),
    id: fc.nat(9),
    delayMs: fc.oneof(fc.nat(50), fc.nat(2_000), fc.nat(60_000)),
  }),
  { maxLength: 80 },
)

describe('deadline wheel', () => {
  it('fires what a sorted list fires: never early, at most two ticks late, nothing taken back', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const hand = new HandClock()
        const wheel = new DeadlineWheel(hand.clock, hand.timers)
        const deadlines: Deadline[] = []
        /** When each is due; absent: not set. */
        const dueMs = new Map<number, number>()
        let jumpedMs = 0
        const fired = (id: number) => () => {
          const due = dueMs.get(id)
          expect(due).toBeDefined()
          expect(hand.nowMs).toBeGreaterThanOrEqual(due as number)
          expect(hand.nowMs).toBeLessThanOrEqual((due as number) + 2 * TICK_MS + jumpedMs)
          dueMs.delete(id)
        }
        for (const { kind, id, delayMs } of all) {
          const known = deadlines[id % Math.max(1, deadlines.length)]
          const at = known === undefined ? -1 : deadlines.indexOf(known)
          if (kind === 'set') {
            const next = deadlines.length
            dueMs.set(next, hand.nowMs + delayMs)
            deadlines.push(wheel.after(delayMs, fired(next)))
          } else if (kind === 'move') {
            jumpedMs = 0
            hand.move(delayMs)
          } else if (kind === 'jump') {
            jumpedMs = delayMs
            hand.jump(delayMs)
          } else if (known !== undefined && kind === 'setAgain') {
            dueMs.set(at, hand.nowMs + delayMs)
            wheel.set(known, delayMs)
          } else if (known !== undefined && kind === 'clear') {
            dueMs.delete(at)
            wheel.clear(known)
          }
          expect(wheel.length).toBe(dueMs.size)
        }
        jumpedMs = 0
        hand.move(200_000)
        expect(dueMs.size).toBe(0)
        expect(wheel.length).toBe(0)
        expect(hand.armed.length).toBe(0)
      }),
    )
  })

  it('keeps one timer of the machine, whatever it holds', () => {
    const hand = new HandClock()
    const wheel = new DeadlineWheel(hand.clock, hand.timers)
    for (let at = 0; at < 1_000; at += 1) wheel.after(5_000 - at, () => {})
    expect(hand.armed.length).toBe(1)
  })

  it('fires nothing after it was stopped', () => {
    const hand = new HandClock()
    const wheel = new DeadlineWheel(hand.clock, hand.timers)
    const late: number[] = []
    wheel.after(10, () => late.push(1))
    wheel.stop()
    wheel.after(10, () => late.push(2))
    hand.move(1_000)
    expect(late).toEqual([])
    expect(hand.armed.length).toBe(0)
  })
})
