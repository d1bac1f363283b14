import { type FeedId, feedIdToBytes, verify } from '@dunbar/core'
import { messageTexts } from './message-texts.js'
import { onThread, secondsOnThreads, sharesOf } from './threads.js'
import { signedText } from './validation.js'

/** Signatures a second that so many threads verify, all else prepared beforehand. */
export async function signatureRate(file: string, most: number, threads: number): Promise<number> {
  const texts = await messageTexts(file, most)
  const seconds = await secondsOnThreads(import.meta.url, sharesOf(texts, threads))
  return texts.length / seconds
}

interface Signed {
  readonly signature: Uint8Array
  readonly bytes: Uint8Array
  readonly key: Uint8Array
}

function prepared(text: string): Signed {
  const value = JSON.parse(text) as { readonly author: FeedId; readonly signature: string }
  return {
    signature: Buffer.from(value.signature.slice(0, 88), 'base64'),
    bytes: Buffer.from(signedText(JSON.stringify(value, null, 2))),
    key: feedIdToBytes(value.author),
  }
}

function verifyAll(messages: readonly Signed[]): void {
  for (const { signature, bytes, key } of messages) {
    if (!verify(signature, bytes, key)) throw new Error('a generated message does not verify')
  }
}

onThread<readonly string[]>(import.meta.url, (texts) => {
  const messages = texts.map(prepared)
  verifyAll(messages.slice(0, 500))
  return () => verifyAll(messages)
})
