/**
 * 64 bits for 32: keys and ids are found by their first eight bytes, as two 32-bit numbers, and
 * confirmed where the whole of them is at hand. Places in the hash indexes are mixed with a seed of
 * the store, since authors choose the ids that they link to and could otherwise make them crowd.
 */

/** Two random numbers that place entries in the hash indexes of one store. */
export interface Seed {
  readonly high: number
  readonly low: number
}

/** A seed from eight random bytes. */
export function seedFrom(bytes: Uint8Array): Seed {
  return { high: highOf(bytes), low: lowOf(bytes) }
}

/** The first four bytes as a number. */
export const highOf = (bytes: Uint8Array): number =>
  (((bytes[0] as number) << 24) |
    ((bytes[1] as number) << 16) |
    ((bytes[2] as number) << 8) |
    (bytes[3] as number)) >>>
  0

/** The next four bytes as a number. */
export const lowOf = (bytes: Uint8Array): number =>
  (((bytes[4] as number) << 24) |
    ((bytes[5] as number) << 16) |
    ((bytes[6] as number) << 8) |
    (bytes[7] as number)) >>>
  0

/** Where an entry wants to be: 32 mixed bits, of which an index takes the lower ones. */
export function mixed(high: number, low: number, seed: Seed): number {
  let hash = Math.imul(high ^ seed.high, 0x9e3779b1)
  hash ^= hash >>> 15
  hash = Math.imul(hash ^ low ^ seed.low, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const NOT_BASE64 = 255
const valueOfCharacter = new Uint8Array(256).fill(NOT_BASE64)
for (let value = 0; value < alphabet.length; value++) {
  valueOfCharacter[alphabet.charCodeAt(value)] = value
}

/** What an id in sigil form begins with, as a character code. */
export const FEED_SIGIL = 0x40
export const MESSAGE_SIGIL = 0x25
export const BLOB_SIGIL = 0x26

/** Feed, message and blob with the same 32 bytes are different targets. */
const saltOf = (sigil: number): number => Math.imul(sigil, 0x27d4eb2f)

/**
 * Reads ids in sigil form without decoding all of them. After `read` returned true, `high` and
 * `low` are the fingerprint of the id.
 */
export class IdReader {
  high = 0
  low = 0
  sigil = 0

  /**
   * Whether a text is a feed id (`.ed25519`), a message id or a blob id (`.sha256`), 32 bytes of
   * canonical base64 between; a blob id may have a query (`?unbox=…`), which does not count.
   */
  read(text: string): boolean {
    const { length } = text
    if (length < 52) return false
    const sigil = text.charCodeAt(0)
    if (sigil === FEED_SIGIL) {
      if (length !== 53 || !text.endsWith('=.ed25519')) return false
    } else if (sigil === MESSAGE_SIGIL) {
      if (length !== 52 || !text.endsWith('=.sha256')) return false
    } else if (sigil === BLOB_SIGIL) {
      if (length !== 52 && text.charCodeAt(52) !== 0x3f) return false
      if (!text.startsWith('=.sha256', 44)) return false
    } else {
      return false
    }
    let seen = 0
    for (let at = 1; at < 44; at++) {
      const code = text.charCodeAt(at)
      seen |= code > 127 ? NOT_BASE64 : (valueOfCharacter[code] as number)
    }
    // Every valid value is below 64; the last character has two unused bits, which are zero.
    if (seen > 63 || (valueOfCharacter[text.charCodeAt(43)] as number) & 3) return false
    const first = quad(text, 1)
    const second = quad(text, 5)
    const third = quad(text, 9)
    this.sigil = sigil
    this.high = (((first << 8) | (second >>> 16)) ^ saltOf(sigil)) >>> 0
    this.low = (((second & 0xffff) << 16) | (third >>> 8)) >>> 0
    return true
  }
}

function quad(text: string, at: number): number {
  return (
    ((valueOfCharacter[text.charCodeAt(at)] as number) << 18) |
    ((valueOfCharacter[text.charCodeAt(at + 1)] as number) << 12) |
    ((valueOfCharacter[text.charCodeAt(at + 2)] as number) << 6) |
    (valueOfCharacter[text.charCodeAt(at + 3)] as number)
  )
}
