import { availableParallelism } from 'node:os'
import { feedIdToBytes, sha256Latin1, verify } from '@dunbar/core'
import { messageTexts } from './message-texts.js'
import { onThread, secondsOnThreads, sharesOf } from './threads.js'

/**
 * What bounds an import: as many threads as cores that do nothing but parse, print canonically,
 * hash and verify the same messages, held in memory. Messages a second of all threads together.
 */
export async function validationRate(file: string, most?: number): Promise<number> {
  const texts = await messageTexts(file, most)
  const shares = sharesOf(texts, availableParallelism())
  return texts.length / (await secondsOnThreads(import.meta.url, shares))
}

function validateAll(texts: readonly string[]): void {
  for (const text of texts) {
    const value = JSON.parse(text)
    const printed = JSON.stringify(value, null, 2)
    sha256Latin1(printed)
    const signed = Buffer.from(signedText(printed))
    const signature = Buffer.from(value.signature.slice(0, 88), 'base64')
    if (!verify(signature, signed, feedIdToBytes(value.author))) {
      throw new Error(`a generated message does not verify: ${value.author} ${value.sequence}`)
    }
  }
}

/** What of a printed message is signed: all but the signature. */
export const signedText = (printed: string): string =>
  `${printed.slice(0, printed.lastIndexOf(',\n  "signature": '))}\n}`

onThread<readonly string[]>(import.meta.url, (texts) => {
  validateAll(texts.slice(0, 500))
  return () => validateAll(texts)
})
