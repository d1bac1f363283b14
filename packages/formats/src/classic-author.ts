/** Writing classic messages, and the classic format as a `FeedFormat`. */
import {
  CodedError,
  hmac,
  type Keys,
  MAX_SEQUENCE,
  type MessageKey,
  sign,
  signatureFromBytes,
} from '@dunbar/core'
import {
  type ClassicMessage,
  type ClassicReason,
  checkContent,
  checkSuccessor,
  maxMessageUnits,
  readClassic,
  verifySignature,
} from './classic.js'
import type { FeedFormat, FeedHead } from './feed-format.js'

/** `data.reason` of `CONTENT_INVALID` and `DRAFT_INVALID` says what is wrong. */
export type CreateErrorCode = 'CONTENT_INVALID' | 'MESSAGE_TOO_LONG' | 'DRAFT_INVALID'

export class CreateError extends CodedError<CreateErrorCode> {}

/** What makes a message. */
export interface ClassicDraft {
  readonly keys: Keys
  /** The newest message of the feed; null for its first one. */
  readonly head: FeedHead<MessageKey> | null
  /** What the message claims as its time, ms since 1970. */
  readonly timestamp: number
  /** An object with a `type`, or ciphertext ending in `.box` or `.box2`. */
  readonly content: object | string
  /** 32 bytes; the network's `caps.sign`. */
  readonly hmacKey?: Uint8Array
  /** `author` before `sequence`, as old messages have it. For test data. */
  readonly isLegacyOrder?: boolean
}

/**
 * Signs a message. What it returns was read back from the bytes that will be sent, so all that
 * `readClassic` refuses is refused here. Content is taken as JSON has it: `undefined` and functions
 * go, dates become text, unpaired surrogates become escapes.
 * @throws {CONTENT_INVALID} `data.reason`: CONTENT, CONTENT_TYPE or NOT_JSON
 * @throws {MESSAGE_TOO_LONG} `data.units` of at most `data.maxUnits`, where it could be printed
 * @throws {DRAFT_INVALID} head or timestamp is out of range
 */
export function createClassic(draft: ClassicDraft): ClassicMessage {
  const { keys, head, timestamp, hmacKey } = draft
  const content = jsonOf(draft.content)
  const reason = checkContent(content)
  if (reason !== null) throw contentInvalid(reason)
  // Others are read liberally; what is written here is what every implementation takes.
  if (typeof content === 'string' && !/\.box2?$/.test(content)) throw contentInvalid('CONTENT')
  if (!Number.isFinite(timestamp)) throw draftInvalid('TIMESTAMP')
  const sequence = head === null ? 1 : head.sequence + 1
  if (!Number.isInteger(sequence) || sequence > MAX_SEQUENCE) throw draftInvalid('SEQUENCE')

  const previous = head === null ? null : head.key
  const author = keys.id
  const start = draft.isLegacyOrder
    ? { previous, author, sequence }
    : { previous, sequence, author }
  const value = { ...start, timestamp, hash: 'sha256', content }
  const unsigned = Buffer.from(JSON.stringify(value, null, 2))
  const signed = hmacKey === undefined ? unsigned : hmac(hmacKey, unsigned)
  const signature = signatureFromBytes(sign(signed, keys.secretKey))
  const complete = { ...value, signature }

  const units = JSON.stringify(complete, null, 2).length
  if (units > maxMessageUnits) throw tooLong({ units, maxUnits: maxMessageUnits })
  const compact = Buffer.from(JSON.stringify(complete))
  const result = readClassic(compact, hmacKey === undefined ? {} : { hmacKey })
  if (!result.ok) throw draftInvalid(result.reason)
  return result.message
}

/** The classic format: JSON messages, the only format that all of Scuttlebutt speaks. */
export const classicFormat: FeedFormat<ClassicMessage, ClassicReason, ClassicDraft> = {
  name: 'classic',
  read: readClassic,
  verifySignature,
  checkSuccessor,
  create: createClassic,
  encode: (message) => message.compact,
}

/** Content after one trip through JSON, so that what is checked is what is sent. */
function jsonOf(content: unknown): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(content)
  } catch (error) {
    // Too deep for the stack is too long in print long before.
    if (error instanceof RangeError) throw tooLong({ maxUnits: maxMessageUnits })
    throw contentInvalid('NOT_JSON')
  }
  if (text === undefined) throw contentInvalid('NOT_JSON')
  // The indented text is never shorter; printing it could be costly.
  if (text.length > maxMessageUnits) {
    throw tooLong({ units: text.length, maxUnits: maxMessageUnits })
  }
  return JSON.parse(text)
}

function contentInvalid(reason: string): CreateError {
  const text = 'content must be an object with a type of 3 to 52 characters, or ciphertext'
  return new CreateError('CONTENT_INVALID', text, { reason })
}

function draftInvalid(reason: string): CreateError {
  return new CreateError('DRAFT_INVALID', 'no valid message can be made of this', { reason })
}

function tooLong(data: Readonly<Record<string, unknown>>): CreateError {
  const text = `a message has at most ${maxMessageUnits} UTF-16 units in print`
  return new CreateError('MESSAGE_TOO_LONG', text, data)
}
