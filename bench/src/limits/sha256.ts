import { sha256Latin1 } from '@dunbar/core'
import { microsEach } from './micros.js'

/** SHA-256 of messages as they are printed for it: µs a message on one core. */
export function sha256Micros(texts: readonly string[]): number {
  const printed = texts.map((text) => JSON.stringify(JSON.parse(text), null, 2))
  return microsEach(printed, (text) => sha256Latin1(text).length)
}
