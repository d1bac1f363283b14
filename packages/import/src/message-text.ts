/**
 * Reads one record, JSON text in UTF-8, without parsing it where it has the layout that JSON
 * writers give it:
 *
 *   {"key":"%<44>.sha256","value":VALUE,"timestamp":N}      or only VALUE
 *   VALUE = {"previous":P,"sequence":S,"author":"@<44>.ed25519", … ,"signature":"<88>.sig.ed25519"}
 *           (author before sequence in the old order; P is null or a quoted 52-character id)
 *
 * Head and tail are compared at fixed places. The author at its fixed place is the member of the
 * value, since no other bracket has been opened before it. The value ends at the fixed tail, since
 * the text `"signature"` occurs nowhere between: a second object behind the value, a signature in
 * the content and members behind the signature all make the layout odd. Anything odd is parsed.
 *
 * A guess only routes: the feed parses the value bytes and refuses an author other than its own, so
 * a crafted record gains nothing but a rejection. `readExactly` is the slow, obvious version.
 */
import { BASE64_KEY_LENGTH, decodeKey } from './author-bytes.js'
import type { SourceReason } from './source.js'

/** Where a message lies in a text. Reused from call to call. */
export interface Found {
  valueStart: number
  valueEnd: number
  received: number
}

/** A message that had to be parsed and printed again. */
export interface Parsed {
  readonly author: Uint8Array
  readonly received: number
  readonly value: Uint8Array
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1')

const RECORD_HEAD = ascii('{"key":"%')
const RECORD_VALUE = ascii('.sha256","value":')
const PREVIOUS = ascii('{"previous":')
const NULL = ascii('null,')
const ID_START = ascii('"%')
const ID_END = ascii('.sha256",')
const SEQUENCE = ascii('"sequence":')
const AUTHOR = ascii('"author":"@')
const AUTHOR_END = ascii('.ed25519",')
const SIGNATURE_TOKEN = Buffer.from('"signature"', 'latin1')
const SIGNATURE = ascii(',"signature":"')
const SIGNATURE_END = ascii('.sig.ed25519"}')
const TIMESTAMP = ascii(',"timestamp":')
const SIGNATURE_BASE64_LENGTH = 88
/** Shorter than this no record of the layout can be; keeps all fixed places inside the text. */
const MIN_VALUE_LENGTH = 250
/** Longest number that V8 prints. */
const MAX_NUMBER_LENGTH = 25

const BRACE = 0x7b
const BRACE_END = 0x7d
const COMMA = 0x2c
const DOT = 0x2e
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

function matches(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) {
    if (bytes[at + i] !== expected[i]) return false
  }
  return true
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

/** The plain decimal number that fills the range, or NaN where it is written in any other way. */
function decimal(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start] === MINUS ? start + 1 : start
  if (!isDigit(bytes[first])) return Number.NaN
  if (bytes[first] === ZERO && isDigit(bytes[first + 1])) return Number.NaN
  let whole = 0
  let at = first
  for (; at < end && isDigit(bytes[at]); at++) whole = whole * 10 + bytes[at]! - ZERO
  if (at === end && at - first <= 15) return first === start ? whole : -whole
  if (at < end) {
    if (bytes[at] !== DOT || at + 1 === end) return Number.NaN
    for (at++; at < end; at++) if (!isDigit(bytes[at])) return Number.NaN
  }
  return Number(bytes.toString('latin1', start, end))
}

/** Behind `"sequence":N,` at `at`, or -1. */
function behindSequence(bytes: Uint8Array, at: number): number {
  if (!matches(bytes, at, SEQUENCE)) return -1
  let digit = at + SEQUENCE.length
  const first = digit
  while (isDigit(bytes[digit]) && digit - first < 16) digit++
  return digit > first && bytes[digit] === COMMA ? digit + 1 : -1
}

/** Behind `"author":"@….ed25519",` at `at`, or -1; the key bytes are then in `author`. */
function behindAuthor(
  bytes: Uint8Array,
  at: number,
  author: Uint8Array,
  authorStart: number,
): number {
  if (!matches(bytes, at, AUTHOR)) return -1
  const base64 = at + AUTHOR.length
  if (!decodeKey(bytes, base64, author, authorStart)) return -1
  const behind = base64 + BASE64_KEY_LENGTH
  return matches(bytes, behind, AUTHOR_END) ? behind + AUTHOR_END.length : -1
}

/**
 * Finds the message in the record that fills `start` to `end`, by the fixed places of the usual
 * layout; the author's key bytes go to `author` at `authorStart`. False where the layout is not
 * exactly that: the record must then be read by `readExactly`. About 0.5 µs.
 */
