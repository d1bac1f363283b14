import { randomBytes, secretbox, secretboxOpen } from '@dunbar/core'
import { microsEach } from './micros.js'

/** So many to seal or open in a turn. */
const BOXES = 500

/** Sealing a box of so many bytes: µs on one core. */
export function sealMicros(bytes: number): number {
  const [nonce, key] = [randomBytes(24), randomBytes(32)]
  const bodies = Array.from({ length: BOXES }, () => randomBytes(bytes))
  return microsEach(bodies, (body) => secretbox(body, nonce, key).length)
}

/** Opening a box of so many bytes: µs on one core. */
export function openMicros(bytes: number): number {
  const [nonce, key] = [randomBytes(24), randomBytes(32)]
  const boxes = Array.from({ length: BOXES }, () => secretbox(randomBytes(bytes), nonce, key))
  return microsEach(boxes, (box) => secretboxOpen(box, nonce, key)!.length)
}
