/**
 * Checks on JSON texts that cost a fraction of parsing them.
 *
 * `JSON.stringify(value)` is `JSON.stringify(value, null, 2)` without the white space between
 * tokens. So whether received bytes are the compact text of a value is told by one walk over both,
 * without printing the value a second time: outside of strings, spaces and line feeds of the
 * indented text are passed over; everything else must be equal, byte by byte.
 */

const quote = 0x22
const backslash = 0x5c
const space = 0x20
const lineFeed = 0x0a

/** True where `bytes` is exactly `indented`, a text of `JSON.stringify(value, null, 2)` in UTF-8, without its white space. */
export function isCompactFormOf(bytes: Uint8Array, indented: Uint8Array): boolean {
  const length = bytes.length
  const indentedLength = indented.length
  if (length > indentedLength) return false
  let at = 0
  let from = 0
  while (from < indentedLength) {
    let byte = indented[from++]!
    if (byte === space || byte === lineFeed) continue
    if (bytes[at++] !== byte) return false
    if (byte !== quote) continue
    do {
      byte = indented[from++]!
      if (bytes[at++] !== byte) return false
      if (byte === backslash) {
        if (bytes[at++] !== indented[from++]) return false
      }
    } while (byte !== quote)
  }
  return at === length
}

/**
 * True where arrays and objects of a JSON text are nested deeper than `maxDepth`. Needs no valid
 * JSON. Brackets are first counted by a native search, which settles all but odd texts; only a text
 * with more of them than `maxDepth` is scanned.
 */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  let bracketCount = 0
  for (let at = text.indexOf('{'); at !== -1; at = text.indexOf('{', at + 1)) {
    if (++bracketCount > maxDepth) return scanDepth(text) > maxDepth
  }
  for (let at = text.indexOf('['); at !== -1; at = text.indexOf('[', at + 1)) {
    if (++bracketCount > maxDepth) return scanDepth(text) > maxDepth
  }
  return false
}

function scanDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (isInString) {
      if (unit === backslash) at++
      else if (unit === quote) isInString = false
    } else if (unit === quote) isInString = true
    else if (unit === 0x7b || unit === 0x5b) {
      depth++
      if (depth > deepest) deepest = depth
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
  return deepest
}
