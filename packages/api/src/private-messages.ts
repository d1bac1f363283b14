import type { MessageKey } from '@dunbar/core'
import { unboxContent } from '@dunbar/formats'
import type { StoredMessage } from '@dunbar/wire'
import type { Services } from './services.js'

/**
 * A private message that the own key opens, as clients get it: the content in the clear, the
 * ciphertext beside it. Null for any other message. Costs 30 to 100 µs.
 */
export function openedMessage(
  services: Services,
  stored: StoredMessage & { readonly key: MessageKey },
) {
  const text = stored.bytes.toString('utf8', stored.messageStart, stored.messageEnd)
  const value = JSON.parse(text) as Record<string, unknown>
  if (typeof value.content !== 'string') return null
  const content = unboxContent(value.content, services.keys)
  if (content === null) return null
  return {
    key: stored.key,
    value: { ...value, content, private: true, cyphertext: value.content },
    timestamp: stored.received,
    meta: { private: true, originalContent: value.content, encryptionFormat: 'box' },
  }
}
