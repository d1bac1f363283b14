import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDeeperThan } from '../src/json-depth.js'

/** The deepest nesting, found by walking the parsed value. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

describe('isDeeperThan', () => {
  it('knows the depth of every JSON text, brackets and quotes in its strings aside', () => {
    const tricky = fc.array(fc.constantFrom('{', '[', '}', ']', '"', '\\', 'a'))
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        tricky.map((pieces) => pieces.join('')),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(
          tricky.map((pieces) => pieces.join('')),
          tie('any'),
          { maxKeys: 3 },
        ),
      ),
    })).any
    fc.assert(
      fc.property(value, (value) => {
        const text = JSON.stringify(value)
        const depth = depthOf(value)
        expect(isDeeperThan(text, depth)).toBe(false)
        if (depth > 0) expect(isDeeperThan(text, depth - 1)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    ['{"a":1', false],
    ['"unclosed \\"[[[[', false],
    ['"\\', false],
    ['"[[[["', false],
    ['[[1],[2],[3]]', false],
    ['[[[', true],
    ['[[[1]]]', true],
    ['"\\\\"[[[', true],
  ])('finds more than two levels in %s: %s', (text, expected) => {
    expect(isDeeperThan(text, 2)).toBe(expected)
  })
})
