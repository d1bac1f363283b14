import { dirname } from 'node:path'
import type { FileSystem } from '@dunbar/actor'

/** These files say whom this node knows; nobody else on the machine needs to read that. */
const PERMISSIONS = 0o600

/**
 * Replaces a file as a whole: after a crash there is the old one or the new one. Resolves when the
 * new one is on the disk; it is readable by its owner only.
 * @throws the system's error; the old file stays
 */
export async function replaceFile(files: FileSystem, path: string, text: string): Promise<void> {
  const made = `${path}.new`
  removeIfThere(files, made)
  try {
    const handle = files.open(made, 'createNew', PERMISSIONS)
    try {
      handle.write(Buffer.from(text), 0)
      await handle.sync()
    } finally {
      handle.close()
    }
    files.rename(made, path)
    await files.syncFolder(dirname(path))
  } catch (error) {
    try {
      removeIfThere(files, made)
    } catch {
      // The next replacement removes it, or says why it can't.
    }
    throw error
  }
}

function removeIfThere(files: FileSystem, path: string): void {
  if (files.stat(path) !== null) files.remove(path)
}

/** What a JSON file holds; the reason where there is one that can't be used. */
export type JsonFile =
  | { readonly state: 'missing' }
  | { readonly state: 'read'; readonly value: unknown }
  | { readonly state: 'damaged'; readonly reason: string }

/** Reads a JSON file of at most `maxBytes`. @throws the system's error, other than that it is missing */
export function readJsonFile(files: FileSystem, path: string, maxBytes: number): JsonFile {
  const found = files.stat(path)
  if (found === null) return { state: 'missing' }
  if (found.isFolder) return { state: 'damaged', reason: 'it is a folder' }
  if (found.sizeBytes > maxBytes) {
    return { state: 'damaged', reason: `it has more than ${maxBytes} bytes` }
  }
  try {
    return { state: 'read', value: JSON.parse(Buffer.from(files.readFile(path)).toString()) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // The error of JSON.parse quotes the file.
    return { state: 'damaged', reason: 'it is no JSON' }
  }
}

/** Gives a file that can't be used another name, and returns that. */
export function setAside(files: FileSystem, path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[:.]/g, '-')
  const kept = `${path}.damaged-${stamp}`
  files.rename(path, kept)
  return kept
}
