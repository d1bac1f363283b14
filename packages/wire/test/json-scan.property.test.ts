import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scanJson } from '../src/json-scan.js'

const scan = (text: string, maxDepth = 64) => {
  const bytes = Buffer.from(text)
  return scanJson(bytes, 0, bytes.length, maxDepth)
}

/** The deepest nesting, found by walking the parsed value. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

/** Texts near to JSON: pieces that open, close and separate, in any order. */
const nearJson = fc
  .array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '"a"', '1', 'null', ' ', '{}'), {
    maxLength: 12,
  })
  .map((pieces) => pieces.join(''))

describe('scanJson', () => {
  it('takes every JSON text within its depth and refuses it one level below', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value)
        const depth = depthOf(value)
        expect(scan(text, depth)).toBe('ok')
        if (depth > 0) expect(scan(text, depth - 1)).toBe('deep')
      }),
    )
  })

  it('passes only texts that parse joined exactly as they parse alone', () => {
    fc.assert(
      fc.property(fc.array(nearJson, { maxLength: 30 }), (candidates) => {
        const texts = candidates.filter((text) => scan(text) === 'ok').slice(0, 3)
        const alone = texts.map((text) => attempt(text))
        const joined = attempt(`[${texts.join(',')}]`)
        const isWhole = Array.isArray(joined?.value) && joined.value.length === texts.length
        expect(isWhole).toBe(!alone.includes(undefined))
        if (isWhole) expect(joined?.value).toEqual(alone.map((result) => result?.value))
      }),
      { numRuns: 3_000 },
    )
  })

  it.each([
    ['{"a":1', 'open'],
    ['"b":2}', 'open'],
    ['1,2', 'open'],
    ['"unclosed \\"', 'open'],
    ['"\\', 'open'],
    ['"[[[["', 'ok'],
    ['"\\\\"', 'ok'],
  ])('calls %s %s', (text, expected) => {
    expect(scan(text, 2)).toBe(expected)
  })
})

function attempt(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
