import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitGrowth, type Growth } from '../src/growth/fit.js'

const SIZES = [150, 1500, 5000, 50_000]

/** Five rounds a size, each off by at most this share. */
function pointsOf(costOf: (size: number) => number, seed: number, noise = 0.04) {
  let state = seed >>> 0
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return SIZES.map((size) => ({
    size,
    costs: Array.from({ length: 5 }, () => costOf(size) * (1 + noise * (2 * random() - 1))),
  }))
}

const growing: readonly [Growth, (size: number, base: number) => number][] = [
  ['constant', (_, base) => base],
  ['logarithmic', (size, base) => base * (1 + Math.log(size))],
  ['linear', (size, base) => base * (100 + size)],
]

for (const [growth, costOf] of growing) {
  test(`tells ${growth} growth through noise, whatever the unit`, () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (seed, base) => {
        const fit = fitGrowth(pointsOf((size) => costOf(size, base), seed))
        expect(fit.growth).toBe(growth)
        expect(fit.error).toBeLessThan(0.1)
      }),
    )
  })
}

test('finds base and slope of what has no noise, and the exponent of a power', () => {
  const linear = fitGrowth(SIZES.map((size) => ({ size, costs: [7 + 3 * size] })))
  expect(linear.base).toBeCloseTo(7, 6)
  expect(linear.slope).toBeCloseTo(3, 9)
  const power = fitGrowth(SIZES.map((size) => ({ size, costs: [2 * size ** 1.5] })))
  expect(power.exponent).toBeCloseTo(1.5, 9)
})

test('the order of sizes makes no difference', () => {
  const points = pointsOf((size) => size + 10, 3)
  expect(fitGrowth([...points].reverse())).toEqual(fitGrowth(points))
})

test('a constant has no bend', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      expect(fitGrowth(pointsOf(() => 12, seed)).firstBend).toBeNull()
    }),
  )
})

test('the first bend is the first size that is dearer than those before', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: SIZES.length - 1 }),
      fc.double({ min: 1.5, max: 100, noNaN: true }),
      (seed, at, factor) => {
        const points = pointsOf((size) => (size >= SIZES[at]! ? factor : 1), seed)
        expect(fitGrowth(points).firstBend).toBe(SIZES[at])
      },
    ),
  )
})

test('what gets cheaper has no bend', () => {
  expect(fitGrowth(pointsOf((size) => 1 / size, 1)).firstBend).toBeNull()
})

test('two sizes tell no growth, and no cost is nothing', () => {
  expect(() => fitGrowth(pointsOf(() => 1, 1).slice(0, 2))).toThrow(RangeError)
  expect(() => fitGrowth(pointsOf(() => 0, 1))).toThrow(RangeError)
})
