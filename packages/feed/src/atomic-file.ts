import type { FileSystem } from '@dunbar/actor'
import { storeFailure } from './store-error.js'

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
 * @throws {STORE_FULL}
 * @throws {STORE_FAILED}
 */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  content: Uint8Array,
  permissions?: number,
): Promise<void> {
  const made = `${path}.new`
  try {
    removeIfThere(fs, made)
    const handle = fs.open(made, 'createNew', permissions)
    try {
      handle.write(content, 0)
      await handle.sync()
    } finally {
      handle.close()
    }
    fs.rename(made, path)
    await fs.syncFolder(parentOf(path))
  } catch (error) {
    removeQuietly(fs, made)
    throw storeFailure(error, 'replacing a file')
  }
}

/** Removes what may be there. */
export function removeIfThere(fs: FileSystem, path: string): void {
  if (fs.stat(path) !== null) fs.remove(path)
}

/** Cleans up after a failure whose error matters more than that of the cleaning. */
export function removeQuietly(fs: FileSystem, path: string): void {
  try {
    removeIfThere(fs, path)
  } catch {
    // The next replacement of the same file removes it, or says why it can't.
  }
}
