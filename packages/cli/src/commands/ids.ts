import type { MessageKey } from '@dunbar/core'
import { Mistake, printable } from '../mistake.js'

/**
 * A message key as somebody typed it, in sigil or URI form, in sigil form.
 * @throws {Mistake} for anything else
 */
export async function messageKey(text: string): Promise<MessageKey> {
  const { isMessageKey, toSigil } = await import('@dunbar/core')
  let id: unknown = text
  if (text.startsWith('ssb:')) {
    try {
      id = toSigil(text)
    } catch {
      id = null
    }
  }
  if (!isMessageKey(id)) {
    throw new Mistake(`${printable(text)} is not the key of a message, such as %….sha256`)
  }
  return id
}
