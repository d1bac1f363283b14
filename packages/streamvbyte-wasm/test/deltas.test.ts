import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deltas, prefixSums } from '../src/deltas.js'

const half = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }).map((value) => value + 0)

test('sums of differences are the values again', () => {
  fc.assert(
    fc.property(fc.array(half), half, (values, base) => {
      const differences = deltas(Float64Array.from(values), base)
      expect([...prefixSums(differences, base)]).toEqual(values)
    }),
  )
})

test('the first difference is to the base', () => {
  expect([...deltas(Float64Array.of(10, 7, 7), 10)]).toEqual([0, -3, 0])
  expect([...deltas(Float64Array.of(10, 7))]).toEqual([10, -3])
})

test.each([
  [[0.5], 0],
  [[Number.NaN], 0],
  [[2 ** 53], 1],
  [[Number.MAX_SAFE_INTEGER], -1],
  [[1], 0.5],
])('refuses %j from %d, whose differences a double does not hold', (values, base) => {
  expect(() => deltas(Float64Array.from(values), base)).toThrow(
    expect.objectContaining({ code: 'STREAMVBYTE_UNSAFE_INTEGER' }),
  )
})

test.each([
  [[Number.MAX_SAFE_INTEGER, 1], 0],
  [[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER], 0],
  [[-1], Number.MIN_SAFE_INTEGER],
  [[0.5, 0.5], 0],
  [[1], Number.NaN],
])('refuses sums of %j from %d that a double does not hold', (differences, base) => {
  expect(() => prefixSums(Float64Array.from(differences), base)).toThrow(
    expect.objectContaining({ code: 'STREAMVBYTE_MALFORMED' }),
  )
})
