import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareResults } from '../src/comparison/compare.js'
import { leastOfRankTest, rankTest } from '../src/comparison/rank-test.js'
import { comparisonText } from '../src/comparison/text.js'
import { type Figure, isLimit } from '../src/figure.js'
import { resultsOf } from './run-samples.js'

const size = { feeds: 150, messages: 1000 }

const figure = (samples: readonly number[], more: Partial<Figure> = {}): Figure => ({
  id: 'lookup',
  title: 'key lookup',
  unit: 'ms',
  better: 'less',
  size,
  samples,
  limit: isLimit,
  ...more,
})

const results = resultsOf

const compared = (before: Figure, after: Figure, limit = 0.1) =>
  compareResults(results([before]), results([after]), limit).changes[0]!

describe('the rank test', () => {
  /** Every way to choose, one by one. */
  function slowly(sample: readonly number[], other: readonly number[]): number {
    const all = [...sample, ...other]
    const rank = (value: number) =>
      all.filter((each) => each < value).length +
      (all.filter((each) => each === value).length + 1) / 2
    const ranks = all.map(rank)
    const middle = (sample.length * (all.length + 1)) / 2
    const away = Math.abs(ranks.slice(0, sample.length).reduce((a, b) => a + b, 0) - middle)
    let extreme = 0
    let count = 0
    for (let chosen = 0; chosen < 2 ** all.length; chosen++) {
      const taken = ranks.filter((_, index) => (chosen >> index) & 1)
      if (taken.length !== sample.length) continue
      count += 1
      const sum = taken.reduce((a, b) => a + b, 0)
      if (Math.abs(sum - middle) >= away - 1e-9) extreme += 1
    }
    return extreme / count
  }

  const sample = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 5 })

  test('counts as going through every choice does, ties too', () => {
    fc.assert(
      fc.property(sample, sample, (left, right) => {
        expect(rankTest(left, right)).toBeCloseTo(slowly(left, right), 9)
      }),
      { numRuns: 60 },
    )
  })

  test('does not depend on which sample is the first', () => {
    fc.assert(
      fc.property(sample, sample, (left, right) => {
        expect(rankTest(left, right)).toBeCloseTo(rankTest(right, left), 12)
      }),
    )
  })

  test('gives the least for samples that lie apart', () => {
    expect(rankTest([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])).toBeCloseTo(2 / 252, 12)
    expect(leastOfRankTest(5, 5)).toBeCloseTo(2 / 252, 12)
    expect(leastOfRankTest(1, 1)).toBe(1)
  })
})

describe('two runs', () => {
  const before = [1, 1.01, 1.02, 1.03, 1.04]
  const scaled = (by: number) => before.map((value) => value * by)

  test('a figure that got dearer by more than the limit is a regression', () => {
    expect(compared(figure(before), figure(scaled(1.2)))).toMatchObject({
      verdict: 'worse',
      isRegression: true,
    })
    expect(compared(figure(before), figure(scaled(1.2)), 0.3).isRegression).toBe(false)
  })

  test('fewer a second is worse, too', () => {
    const rate = { better: 'more' } as const
    expect(compared(figure(before, rate), figure(scaled(0.5), rate)).dearer).toBeCloseTo(1, 9)
    expect(compared(figure(before, rate), figure(scaled(2), rate)).verdict).toBe('better')
  })

  test('samples that overlap are the same, however far the medians', () => {
    const noisy = [1, 1, 3, 3.1, 3.2]
    expect(compared(figure(before), figure(noisy))).toMatchObject({
      verdict: 'same',
      isRegression: false,
    })
  })

  test('of too few rounds nothing is told', () => {
    expect(compared(figure([1]), figure([9])).verdict).toBe('untold')
    expect(compared(figure([1, 1, 1]), figure([9, 9, 9])).isRegression).toBe(false)
  })

  test('of what is exact one sample tells', () => {
    const exact = { isExact: true } as const
    expect(compared(figure([1], exact), figure([1.2], exact)).isRegression).toBe(true)
    expect(compared(figure([1], exact), figure([0.9], exact)).verdict).toBe('better')
    expect(compared(figure([1], exact), figure([1], exact)).verdict).toBe('same')
  })

  test('a run beside itself has changed in nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 9 }),
        (samples) => {
          const { dearer, verdict } = compared(figure(samples), figure(samples))
          expect(dearer).toBe(0)
          expect(['same', 'untold']).toContain(verdict)
        },
      ),
    )
  })

  test('figures on other data are named and not compared', () => {
    const other = results([figure(scaled(9))], {
      datasets: [{ ...size, population: 'natural', seed: 2, digest: 'bb', sizeBytes: 1 }],
    })
    const comparison = compareResults(results([figure(before)]), other, 0.1)
    expect(comparison.changes).toEqual([])
    expect(comparison.onOtherData).toEqual(['lookup 150/1000'])
  })

  test('figures are paired by id and size', () => {
    const elsewhere = figure(before, { size: { feeds: 1500, messages: 1000 } })
    const comparison = compareResults(results([figure(before)]), results([elsewhere]), 0.1)
    expect(comparison.changes).toEqual([])
    expect(comparison.onlyBefore).toEqual(['lookup 150/1000'])
    expect(comparison.onlyAfter).toEqual(['lookup 1500/1000'])
  })

  test('another machine is warned of', () => {
    const here = results([figure(before)])
    const there = results([figure(before)], {
      node: 'v22.0.0',
      machine: { ...here.machine, cores: 8 },
    })
    expect(compareResults(here, here, 0.1).warnings).toEqual([])
    expect(compareResults(here, there, 0.1).warnings).toEqual([
      'cores: 2 before, 8 after',
      'node: v20.0.0 before, v22.0.0 after',
    ])
  })

  test('the text names the regression and the limit', () => {
    const comparison = compareResults(results([figure(before)]), results([figure(scaled(2))]), 0.1)
    const text = comparisonText(comparison, 0.1)
    expect(text).toContain('REGRESSION')
    expect(text).toContain('100 % dearer')
    expect(text).toContain('1 over the limit of 10 %')
  })
})
