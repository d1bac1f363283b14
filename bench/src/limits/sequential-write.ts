import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { randomBytes } from '@dunbar/core'

const PIECE_BYTES = 2 ** 20
const PIECES = 128

/** One file written from its beginning to its end, with one sync at the end: MB/s. */
export function sequentialWriteRate(path: string): number {
  const piece = randomBytes(PIECE_BYTES)
  const file = openSync(path, 'wx')
  try {
    const startedAt = performance.now()
    for (let count = 0; count < PIECES; count++) writeSync(file, piece)
    fsyncSync(file)
    return (PIECES * PIECE_BYTES) / (performance.now() - startedAt) / 1000
  } finally {
    closeSync(file)
  }
}
