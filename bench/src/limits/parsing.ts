import { availableParallelism } from 'node:os'
import { messageTexts } from './message-texts.js'
import { onThread, secondsOnThreads, sharesOf } from './threads.js'

/** As many threads as cores that do nothing but parse messages held in memory: messages a second of all together. */
export async function parseRate(file: string, most: number): Promise<number> {
  const texts = await messageTexts(file, most)
  const shares = sharesOf(texts, availableParallelism())
  return texts.length / (await secondsOnThreads(import.meta.url, shares))
}

function parseAll(texts: readonly string[]): void {
  let authors = 0
  for (const text of texts) authors += JSON.parse(text).author.length
  if (texts.length > 0 && authors === 0) throw new Error('messages have no authors')
}

onThread<readonly string[]>(import.meta.url, (texts) => {
  parseAll(texts.slice(0, 500))
  return () => parseAll(texts)
})
