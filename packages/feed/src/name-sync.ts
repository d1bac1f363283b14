/**
 * Brings to the disk the names that lead to a feed's files: `feeds` in the data folder, `<2 hex>`
 * there, `<62 hex>` there, and what is in the feed's own folder. One for all feeds of a store.
 *
 * A sync covers the names that were made before it began, so feeds beside each other share it.
 *
 * A sync that fails says nothing of what a later one of the same folder says, and may hide that
 * names are lost. So syncs of one folder follow each other, and a folder above the feed's own whose
 * sync failed is not trusted with new names while the store lives. (In the feed's own folder a file
 * is replaced after a failure, which makes its name anew.)
 */
import type { FileSystem } from '@dunbar/actor'
import { parentOf } from './atomic-file.js'

export class NameSync {
  readonly #fs: FileSystem
  readonly #safeFeeds = new Set<number>()
  /** The newest sync of each feed's own folder, unless names were made there since it began. */
  readonly #syncing = new Map<number, object>()
  /** Prefix folders that are known to be found. At most 256. */
  readonly #safePrefixes = new Set<string>()
  /** Folders above feeds' own in which no name was made since their last sync began. At most 258. */
  readonly #settled = new Set<string>()
  readonly #distrusted = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /** Names were replaced in a feed's folder. */
  forget(feed: number): void {
    this.#safeFeeds.delete(feed)
    this.#syncing.delete(feed)
  }

  /** The folder of a feed is about to be made, and perhaps the one above. */
  forgetFolder(feed: number, folder: string): void {
    const prefix = parentOf(folder)
    this.forget(feed)
    this.#settled.delete(prefix)
    if (this.#safePrefixes.has(prefix)) return
    const feeds = parentOf(prefix)
    this.#settled.delete(feeds)
    this.#settled.delete(parentOf(feeds))
  }

  /** Resolves when what is in a feed's folder is found after a crash. Errors of the file system pass through. */
  async sync(feed: number, folder: string): Promise<void> {
    if (this.#safeFeeds.has(feed)) return
    const prefix = parentOf(folder)
    if (!this.#safePrefixes.has(prefix)) {
      const feeds = parentOf(prefix)
      await this.#settle(parentOf(feeds))
      await this.#settle(feeds)
      this.#safePrefixes.add(prefix)
    }
    await this.#settle(prefix)
    const own = {}
    this.#syncing.set(feed, own)
    try {
      await this.#fs.syncFolder(folder)
      if (this.#syncing.get(feed) === own) this.#safeFeeds.add(feed)
    } finally {
      if (this.#syncing.get(feed) === own) this.#syncing.delete(feed)
    }
  }

  #settle(folder: string): Promise<void> {
    const before = this.#running.get(folder) ?? Promise.resolve()
    const synced = before.then(() => this.#syncOnce(folder))
    const ended = synced
      .catch(() => undefined)
      .then(() => {
        if (this.#running.get(folder) === ended) this.#running.delete(folder)
      })
    this.#running.set(folder, ended)
    return synced
  }

  async #syncOnce(folder: string): Promise<void> {
    if (this.#distrusted.has(folder)) throw new Error('an earlier sync of this folder failed')
    if (this.#settled.has(folder)) return
    this.#settled.add(folder)
    try {
      await this.#fs.syncFolder(folder)
    } catch (error) {
      this.#distrusted.add(folder)
      throw error
    }
  }
}
