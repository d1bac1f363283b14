/**
 * Short ASCII texts, written byte by byte. Calls into native code, and strings that are made for
 * them, cost more than the texts have bytes; and the numbers go through V8's cache of numbers as
 * text, which a run of messages fills.
 */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64 = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0))
const EQUALS = 0x3d
const ZERO = 0x30
/** Numbers are split here, into parts that small integers hold. */
const PART = 10_000_000
const PART_DIGITS = 7
/** Both parts stay below 10^8. */
const MAX_SPLIT = PART * PART

/** Writes `text`, given as bytes, at `at`; returns where it ends. For texts of a few bytes. */
export function writeShort(target: Uint8Array, at: number, text: Uint8Array): number {
  for (let index = 0; index < text.length; index++) target[at + index] = text[index]!
  return at + text.length
}

/** Writes the base64, padded, of the 32 bytes of a hash at `from`; returns where it ends. */
export function writeHash(target: Uint8Array, at: number, bytes: Uint8Array, from: number): number {
  let to = at
  let read = from
  for (const last = from + 30; read < last; read += 3) {
    const bits = (bytes[read]! << 16) | (bytes[read + 1]! << 8) | bytes[read + 2]!
    target[to] = BASE64[bits >> 18]!
    target[to + 1] = BASE64[(bits >> 12) & 63]!
    target[to + 2] = BASE64[(bits >> 6) & 63]!
    target[to + 3] = BASE64[bits & 63]!
    to += 4
  }
  const bits = (bytes[read]! << 8) | bytes[read + 1]!
  target[to] = BASE64[bits >> 10]!
  target[to + 1] = BASE64[(bits >> 4) & 63]!
  target[to + 2] = BASE64[(bits << 2) & 63]!
  target[to + 3] = EQUALS
  return to + 4
}

/** Writes a finite number as JSON has it, 24 bytes at most; returns where it ends. */
export function writeNumber(target: Buffer, at: number, value: number): number {
  if (!(value >= 0 && value < MAX_SPLIT) || Math.floor(value) !== value) {
    return at + target.write(`${value}`, at, 'latin1')
  }
  const high = Math.floor(value / PART)
  const low = value - high * PART
  if (high === 0) return writeDigits(target, at, low, countOf(low))
  return writeDigits(target, writeDigits(target, at, high, countOf(high)), low, PART_DIGITS)
}

function countOf(value: number): number {
  let count = 1
  for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count++
  return count
}

function writeDigits(target: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0
  for (let to = at + count - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0
    target[to] = ZERO + rest - tenth * 10
    rest = tenth
  }
  return at + count
}
