import { isCodedError } from '@dunbar/core'
import { WireError } from './errors.js'
import { JSON_BODY } from './frame.js'
import { ERROR_BODY_BYTES } from './limits.js'
import { EncodedBody } from './raw.js'
import { ReceivedBody } from './received.js'

/** Absolute paths; ids, which hold slashes too, begin with a sigil and so never match. */
const PATHS = /(^|[\s'"`(=:])(?:\/[^\s'"`():,]+)+/g
const NAME = /^[A-Za-z]{1,40}$/
/** An error is flat; other peers may put data into it. */
const ERROR_DEPTH = 16
const CODE = /^[A-Za-z0-9_]{1,64}$/

/**
 * The body of an error frame: at most 512 bytes, without a stack and without a path. Coded errors
 * keep text and code; any other error could say anything, so that only `internal error` is told.
 */
export function errorBody(error: unknown): EncodedBody {
  if (!isCodedError(error)) return refusalBody('internal error')
  const name = typeof error.name === 'string' && NAME.test(error.name) ? error.name : 'Error'
  const text = error.message.slice(0, ERROR_BODY_BYTES).replace(PATHS, '$1<path>')
  return bodyWithin(name, text, CODE.test(error.code) ? error.code : undefined)
}

/** The body of an error frame with this text, cut to fit. */
export function refusalBody(text: string): EncodedBody {
  return bodyWithin('Error', text.slice(0, ERROR_BODY_BYTES), undefined)
}

function bodyWithin(name: string, text: string, code: string | undefined): EncodedBody {
  let message = text
  for (;;) {
    const shape = { name, message, stack: '', ...(code === undefined ? {} : { code }) }
    const bytes = Buffer.from(JSON.stringify(shape), 'utf8')
    const over = bytes.length - ERROR_BODY_BYTES
    if (over <= 0) return new EncodedBody(JSON_BODY, bytes)
    // A character takes six bytes at most, as \u0000 does.
    message = message.slice(0, message.length - Math.max(1, Math.floor(over / 6)))
  }
}

/** The error that the other side's body stands for: whatever came, a `REMOTE_ERROR` with a text of at most 512 characters. */
export function remoteError(body: unknown): WireError {
  const fields = typeof body === 'object' && body !== null ? body : { message: body }
  const message =
    'message' in fields && typeof fields.message === 'string' ? fields.message : 'no reason given'
  const code = 'code' in fields && typeof fields.code === 'string' ? fields.code : undefined
  const text = message.slice(0, ERROR_BODY_BYTES)
  return new WireError('REMOTE_ERROR', text, {
    message: text,
    ...(code === undefined ? {} : { code: code.slice(0, 64) }),
  })
}

/** What muxrpc ended a call or a stream with, as an error; null for an orderly end. */
export function endError(end: unknown): WireError | null {
  if (end === null || end === undefined || end === true) return null
  if (end instanceof WireError) return end
  if (end instanceof ReceivedBody) {
    try {
      return remoteError(end.parse(ERROR_DEPTH))
    } catch {
      return remoteError(null)
    }
  }
  return new WireError('CONNECTION_CLOSED', 'the connection ended before the stream did')
}