export function findMessage(
  bytes: Buffer,
  start: number,
  end: number,
  found: Found,
  author: Uint8Array,
  authorStart: number,
): boolean {
  if (end - start < MIN_VALUE_LENGTH) return false
  let valueStart = start
  let valueEnd = end
  let received = Number.NaN
  if (matches(bytes, start, RECORD_HEAD)) {
    const behindKey = start + RECORD_HEAD.length + BASE64_KEY_LENGTH
    if (!matches(bytes, behindKey, RECORD_VALUE)) return false
    valueStart = behindKey + RECORD_VALUE.length
    if (bytes[end - 1] !== BRACE_END) return false
    let number = end - 1
    const least = number - MAX_NUMBER_LENGTH
    while (number > least) {
      const byte = bytes[number - 1]
      if (!isDigit(byte) && byte !== DOT && byte !== MINUS) break
      number--
    }
    valueEnd = number - TIMESTAMP.length
    if (valueEnd - valueStart < MIN_VALUE_LENGTH || !matches(bytes, valueEnd, TIMESTAMP)) {
      return false
    }
    received = decimal(bytes, number, end - 1)
    if (Number.isNaN(received)) return false
  }

  if (!matches(bytes, valueStart, PREVIOUS)) return false
  let at = valueStart + PREVIOUS.length
  if (matches(bytes, at, NULL)) {
    at += NULL.length
  } else {
    if (!matches(bytes, at, ID_START)) return false
    at += ID_START.length + BASE64_KEY_LENGTH
    if (!matches(bytes, at, ID_END)) return false
    at += ID_END.length
  }
  const sequence = behindSequence(bytes, at)
  if (sequence !== -1) {
    at = behindAuthor(bytes, sequence, author, authorStart)
  } else {
    at = behindAuthor(bytes, at, author, authorStart)
    if (at !== -1) at = behindSequence(bytes, at)
  }
  if (at === -1) return false

  const signature = valueEnd - SIGNATURE_END.length - SIGNATURE_BASE64_LENGTH - SIGNATURE.length
  if (
    signature < at ||
    !matches(bytes, signature, SIGNATURE) ||
    !matches(bytes, valueEnd - SIGNATURE_END.length, SIGNATURE_END) ||
    bytes.indexOf(SIGNATURE_TOKEN, at) !== signature + 1
  ) {
    return false
  }
  found.valueStart = valueStart
  found.valueEnd = valueEnd
  found.received = received
  return true
}

/** The fields of a classic message, which a decrypted copy keeps of the original. */
const FIELDS = new Set([
  'previous',
  'sequence',
  'author',
  'timestamp',
  'hash',
  'content',
  'signature',
])

type JsonObject = Readonly<Record<string, unknown>>

function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : null
}

/**
 * The message as its author signed it. Nodes that decrypt for their user put the plain content in
 * and keep the ciphertext beside it: ssb-db as `value.cyphertext` or `value.meta.original.content`,
 * ssb-db2 as `meta.originalContent` beside or in the value.
 */
function asSigned(record: JsonObject, value: JsonObject): JsonObject {
  const inner = asObject(value.meta)
  const ciphertexts = [
    value.cyphertext,
    inner?.originalContent,
    asObject(inner?.original)?.content,
    asObject(record.meta)?.originalContent,
  ]
  const ciphertext = ciphertexts.find((text) => typeof text === 'string')
  if (ciphertext === undefined) return value
  const signed: Record<string, unknown> = {}
  for (const field of Object.keys(value)) {
    if (FIELDS.has(field)) signed[field] = field === 'content' ? ciphertext : value[field]
  }
  return signed
}

/** Suffixes and URIs of feed formats other than classic. */
function isForeignAuthor(author: string): boolean {
  return author.startsWith('ssb:') || /^@[A-Za-z0-9+/=_-]+\.(?!ed25519$)[\w-]+$/.test(author)
}

/**
 * Reads a record of any layout by parsing it: `{key, value, timestamp}` in any order and with any
 * other members, or a bare message value. Gives the message, or why there is none. The value is
 * printed again with V8's JSON, which keeps what signatures cover.
 */
export function readExactly(bytes: Buffer, start: number, end: number): Parsed | SourceReason {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8', start, end))
  } catch {
    return 'NOT_JSON'
  }
  const record = asObject(json)
  if (record === null) return 'NOT_A_MESSAGE'
  const inside = asObject(record.value)
  const isBare = inside === null && Object.hasOwn(record, 'author')
  const value = isBare ? record : inside
  if (value === null) return 'NOT_A_MESSAGE'
  const id = Object.hasOwn(value, 'author') ? value.author : undefined
  if (typeof id !== 'string') return 'NOT_A_MESSAGE'
  const author = new Uint8Array(32)
  if (
    !/^@[A-Za-z0-9+/]{43}=\.ed25519$/.test(id) ||
    !decodeKey(Buffer.from(id, 'latin1'), 1, author, 0)
  ) {
    return isForeignAuthor(id) ? 'UNKNOWN_FORMAT' : 'NOT_A_MESSAGE'
  }
  const received = !isBare && typeof record.timestamp === 'number' ? record.timestamp : Number.NaN
  try {
    return { author, received, value: Buffer.from(JSON.stringify(asSigned(record, value))) }
  } catch {
    // Nested so deeply that it can be parsed but not printed.
    return 'NOT_A_MESSAGE'
  }
}

/** Whether a range holds nothing but JSON whitespace. */
export function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) return false
  }
  return true
}

/** Whether a range begins, behind whitespace, as a JSON object does. */
export function beginsAsObject(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end && isBlank(bytes, at, at + 1)) at++
  return bytes[at] === BRACE && at < end
}
