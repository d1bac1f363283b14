import { SeededRandom } from '@dunbar/testkit'
import { expect, test } from 'vitest'

const draw = (seed: number | string, count = 5): number[] => {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => random.uint32())
}

test('one seed gives the same numbers everywhere', () => {
  expect(draw('pinned')).toEqual([3712976741, 2307839733, 1786213270, 2430191383, 1466542631])
  expect(draw(1)).toEqual(draw('1'))
})

test('seeds that differ a little give other numbers', () => {
  const firsts = new Set(Array.from({ length: 2000 }, (_, seed) => draw(seed, 1)[0]))
  expect(firsts.size).toBe(2000)
})

test('numbers are spread evenly', () => {
  const random = new SeededRandom('spread')
  const buckets = new Int32Array(20)
  for (let count = 0; count < 40_000; count += 1) buckets[random.below(20)]! += 1
  const deviation = [...buckets].reduce((sum, seen) => sum + (seen - 2000) ** 2 / 2000, 0)
  // Chi squared with 19 degrees of freedom: beyond 43.8 once in a thousand seeds.
  expect(deviation).toBeLessThan(43.8)
})

test('floats, bytes and choices keep to their ranges', () => {
  const random = new SeededRandom('ranges')
  for (let count = 0; count < 2000; count += 1) {
    expect(random.next()).toBeLessThan(1)
    expect([3, 4, 5]).toContain(random.between(3, 5))
    expect(random.exponential(2)).toBeGreaterThanOrEqual(0)
  }
  expect(random.bytes(7)).toHaveLength(7)
  expect(new Set(random.bytes(4000)).size).toBe(256)
  expect(random.sample([1, 2, 3, 4], 9).sort()).toEqual([1, 2, 3, 4])
  expect(new Set(random.sample([1, 2, 3, 4], 3)).size).toBe(3)
})

test('normal numbers have mean 0 and deviation 1', () => {
  const random = new SeededRandom('normal')
  const numbers = Array.from({ length: 20_000 }, () => random.normal())
  const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length
  const variance = numbers.reduce((sum, one) => sum + (one - mean) ** 2, 0) / numbers.length
  expect(Math.abs(mean)).toBeLessThan(0.03)
  expect(Math.abs(variance - 1)).toBeLessThan(0.04)
})
