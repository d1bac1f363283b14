import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a folder takes on the disk, in whole blocks, with its folders; bytes, as `du` counts them. */
export function allocatedBytes(path: string): number {
  const facts = lstatSync(path)
  const own = facts.blocks * 512
  if (!facts.isDirectory()) return own
  return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), own)
}
