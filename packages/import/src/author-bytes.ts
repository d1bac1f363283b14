/** 6-bit value of each base64 character; 255 for all other bytes. */
const SEXTETS = new Uint8Array(256).fill(255)
for (const [value, character] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  SEXTETS[character.charCodeAt(0)] = value
}

/** Length of the base64 text of 32 bytes, `=` included. */
export const BASE64_KEY_LENGTH = 44

const EQUALS = 0x3d

/**
 * Decodes the canonical base64 text of 32 bytes at `start` into `target` at `targetStart`. False
 * where the text is anything else; `target` may then hold rubbish.
 */
export function decodeKey(
  text: Uint8Array,
  start: number,
  target: Uint8Array,
  targetStart: number,
): boolean {
  let out = targetStart
  let seen = 0
  let at = start
  for (let group = 0; group < 10; group++, at += 4) {
    const a = SEXTETS[text[at]!]!
    const b = SEXTETS[text[at + 1]!]!
    const c = SEXTETS[text[at + 2]!]!
    const d = SEXTETS[text[at + 3]!]!
    seen |= a | b | c | d
    target[out++] = (a << 2) | (b >> 4)
    target[out++] = (b << 4) | (c >> 2)
    target[out++] = (c << 6) | d
  }
  const a = SEXTETS[text[at]!]!
  const b = SEXTETS[text[at + 1]!]!
  const c = SEXTETS[text[at + 2]!]!
  seen |= a | b | c
  target[out++] = (a << 2) | (b >> 4)
  target[out] = (b << 4) | (c >> 2)
  return seen < 64 && (c & 3) === 0 && text[at + 3] === EQUALS
}
