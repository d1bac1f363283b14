import { expect, it } from 'vitest'
import { printable, sentenceOf } from '../src/mistake.js'

it('is one sentence for any error, without stack and without what a terminal would obey', () => {
  expect(sentenceOf(new Error('first\n    at stack'))).toBe('first')
  expect(sentenceOf({ code: 'X', message: 'from another thread', data: {} })).toBe(
    'from another thread',
  )
  expect(sentenceOf(new Error('\u001b[2Jhidden'))).toBe('[2Jhidden')
  expect(sentenceOf(new Error(''))).toBe('something went wrong')
  expect(sentenceOf('text')).toBe('text')
  expect(sentenceOf(new Error('x'.repeat(9999)))).toHaveLength(500)
})

it('keeps every script and emoji of a text', () => {
  for (const text of ['日本語', 'العربية', '👩‍🚀', 'a\u00a0b']) expect(printable(text)).toBe(text)
})
