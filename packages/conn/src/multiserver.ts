/**
 * The grammar of multiserver addresses.
 *
 *   multi = address (";" address)*     address = protocol ("~" protocol)*
 *   protocol = name (":" data)*        name = [a-z][a-z0-9-]+
 *
 * Data is printable ASCII without spaces; `! : ; ~` stand in it behind a `!`. One pass, no look-back:
 * a text of n characters takes n steps, whatever is in it.
 * @source protocol digest 10.1
 */

/** One protocol of an address, its data without escapes. */
export interface Protocol {
  readonly name: string
  readonly data: readonly string[]
}

/** Characters of an address, or of several joined by `;`. A packet of the local network has room for no more. */
export const MAX_ADDRESS_LENGTH = 2048

const NAME = /^[a-z][a-z0-9-]+$/
const SPECIAL = '!:;~'

/** The addresses in a text, each with its protocols; null where it breaks the grammar or is too long. */
export function decodeMultiserver(text: string): readonly (readonly Protocol[])[] | null {
  if (text.length > MAX_ADDRESS_LENGTH) return null
  const addresses: Protocol[][] = [[]]
  let words = ['']
  const finish = (): boolean => {
    const [name, ...data] = words
    if (!NAME.test(name!)) return false
    addresses.at(-1)!.push({ name: name!, data })
    words = ['']
    return true
  }
  for (let at = 0; at < text.length; at++) {
    let character = text[at]!
    if (character === ':') {
      words.push('')
    } else if (character === '~' || character === ';') {
      if (!finish()) return null
      if (character === ';') addresses.push([])
    } else {
      if (character === '!') {
        at++
        character = text[at] ?? ' '
        if (!SPECIAL.includes(character)) return null
      } else if (character <= ' ' || character > '}') {
        return null
      }
      words[words.length - 1] += character
    }
  }
  return finish() ? addresses : null
}

/** The text of one address; the inverse of `decodeMultiserver`. */
export function encodeProtocols(protocols: readonly Protocol[]): string {
  return protocols.map(({ name, data }) => [name, ...data.map(escaped)].join(':')).join('~')
}

const escaped = (data: string): string => data.replace(/[!:;~]/g, '!$&')
