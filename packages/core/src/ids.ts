/**
 * Ids of classic feeds, messages and blobs in sigil form: a sigil, 32 bytes in canonical base64
 * (the two unused low bits of the last character are zero), a suffix.
 *
 * The base64 of the ids is converted here by table: an id is converted once or more per message,
 * and a detour over a pooled `Buffer` costs more than the conversion.
 */

/** An id of a feed, `@<base64 of 32 bytes>.ed25519`. */
export type FeedId = string & { readonly __brand: 'FeedId' }
/** An id of a message, `%<base64 of 32 bytes>.sha256`. */
export type MessageKey = string & { readonly __brand: 'MessageKey' }
/** An id of a blob, `&<base64 of 32 bytes>.sha256`. */
export type BlobId = string & { readonly __brand: 'BlobId' }
/** Position of a message in its feed, from 1. */
export type Sequence = number

/**
 * The highest sequence that a message may have. Validation elsewhere allows up to 2^31-1, but EBT
 * packs a sequence and a flag into 31 bits: a message beyond could be stored and never replicated.
 * @source protocol digest 1.2
 */
export const MAX_SEQUENCE = 2 ** 30 - 1

const feedIdPattern = /^@[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=\.ed25519$/
const messageKeyPattern = /^%[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=\.sha256$/
const blobIdPattern = /^&[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=\.sha256$/

/**
 * True for the canonical id of a classic feed. The historic suffix `.sha256`, which npm ssb-ref
 * lets through, is refused: nothing can verify under it, and one feed must have one id.
 * @source protocol digest 1.1
 */
export function isFeedId(value: unknown): value is FeedId {
  return typeof value === 'string' && feedIdPattern.test(value)
}

/** True for the canonical key of a classic message. */
export function isMessageKey(value: unknown): value is MessageKey {
  return typeof value === 'string' && messageKeyPattern.test(value)
}

/** True for the canonical id of a blob, without a query part (`?unbox=…`). */
export function isBlobId(value: unknown): value is BlobId {
  return typeof value === 'string' && blobIdPattern.test(value)
}

/** The id of the feed with this public key. @throws {RangeError} where the key is not 32 bytes long */
export function feedIdFromBytes(publicKey: Uint8Array): FeedId {
  return `@${base64FromBytes(publicKey)}.ed25519` as FeedId
}

/** The public key of a feed: 32 bytes in memory of their own. */
export function feedIdToBytes(id: FeedId): Uint8Array {
  return bytesFromBase64(id)
}

/** The key of the message with this hash. @throws {RangeError} where the hash is not 32 bytes long */
export function messageKeyFromBytes(hash: Uint8Array): MessageKey {
  return `%${base64FromBytes(hash)}.sha256` as MessageKey
}

/** The hash behind a message key: 32 bytes in memory of their own. */
export function messageKeyToBytes(key: MessageKey): Uint8Array {
  return bytesFromBase64(key)
}

/** The id of the blob with this hash. @throws {RangeError} where the hash is not 32 bytes long */
export function blobIdFromBytes(hash: Uint8Array): BlobId {
  return `&${base64FromBytes(hash)}.sha256` as BlobId
}

/** The hash behind a blob id: 32 bytes in memory of their own. */
export function blobIdToBytes(id: BlobId): Uint8Array {
  return bytesFromBase64(id)
}

const signatureSuffix = '==.sig.ed25519'
const signatureLength = 100

/**
 * The 64 bytes of a signature in its text form, `<base64>.sig.ed25519`, in memory of their own;
 * null for everything else, base64 that is not canonical included.
 */
export function signatureToBytes(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' || text.length !== signatureLength) return null
  if (!text.endsWith(signatureSuffix)) return null
  const bytes = new Uint8Array(64)
  const seen = decodeGroups(text, 0, 21, bytes)
  const first = valueOfUnit[text.charCodeAt(84)] ?? notBase64
  const second = valueOfUnit[text.charCodeAt(85)] ?? notBase64
  bytes[63] = (first << 2) | (second >> 4)
  const isCanonical = (second & 0x0f) === 0
  return isCanonical && ((seen | first | second) & notBase64) === 0 ? bytes : null
}

/** The text form of a 64-byte signature. @throws {RangeError} on another length */
export function signatureFromBytes(signature: Uint8Array): string {
  if (signature.length !== 64) {
    throw new RangeError(`a signature has 64 bytes, not ${signature.length}`)
  }
  return `${Buffer.from(signature).toString('base64')}.sig.ed25519`
}

const idByteCount = 32

function base64FromBytes(bytes: Uint8Array): string {
  if (bytes.length !== idByteCount) {
    throw new RangeError(`an id has ${idByteCount} bytes, not ${bytes.length}`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, idByteCount).toString('base64')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Marks what is no base64 character; above all values, so that or-ing values together keeps it. */
const notBase64 = 0x40
const valueOfUnit = new Uint8Array(128).fill(notBase64)
for (let value = 0; value < alphabet.length; value++) {
  valueOfUnit[alphabet.charCodeAt(value)] = value
}

/** The 32 bytes of an id that was checked before; base64 begins behind the sigil. */
function bytesFromBase64(id: string): Uint8Array {
  const bytes = new Uint8Array(idByteCount)
  decodeGroups(id, 1, 10, bytes)
  const last =
    (valueOfUnit[id.charCodeAt(41)]! << 12) |
    (valueOfUnit[id.charCodeAt(42)]! << 6) |
    valueOfUnit[id.charCodeAt(43)]!
  bytes[30] = last >> 10
  bytes[31] = last >> 2
  return bytes
}

/** Decodes groups of four characters to three bytes each; all values or-ed together. */
function decodeGroups(text: string, from: number, count: number, bytes: Uint8Array): number {
  let seen = 0
  let character = from
  const end = count * 3
  for (let at = 0; at < end; at += 3) {
    const first = valueOfUnit[text.charCodeAt(character)] ?? notBase64
    const second = valueOfUnit[text.charCodeAt(character + 1)] ?? notBase64
    const third = valueOfUnit[text.charCodeAt(character + 2)] ?? notBase64
    const fourth = valueOfUnit[text.charCodeAt(character + 3)] ?? notBase64
    character += 4
    seen |= first | second | third | fourth
    bytes[at] = (first << 2) | (second >> 4)
    bytes[at + 1] = (second << 4) | (third >> 2)
    bytes[at + 2] = (third << 6) | fourth
  }
  return seen
}
