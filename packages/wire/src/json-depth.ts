/**
 * Whether a JSON text is nested deeper than allowed, looked at before anybody parses it. A text
 * can't be deeper than it has opening brackets, and few have as many as a bound allows: counting
 * those costs a tenth of going through the text, which is done only for the rest.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** True where brackets outside of strings nest deeper than `maxDepth`. For what is no JSON text, either; never throws. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  return hasMoreOpeners(text, maxDepth) && isNestedDeeper(text, maxDepth)
}

function hasMoreOpeners(text: string, maxCount: number): boolean {
  let count = 0
  for (const opener of ['{', '[']) {
    for (let at = text.indexOf(opener); at !== -1; at = text.indexOf(opener, at + 1)) {
      if (++count > maxCount) return true
    }
  }
  return false
}

function isNestedDeeper(text: string, maxDepth: number): boolean {
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString) {
      if (code === QUOTE) isInString = false
      else if (code === BACKSLASH) at++
    } else if (code === QUOTE) {
      isInString = true
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return true
    } else if (code === 0x7d || code === 0x5d) {
      depth--
    }
  }
  return false
}
