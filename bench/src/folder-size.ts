import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a folder takes on the disk, in whole blocks, with its folders; bytes, as `du` counts them. */
export function allocatedBytes(path: string): number {
  const facts = lstatSync(path)
  const own = facts.blocks * 512
  if (!facts.isDirectory()) return own
  return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), own)
}

/** What is in all files of a folder, bytes: without the rest of their last blocks. */
export function writtenBytes(path: string): number {
  const facts = lstatSync(path)
  if (!facts.isDirectory()) return facts.size
  return readdirSync(path).reduce((sum, name) => sum + writtenBytes(join(path, name)), 0)
}
