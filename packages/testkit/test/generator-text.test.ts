import { expect, test } from 'vitest'
import { cutText, pickLanguage, writeText } from '../src/generator-text.js'
import { SeededRandom } from '../src/seeded-random.js'

test('a cut never leaves half a character', () => {
  expect(cutText('a😀b', 2)).toBe('a')
  expect(cutText('a😀b', 3)).toBe('a😀')
  expect(cutText('a😀', 3)).toBe('a😀')
  expect(cutText('ab', 0)).toBe('')
})

test('texts have the length asked for, in every language', () => {
  const random = new SeededRandom('texts')
  const seen = new Set<string>()
  for (let count = 0; count < 3000; count += 1) {
    const language = pickLanguage(random)
    seen.add(language)
    const text = writeText(random, language, count % 400)
    expect((count % 400) - text.length).toBeGreaterThanOrEqual(0)
    expect((count % 400) - text.length).toBeLessThanOrEqual(1)
    expect(Buffer.from(text).toString()).toBe(text)
  }
  expect(seen.size).toBe(9)
})
