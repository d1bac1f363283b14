import { describe, expect, test } from 'vitest'
import { type Figure, isLimit } from '../src/figure.js'
import { growthLines, growthOf } from '../src/growth/lines.js'

const figure = (feeds: number, messages: number, samples: number[], more: Partial<Figure> = {}) =>
  ({
    id: 'growth.restart',
    title: 'ready after a restart',
    unit: 'ms',
    better: 'less',
    size: { feeds, messages },
    samples,
    limit: isLimit,
    ...more,
  }) satisfies Figure

describe('growth lines', () => {
  test('one for each axis on which at least three sizes differ in nothing else', () => {
    const figures = [
      figure(150, 1000, [10, 11]),
      figure(1500, 1000, [10, 11]),
      figure(5000, 1000, [10, 11]),
      figure(1500, 5000, [10, 11]),
      figure(1500, 20_000, [10, 11]),
      figure(9000, 3000, [10, 11]),
    ]
    expect(growthOf(figures).map(({ axis, other }) => [axis, other])).toEqual([
      ['feeds', 1000],
      ['messages', 1500],
    ])
  })

  test('say what it is, its noise, and where it bends', () => {
    const [line] = growthLines([
      figure(100, 1000, [10]),
      figure(1000, 1000, [11]),
      figure(10_000, 1000, [20]),
    ])
    expect(line).toContain('ready after a restart (100 to 10,000 feeds, 1,000 messages): linear')
    expect(line).toContain('first bend at 10,000 feeds')
  })

  test('a rate that stays is a constant cost of each', () => {
    const rate = { unit: 'messages/s', better: 'more' } as const
    const [line] = growthLines([
      figure(100, 1000, [20_000], rate),
      figure(1000, 1000, [20_100], rate),
      figure(10_000, 1000, [19_900], rate),
    ])
    expect(line).toContain('constant, 50 µs/message')
    expect(line).toContain('no bend')
  })

  test('two sizes, and figures that are nothing, have no line', () => {
    expect(growthLines([figure(1, 10, [1]), figure(2, 10, [2])])).toEqual([])
    expect(growthLines([figure(1, 9, [0]), figure(2, 9, [1]), figure(3, 9, [2])])).toEqual([])
  })
})
