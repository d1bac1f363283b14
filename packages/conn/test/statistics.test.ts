import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStatistics, type Statistics, withSample } from '../src/statistics.js'

test('statistics have the mean and the deviation of their samples', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 50 }), (samples) => {
      let statistics: Statistics | undefined
      for (const sample of samples) statistics = withSample(statistics, sample)
      const mean = samples.reduce((sum, each) => sum + each, 0) / samples.length
      const square = samples.reduce((sum, each) => sum + (each - mean) ** 2, 0) / samples.length
      expect(statistics!.mean).toBeCloseTo(mean)
      expect(statistics!.stdev).toBeCloseTo(Math.sqrt(square), 1)
      expect(statistics!.count).toBe(samples.length)
      expect(isStatistics(JSON.parse(JSON.stringify(statistics)))).toBe(true)
    }),
  )
})

test('what is no statistics is not continued', () => {
  const whole = { mean: 1, stdev: 0, count: 1, sum: 1, sqsum: 1 }
  for (const value of [null, 7, {}, { ...whole, count: 0 }, { ...whole, mean: '1' }]) {
    expect(isStatistics(value)).toBe(false)
  }
})
