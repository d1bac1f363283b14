import { type FileSystem, replaceFile as replaceWhole } from '@dunbar/actor'
import { storeFailure } from './store-error.js'

export { parentOf, removeIfThere, removeQuietly } from '@dunbar/actor'

/**
 * Replaces a file as a whole; see `replaceFile` of the actor room.
 * @throws {STORE_FULL}
 * @throws {STORE_FAILED}
 */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  content: Uint8Array,
  permissions?: number,
): Promise<void> {
  try {
    await replaceWhole(fs, path, content, permissions)
  } catch (error) {
    throw storeFailure(error, 'replacing a file')
  }
}
