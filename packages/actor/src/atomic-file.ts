import type { FileSystem } from './ports.js'

/** The folder of a path. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/**
 * Replaces a file as a whole: after a crash there is the old one or the new one. Resolves when the
 * new one is on the disk. The content is written to `<path>.new`, synced, renamed over the old one,
 * and the folder synced. A failure leaves the old file and takes the new one away; that file is
 * never synced again.
 * @throws the system's error
 */
export async function replaceFile(
  files: FileSystem,
  path: string,
  content: Uint8Array,
  permissions?: number,
): Promise<void> {
  const made = `${path}.new`
  try {
    removeIfThere(files, made)
    const handle = files.open(made, 'createNew', permissions)
    try {
      handle.write(content, 0)
      await handle.sync()
    } finally {
      handle.close()
    }
    files.rename(made, path)
    await files.syncFolder(parentOf(path))
  } catch (error) {
    removeQuietly(files, made)
    throw error
  }
}

/** Removes what may be there. */
export function removeIfThere(files: FileSystem, path: string): void {
  if (files.stat(path) !== null) files.remove(path)
}

/** Cleans up after a failure whose error matters more than that of the cleaning. */
export function removeQuietly(files: FileSystem, path: string): void {
  try {
    removeIfThere(files, path)
  } catch {
    // The next replacement of the same file removes it, or says why it can't.
  }
}
