import { describe, expect, it } from 'vitest'
import { CodedError, errorFromPlain, errorToPlain, isCodedError } from '../src/errors.js'

class FeedError extends CodedError<'FEED_FORKED' | 'FEED_GAP'> {}

describe('coded errors', () => {
  it('carry code, data, cause and the name of their class', () => {
    const cause = new Error('below')
    const error = new FeedError('FEED_FORKED', 'two of one sequence', { sequence: 3 }, { cause })
    expect(error).toBeInstanceOf(Error)
    expect([error.code, error.data, error.cause, error.name]).toEqual([
      'FEED_FORKED',
      { sequence: 3 },
      cause,
      'FeedError',
    ])
  })

  it('are recognised by their shape after a structured clone, and other errors are not', () => {
    const plain = structuredClone(errorToPlain(new FeedError('FEED_GAP', 'a gap')))
    expect(isCodedError(plain)).toBe(true)
    const systemError = Object.assign(new Error('ENOENT: /home/someone'), { code: 'ENOENT' })
    for (const other of [systemError, new Error('x'), null, undefined, 'FEED_GAP', 5, {}]) {
      expect(isCodedError(other)).toBe(false)
    }
    expect(isCodedError({ code: 'A', message: 'b', data: [] })).toBe(false)
  })

  it('cross as plain data and come back with the same code, text and data', () => {
    const error = new FeedError('FEED_GAP', 'a gap', { from: 3, to: 5 })
    const back = errorFromPlain(JSON.parse(JSON.stringify(errorToPlain(error))))
    expect(back).toBeInstanceOf(CodedError)
    expect([back.code, back.message, back.data]).toEqual(['FEED_GAP', 'a gap', { from: 3, to: 5 }])
  })

  it('leave text, stack and paths of unknown errors behind', () => {
    const secret = 'open /home/someone/.ssb/secret'
    const systemError = Object.assign(new TypeError(secret), { code: 'ENOSPC', path: secret })
    const plain = errorToPlain(systemError)
    expect(plain.code).toBe('INTERNAL')
    expect(plain.data).toEqual({ name: 'TypeError', systemCode: 'ENOSPC' })
    expect(JSON.stringify(plain)).not.toContain('someone')
    for (const thrown of ['a string', null, undefined, 7]) {
      expect(errorToPlain(thrown)).toMatchObject({ code: 'INTERNAL', data: {} })
    }
    expect(errorFromPlain({ message: 'no code' }).code).toBe('INTERNAL')
  })
})
