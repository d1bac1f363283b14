import type { FileSystem } from '@dunbar/actor'

const FEED_ID_BYTES = 32
const prefixPattern = /^[0-9a-f]{2}$/
const restPattern = /^[0-9a-f]{62}$/

/** Where the feeds of a data folder are. */
export const feedsFolder = (root: string): string => `${root}/feeds`

/** The folder of a feed, `feeds/<2 hex>/<62 hex>` of its public key. */
export function feedFolder(root: string, idBytes: Uint8Array): string {
  const hex = Buffer.from(idBytes.buffer, idBytes.byteOffset, FEED_ID_BYTES).toString('hex')
  return `${root}/feeds/${hex.slice(0, 2)}/${hex.slice(2)}`
}

/** The public key behind the two names of a feed's folder; null for names that are no feed's. */
export function feedIdOfFolder(prefix: string, rest: string): Uint8Array | null {
  if (!prefixPattern.test(prefix) || !restPattern.test(rest)) return null
  return new Uint8Array(Buffer.from(prefix + rest, 'hex'))
}

/** What one step of listing found: a feed, or a name that is no feed's. */
export type FolderVisit =
  | { readonly kind: 'feed'; readonly idBytes: Uint8Array; readonly folder: string }
  | { readonly kind: 'foreign'; readonly path: string }

/**
 * Lists the feed folders under a data folder, one `next` each, in order of their ids. Reads one
 * folder of names at a time. A data folder without `feeds/` has none.
 * @throws errors of the file system other than a missing `feeds/`
 */
export function* listFeedFolders(fs: FileSystem, root: string): Generator<FolderVisit> {
  const top = feedsFolder(root)
  if (fs.stat(top) === null) return
  for (const prefix of fs.list(top).sort()) {
    const folder = `${top}/${prefix}`
    if (!prefixPattern.test(prefix) || fs.stat(folder)?.isFolder !== true) {
      yield { kind: 'foreign', path: folder }
      continue
    }
    for (const rest of fs.list(folder).sort()) {
      const path = `${folder}/${rest}`
      const idBytes = feedIdOfFolder(prefix, rest)
      yield idBytes === null ? { kind: 'foreign', path } : { kind: 'feed', idBytes, folder: path }
    }
  }
}
