/**
 * Steps through JSON text as bytes, without making anything of it. Meant for text that may be wrong:
 * every function gives -1 where it can't go on, and none looks behind `end`. What is skipped is not
 * checked in full; whoever stores it parses it.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const SPACE = 0x20

/** The first byte from `at` on that is no white space; may be `end`. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let next = at
  while (next < end) {
    const byte = bytes[next]!
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    next += 1
  }
  return next
}

/** Behind the string that begins with the quote at `at`. */
export function endOfString(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== QUOTE) return -1
  for (let next = at + 1; next < end; next++) {
    const byte = bytes[next]!
    if (byte === QUOTE) return next + 1
    if (byte === BACKSLASH) next += 1
  }
  return -1
}

/** Behind the value that begins at `at`. */
export function endOfValue(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]
  if (at >= end) return -1
  if (first === QUOTE) return endOfString(bytes, at, end)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return endOfWord(bytes, at, end)
  let depth = 0
  for (let next = at; next < end; next++) {
    const byte = bytes[next]!
    if (byte === QUOTE) {
      next = endOfString(bytes, next, end) - 1
      if (next < 0) return -1
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth -= 1
      if (depth === 0) return next + 1
    }
  }
  return -1
}

/** Behind a number, `true`, `false` or `null`. */
function endOfWord(bytes: Uint8Array, at: number, end: number): number {
  let next = at
  while (next < end) {
    const byte = bytes[next]!
    if (byte <= SPACE || byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) break
    next += 1
  }
  return next === at ? -1 : next
}

/** Where the parts of a field lie: its name with quotes, and its value. */
export type FieldStep = (
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
) => boolean

/**
 * Goes through the fields of the object that begins at `at`, until `step` says false. Gives what is
 * behind the object, the place of the field that stopped it, or -1.
 */
export function eachField(bytes: Uint8Array, at: number, end: number, step: FieldStep): number {
  if (bytes[at] !== OPEN_OBJECT) return -1
  let next = skipSpace(bytes, at + 1, end)
  if (bytes[next] === CLOSE_OBJECT) return next + 1
  while (next < end) {
    const nameEnd = endOfString(bytes, next, end)
    if (nameEnd === -1) return -1
    const colon = skipSpace(bytes, nameEnd, end)
    if (bytes[colon] !== COLON) return -1
    const valueStart = skipSpace(bytes, colon + 1, end)
    const valueEnd = endOfValue(bytes, valueStart, end)
    if (valueEnd === -1) return -1
    if (!step(next, nameEnd, valueStart, valueEnd)) return next
    const behind = skipSpace(bytes, valueEnd, end)
    if (bytes[behind] === CLOSE_OBJECT) return behind + 1
    if (bytes[behind] !== COMMA) return -1
    next = skipSpace(bytes, behind + 1, end)
  }
  return -1
}
