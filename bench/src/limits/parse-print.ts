import { microsEach } from './micros.js'

/** Parsing a message and printing it indented, as its id and signature are made of it: µs a message on one core. */
export function parsePrintMicros(texts: readonly string[]): number {
  return microsEach(texts, (text) => JSON.stringify(JSON.parse(text), null, 2).length)
}
