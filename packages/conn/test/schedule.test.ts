import { type FeedId, generateKeys } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Candidate, cooldownMs, plan, type Scheduled } from '../src/schedule.js'

const ids: FeedId[] = Array.from(
  { length: 20 },
  (_, n) => generateKeys(new Uint8Array(32).fill(n + 1)).id,
)

const candidate = (number: number, fields: Partial<Candidate> = {}): Candidate => ({
  address: `net:peer-${number}.example:8008`,
  key: ids[number]!,
  type: 'pub',
  hops: 1,
  failureCount: 0,
  triedAtMs: 0,
  hasOnlyFailed: false,
  jitter: 1,
  ...fields,
})

const up = (number: number, fields: Partial<Scheduled> = {}): Scheduled => ({
  key: ids[number]!,
  isScheduled: true,
  isConnected: true,
  sinceMs: 0,
  ...fields,
})

const idle = { nowMs: 0, quota: 4, candidates: [], up: [], rotatedAtMs: 0, jitter: 1 }
const HOUR_MS = 3_600_000

describe('a cooldown', () => {
  test.each([
    [{ hops: 1 }, 1, 5_000],
    [{ hops: 2 }, 1, 6_000],
    [{ hops: 1 }, 0.5, 2_500],
    [{ hops: 1 }, 0, 500],
    [{ triedAtMs: null }, 1, 2_500],
    [{ failureCount: 1, hasOnlyFailed: true }, 1, 45_000],
    [{ failureCount: 3 }, 1, 275_000],
    [{ failureCount: 1e6 }, 1, 5_000 + 64 ** 3 * 10_000],
    [{ type: 'lan' }, 1, 3_500],
    [{ type: 'room', hops: null }, 1, 5_000],
    [{ hops: null }, 1, Number.POSITIVE_INFINITY],
    [{ jitter: 0.8 }, 1, 4_000],
  ])('of %j at fullness %d is %d ms', (fields, fullness, expected) => {
    expect(cooldownMs(candidate(0, fields), fullness)).toBeCloseTo(expected)
  })
})

describe('a plan', () => {
  test('dials new peers at once, the nearest first, as many as there is room for', () => {
    const candidates = [3, 1, 2].map((hops) => candidate(hops, { hops, triedAtMs: null }))
    const planned = plan({ ...idle, quota: 2, candidates })
    expect(planned.dial.map(({ hops }) => hops)).toEqual([1, 2])
    expect(planned.nextMs).toBeNull()
  })

  test('says when the next one has cooled down', () => {
    const planned = plan({ ...idle, nowMs: 100, candidates: [candidate(0)] })
    expect(planned.dial).toEqual([])
    expect(planned.nextMs).toBeCloseTo(500)
  })

  test('waits for something to happen where there is nobody to dial', () => {
    expect(plan(idle)).toEqual({ dial: [], drop: [], isRotating: false, nextMs: null })
    expect(plan({ ...idle, candidates: [candidate(0, { hops: null })] }).nextMs).toBeNull()
  })

  test('drops the oldest, after two hours, for others that wait', () => {
    const state = {
      ...idle,
      candidates: [candidate(9)],
      up: [up(0, { sinceMs: 10 }), up(1), up(2), up(3)],
    }
    expect(plan({ ...state, nowMs: 1 })).toMatchObject({ drop: [], nextMs: 2 * HOUR_MS })
    const due = plan({ ...state, nowMs: 2 * HOUR_MS })
    expect(due).toMatchObject({ drop: [ids[1]], isRotating: true, dial: [] })
    const done = plan({ ...state, nowMs: 2 * HOUR_MS + 1, rotatedAtMs: 2 * HOUR_MS })
    expect(done).toMatchObject({ drop: [], nextMs: 4 * HOUR_MS })
  })

  test('drops nobody that came by itself or that somebody asked for', () => {
    const connected = ids.slice(0, 12).map((_, at) => up(at, { isScheduled: false }))
    const planned = plan({
      ...idle,
      nowMs: 9 * HOUR_MS,
      candidates: [candidate(15)],
      up: connected,
    })
    expect(planned).toEqual({ dial: [], drop: [], isRotating: false, nextMs: null })
  })

  test('drops what is more than twice the quota, once it had some time', () => {
    const friends = ids.slice(0, 7).map((_, at) => up(at, { isScheduled: false }))
    const own = [up(10, { sinceMs: 5 }), up(11, { sinceMs: 1 })]
    const state = { ...idle, up: [...friends, ...own] }
    expect(plan({ ...state, nowMs: 6 })).toMatchObject({ drop: [] })
    expect(plan({ ...state, nowMs: 6 }).nextMs).toBeGreaterThan(6)
    expect(plan({ ...state, nowMs: 200_000 }).drop).toEqual([ids[11], ids[10]])
  })

  test('never dials beyond the quota, never anybody before time, and never looks back', () => {
    const anyCandidate = fc.record({
      number: fc.nat(19),
      hops: fc.option(fc.nat(4)),
      failureCount: fc.nat(70),
      triedAtMs: fc.option(fc.integer({ min: -1e9, max: 1e6 })),
      hasOnlyFailed: fc.boolean(),
      jitter: fc.double({ min: 0.8, max: 1.2, noNaN: true }),
    })
    const anyUp = fc.record({
      number: fc.nat(19),
      isScheduled: fc.boolean(),
      isConnected: fc.boolean(),
      sinceMs: fc.integer({ min: -1e8, max: 1e6 }),
    })
    fc.assert(
      fc.property(
        fc.array(anyCandidate, { maxLength: 12 }),
        fc.array(anyUp, { maxLength: 12 }),
        fc.nat(6),
        (candidates, connected, quota) => {
          const nowMs = 1e6
          const state = {
            ...idle,
            nowMs,
            quota,
            candidates: candidates.map(({ number, ...fields }) => candidate(number, fields)),
            up: connected.map(({ number, ...fields }) => up(number, fields)),
          }
          const planned = plan(state)
          expect(planned.dial.length).toBeLessThanOrEqual(Math.max(0, quota - connected.length))
          const fullness = quota === 0 ? 1 : Math.min(1, connected.length / quota)
          for (const { triedAtMs, ...rest } of planned.dial) {
            expect(rest.hops).not.toBeNull()
            if (triedAtMs === null) continue
            const waitMs = cooldownMs({ triedAtMs, ...rest }, fullness)
            expect(triedAtMs + waitMs).toBeLessThanOrEqual(nowMs)
          }
          for (const key of planned.drop) {
            expect(state.up.some((each) => each.key === key && each.isScheduled)).toBe(true)
          }
          if (planned.nextMs !== null) expect(planned.nextMs).toBeGreaterThan(nowMs)
        },
      ),
    )
  })
})
