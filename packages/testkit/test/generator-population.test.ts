import { feedSizes, generatedKeys, spreads } from '@dunbar/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('sizes add up, and every feed writes where there are enough messages', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.nat(5000),
      fc.constantFrom(...spreads),
      (feeds, messages, spread) => {
        const sizes = feedSizes(feeds, messages, spread)
        expect(sizes).toHaveLength(feeds)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(messages)
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(messages >= feeds ? 1 : 0)
        expect(sizes.filter((size) => size > 0).length).toBe(Math.min(feeds, messages))
      },
    ),
  )
})

test('one feed has at least 8 % and many have few', () => {
  for (const [feeds, messages] of [
    [500, 20_000],
    [2000, 100_000],
    [50_000, 1_000_000],
  ] as const) {
    const sizes = [...feedSizes(feeds, messages)]
    expect(sizes[0]).toBeGreaterThanOrEqual(messages * 0.08)
    expect(Math.max(...sizes)).toBe(sizes[0])
    const mean = messages / feeds
    expect(sizes.filter((size) => size < mean / 2).length).toBeGreaterThan(feeds / 2)
  }
})

test('spread evenly, no two feeds differ by more than one message', () => {
  const sizes = feedSizes(300, 10_000, 'even')
  expect(Math.max(...sizes) - Math.min(...sizes)).toBe(1)
})

test('four giants write 80 % of all, and the others the same each', () => {
  const sizes = [...feedSizes(5000, 100_000, 'giants')]
  expect(sizes.slice(0, 4)).toEqual([20_000, 20_000, 20_000, 20_000])
  expect(new Set(sizes.slice(4))).toEqual(new Set([4, 5]))
})

test('keys of a feed follow from the seed and its number alone', () => {
  const keys = generatedKeys(1, 3)
  expect(generatedKeys('1', 3).id).toBe(keys.id)
  expect(generatedKeys(1, 3).secretKey).toEqual(keys.secretKey)
  expect(
    new Set([0, 1, 2, 3].flatMap((feed) => [1, 2].map((seed) => generatedKeys(seed, feed).id)))
      .size,
  ).toBe(8)
})
