import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitPlane, reckon } from '../src/growth/reckoning.js'
import { growthFigures, resultsOf } from './run-samples.js'

const sizes = [
  [1500, 20_000],
  [1500, 100_000],
  [150, 200_000],
  [1500, 200_000],
  [50_000, 200_000],
] as const

const term = fc.double({ min: 0, max: 100, noNaN: true })

test('finds the plane that costs lie on', () => {
  fc.assert(
    fc.property(term, term, term, (fixed, perFeed, perMessage) => {
      fc.pre(fixed + perFeed + perMessage > 1e-3)
      const cost = (feeds: number, messages: number) =>
        fixed + perFeed * feeds + perMessage * messages
      const points = sizes.map(([feeds, messages]) => ({
        feeds,
        messages,
        cost: cost(feeds, messages),
      }))
      const plane = fitPlane(points)
      expect(plane.error).toBeLessThan(1e-4)
      for (const { feeds, messages, cost } of points) {
        const fitted = plane.fixed + plane.perFeed * feeds + plane.perMessage * messages
        expect(Math.abs(fitted / cost - 1)).toBeLessThan(1e-3)
      }
    }),
  )
})

test('no term is below zero, whatever was measured', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1, max: 1e6, noNaN: true }), {
        minLength: sizes.length,
        maxLength: sizes.length,
      }),
      (costs) => {
        const plane = fitPlane(
          sizes.map(([feeds, messages], index) => ({ feeds, messages, cost: costs[index]! })),
        )
        for (const value of [plane.fixed, plane.perFeed, plane.perMessage, plane.error]) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(Number.isFinite(value)).toBe(true)
        }
      },
    ),
  )
})

test('reckons what a million feeds need from planes over a few sizes', () => {
  const { needs, machines, assumptions } = reckon(resultsOf(growthFigures()))!
  const amounts = Object.fromEntries(needs.map(({ what, amount }) => [what, amount]))
  expect(amounts['memory for tables and indexes']).toBeCloseTo((1e6 / 512 + 1e4) / 1024, 3)
  expect(amounts['disk for logs and snapshots']).toBeCloseTo((800e8 + 4096e6) / 2 ** 30, 3)
  expect(amounts['a restart']).toBeCloseTo((150 + 20_000 + 30_000) / 1000, 3)
  expect(amounts['an import of everything']).toBeCloseTo((200 + 5000) / 3600, 3)
  expect(machines).toBe(1)
  expect(assumptions.join(' ')).toContain('20 times beyond its feeds')
})

test('more than one machine holds is shared by so many', () => {
  const results = resultsOf(growthFigures())
  const small = { ...results, machine: { ...results.machine, memoryBytes: 4 * 2 ** 30 } }
  const { needs, machines } = reckon(small)!
  const memory = needs[0]!
  expect(memory.machines).toBe(Math.ceil(memory.amount / memory.each))
  expect(machines).toBe(memory.machines)
  expect(machines).toBeGreaterThan(1)
})

test('a run without growth reckons nothing', () => {
  expect(reckon(resultsOf([]))).toBeNull()
})
