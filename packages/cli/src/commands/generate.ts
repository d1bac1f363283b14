import { setImmediate } from 'node:timers/promises'
import { Mistake } from '../mistake.js'
import type { CommandContext } from '../session.js'

export interface GenerateOptions {
  readonly feeds: string
  readonly messages: string
  readonly seed: string
  readonly spread: string
}

/** Text that is written at once. */
const CHUNK_LENGTH = 64 * 1024

/** @throws {Mistake} */
function count(name: string, text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new Mistake(`--${name} needs a whole number`)
  }
  return number
}

/** Writes signed messages as JSON lines, the same ones for the same seed. */
export async function generate(
  { output }: CommandContext,
  options: GenerateOptions,
): Promise<number> {
  const feeds = count('feeds', options.feeds)
  const messages = count('messages', options.messages)
  const { formatMessageLine, generateMessages, spreads } = await import('@dunbar/testkit')
  const spread = spreads.find((kind) => kind === options.spread)
  if (spread === undefined) throw new Mistake(`--spread needs one of ${spreads.join(', ')}`)
  let chunk = ''
  for (const message of generateMessages({ feeds, messages, seed: options.seed, spread })) {
    chunk += `${formatMessageLine(message)}\n`
    if (chunk.length < CHUNK_LENGTH) continue
    await output.write(chunk)
    chunk = ''
    // Signing keeps the thread; signals and a reader that left are noticed only between turns.
    await setImmediate()
  }
  await output.write(chunk)
  return 0
}
