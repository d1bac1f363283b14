import { type FileSystem, replaceFile } from '@dunbar/actor'

/** These files say whom this node knows; nobody else on the machine needs to read that. */
const PERMISSIONS = 0o600

/**
 * Replaces a JSON file as a whole, indented by two; it is readable by its owner only. Resolves when
 * it is on the disk.
 * @throws the system's error; the old file stays
 */
export function writeJsonFile(files: FileSystem, path: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 2)}\n`
  return replaceFile(files, path, Buffer.from(text), PERMISSIONS)
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
