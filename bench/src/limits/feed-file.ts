import { lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK_BYTES = 512

/**
 * What a folder with one file takes on this file system beside what is written, bytes: the folder,
 * and the half block that a file leaves empty at its end.
 */
export function feedFileBytes(path: string): number {
  mkdirSync(path)
  const file = join(path, 'file')
  writeFileSync(file, 'x')
  const takenBytes = (place: string) => lstatSync(place).blocks * BLOCK_BYTES
  return takenBytes(path) + takenBytes(file) / 2
}
