import { keysFromSecretKey } from '@dunbar/core'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import type { MessageValue } from './foreign-peer.js'
import type { SsbKeys } from './pair.js'

/** Signs contents one after the other, as the first messages of a feed. */
export function signedFeed(keys: SsbKeys, contents: readonly object[]): MessageValue[] {
  const own = keysFromSecretKey(Buffer.from(keys.private.replace('.ed25519', ''), 'base64'))!
  let head: ClassicMessage | null = null
  return contents.map((content, index) => {
    const message = createClassic({
      keys: own,
      head,
      timestamp: 1_700_000_000_000 + index,
      content,
    })
    head = message
    return JSON.parse(Buffer.from(message.compact).toString()) as MessageValue
  })
}

export const posts = (...texts: readonly string[]): object[] =>
  texts.map((text) => ({ type: 'post', text }))
