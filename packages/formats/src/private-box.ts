/**
 * box1: messages to a few readers, content `<base64>.box`.
 *
 * Layout: nonce (24) · one-time public key (32) · n slots of 49 bytes · body. A slot is a secretbox
 * over `u8(n) · body key (32)` under the secret that the one-time key shares with one recipient; the
 * body is a secretbox under the body key. All use one nonce, which is safe as all keys differ. Who
 * the recipients are can't be seen, only how many fit.
 * @source protocol digest 8.1; npm private-box 0.3.1
 */
import {
  CodedError,
  edPublicToCurve,
  edSecretToCurve,
  type FeedId,
  feedIdToBytes,
  isFeedId,
  type Keys,
  randomBytes,
  scalarmult,
  scalarmultBase,
  secretbox,
  secretboxOpen,
} from '@dunbar/core'
import { type ClassicContent, maxMessageSizeBytes, maxNestingDepth } from './classic.js'
import { isDeeperThan } from './json-text.js'

const nonceSizeBytes = 24
const keySizeBytes = 32
const macSizeBytes = 16
const headerSizeBytes = nonceSizeBytes + keySizeBytes
const slotSizeBytes = 1 + keySizeBytes + macSizeBytes
const suffix = '.box'

/** JavaScript readers try eight slots, and npm private-box writes seven. */
const defaultMaxRecipients = 7
/** More than other implementations are sure to find themselves in. */
const highestMaxRecipients = 16

export type BoxErrorCode = 'RECIPIENTS_INVALID' | 'TOO_MANY_RECIPIENTS'

export class BoxError extends CodedError<BoxErrorCode> {}

export interface BoxOptions {
  /** 1 to 16, default 7. Above 7, readers of the JavaScript stack may not find their slot. */
  readonly maxRecipients?: number
  /** Default: the operating system's. Called for nonce (24), body key (32), one-time secret key (32), in this order. */
  readonly randomBytes?: (length: number) => Uint8Array
}

/**
 * Encrypts to the recipients: content for a message, ending in `.box`. The author can read it later
 * only as one of the recipients. About 80 µs a recipient.
 * @throws {RECIPIENTS_INVALID} there is none, or one has no usable key
 * @throws {TOO_MANY_RECIPIENTS} `data.count` of at most `data.maxRecipients`
 */
export function boxPrivate(
  plaintext: Uint8Array,
  recipients: readonly FeedId[],
  options: BoxOptions = {},
): string {
  const maxRecipients = Math.min(
    options.maxRecipients ?? defaultMaxRecipients,
    highestMaxRecipients,
  )
  const count = recipients.length
  if (count === 0) throw recipientsInvalid('a private message needs a recipient')
  if (count > maxRecipients) {
    const text = `a private message has at most ${maxRecipients} recipients`
    throw new BoxError('TOO_MANY_RECIPIENTS', text, { count, maxRecipients })
  }
  const random = options.randomBytes ?? randomBytes
  const nonce = random(nonceSizeBytes)
  const bodyKey = random(keySizeBytes)
  const oneTimeSecret = random(keySizeBytes)

  const slotContent = new Uint8Array(1 + keySizeBytes)
  slotContent[0] = count
  slotContent.set(bodyKey, 1)
  const slots = recipients.map((recipient) => {
    const curveKey = isFeedId(recipient) ? edPublicToCurve(feedIdToBytes(recipient)) : null
    const shared = curveKey === null ? null : scalarmult(oneTimeSecret, curveKey)
    if (shared === null) throw recipientsInvalid('a recipient has no key that can be encrypted to')
    return secretbox(slotContent, nonce, shared)
  })
  const body = secretbox(plaintext, nonce, bodyKey)
  const box = Buffer.concat([nonce, scalarmultBase(oneTimeSecret), ...slots, body])
  return box.toString('base64') + suffix
}

/**
 * The plaintext of a box, or null where it is not for these keys or no box at all. Every slot that
 * fits is tried, as go-ssb writes up to 255; a message leaves room for about 120, which take less
 * than a millisecond.
 */
export function unboxPrivate(ciphertext: string, keys: Keys): Uint8Array | null {
  if (!ciphertext.endsWith(suffix) || ciphertext.length > maxMessageSizeBytes) return null
  const box = Buffer.from(ciphertext.slice(0, -suffix.length), 'base64')
  const lastSlotAt = box.length - macSizeBytes - slotSizeBytes
  if (lastSlotAt < headerSizeBytes) return null
  const nonce = box.subarray(0, nonceSizeBytes)
  const oneTimeKey = box.subarray(nonceSizeBytes, headerSizeBytes)
  const shared = scalarmult(edSecretToCurve(keys.secretKey), oneTimeKey)
  if (shared === null) return null
  for (let at = headerSizeBytes, slot = 0; at <= lastSlotAt && slot < 255; slot++) {
    const slotContent = secretboxOpen(box.subarray(at, at + slotSizeBytes), nonce, shared)
    if (slotContent !== null) {
      const body = box.subarray(headerSizeBytes + slotContent[0]! * slotSizeBytes)
      return secretboxOpen(body, nonce, slotContent.subarray(1))
    }
    at += slotSizeBytes
  }
  return null
}

/**
 * The content in a box: a JSON object. Null where the box is not for these keys, or where what its
 * author put into it is not UTF-8, not JSON, no object, or nested deeper than 64 levels. A `type` is
 * not asked for: whoever uses the content checks it.
 */
export function unboxContent(
  ciphertext: string,
  keys: Keys,
): (Readonly<Record<string, unknown>> & Partial<ClassicContent>) | null {
  const plaintext = unboxPrivate(ciphertext, keys)
  if (plaintext === null) return null
  try {
    const text = utf8.decode(plaintext)
    if (isDeeperThan(text, maxNestingDepth)) return null
    const content: unknown = JSON.parse(text)
    if (typeof content !== 'object' || content === null || Array.isArray(content)) return null
    return content as Record<string, unknown>
  } catch {
    return null
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function recipientsInvalid(text: string): BoxError {
  return new BoxError('RECIPIENTS_INVALID', text)
}
