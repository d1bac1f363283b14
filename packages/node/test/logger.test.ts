import { generateKeys } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { withoutSecrets } from '../src/logger.js'

describe('what a log line says', () => {
  it('hides the values of secret fields however deep they are', () => {
    const keys = generateKeys()
    const line = {
      text: 'secret',
      list: [{ value: { content: { type: 'post' } } }],
      map: new Map([['error', { data: { cause: { seed: 'secret' } } }]]),
      keys,
      at: new Date(0),
      count: 3,
      nothing: null,
    }
    expect(withoutSecrets(line)).toEqual({
      text: '(hidden)',
      list: [{ value: { content: '(hidden)' } }],
      map: { error: { data: { cause: { seed: '(hidden)' } } } },
      keys: expect.not.objectContaining({ secretKey: expect.anything() }),
      at: '1970-01-01T00:00:00.000Z',
      count: 3,
      nothing: null,
    })
    expect(JSON.stringify(withoutSecrets(line))).not.toContain('"secret"')
  })

  it('is cut where it goes too deep, as it does where it holds itself', () => {
    const line: Record<string, unknown> = { name: 'endless' }
    line.self = line
    expect(JSON.stringify(withoutSecrets(line))).toContain('(deep)')
    expect(withoutSecrets(undefined)).toBe(undefined)
  })
})
