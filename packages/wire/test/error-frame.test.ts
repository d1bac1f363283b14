import { CodedError } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorBody, refusalBody, remoteError } from '../src/error-frame.js'

const shown = (error: unknown) => JSON.parse(Buffer.from(errorBody(error).bytes).toString())

describe('an error frame', () => {
  it('tells text and code of a coded error', () => {
    expect(shown(new CodedError('NOT_FOUND', 'no such message'))).toEqual({
      name: 'CodedError',
      message: 'no such message',
      stack: '',
      code: 'NOT_FOUND',
    })
  })

  it.each([
    new Error('ENOENT: no such file, open /home/me/.dunbar/secret'),
    Object.assign(new Error('/etc/passwd'), { code: 'EACCES' }),
    'a string',
    null,
    undefined,
    { message: 'half an error' },
  ])('says nothing of any other: %o', (error) => {
    expect(shown(error)).toEqual({ name: 'Error', message: 'internal error', stack: '' })
  })

  it('hides absolute paths and keeps ids', () => {
    const text = 'no log at "/home/me/.dunbar/feeds/ab" (/tmp/x) for %abc/def+/x=.sha256'
    expect(shown(new CodedError('X_Y', text)).message).toBe(
      'no log at "<path>" (<path>) for %abc/def+/x=.sha256',
    )
  })

  it('is never larger than 512 bytes and always JSON', () => {
    const text = fc.string({ unit: 'binary', maxLength: 700 })
    fc.assert(
      fc.property(text, text, (message, code) => {
        const bodies = [errorBody(new CodedError(code, message)), refusalBody(message)]
        for (const { bytes } of bodies) {
          expect(bytes.length).toBeLessThanOrEqual(512)
          expect(JSON.parse(Buffer.from(bytes).toString()).stack).toBe('')
        }
      }),
    )
  })

  it.each([null, 1, 'text', [], {}, { message: 1 }, { message: 'm', code: 5 }])(
    'becomes a REMOTE_ERROR whatever its body is: %o',
    (body) => {
      expect(remoteError(body)).toMatchObject({ code: 'REMOTE_ERROR' })
    },
  )
})
