import type { Logger, Timers } from '@dunbar/actor'
import type { FeedId } from '@dunbar/core'
import { isCodedError } from '@dunbar/core'
import { type ContactRow, contactRows, type ShardClient } from '@dunbar/feed'

/** How long to wait before a shard that went away is asked again. */
const RETRY_MS = 500

export interface ContactFeedOptions {
  readonly shard: ShardClient
  readonly timers: Timers
  readonly logger: Logger
  /** Takes words of authors. */
  readonly apply: (contacts: readonly ContactRow[]) => void
  /** Of whom the shard's authors are known to have said something, by author. */
  readonly held: () => Iterable<readonly [FeedId, Iterable<FeedId>]>
  /** Takes back what an author said of another: its message is not there any more. */
  readonly forget: (source: FeedId, dest: FeedId) => void
}

/**
 * Follows what the authors of one shard say of others, for as long as the node runs. A stream that
 * ends, since the shard started over or folded a feed again, is opened again; what the new one does
 * not tell is forgotten.
 */
export class ContactFeed {
  /** Resolves when all that is held has been told once. */
  readonly ready: Promise<void>
  readonly #options: ContactFeedOptions
  readonly #abort = new AbortController()
  #readied: () => void = () => undefined
  #running: Promise<void>
  #wake: () => void = () => undefined

  constructor(options: ContactFeedOptions) {
    this.#options = options
    this.ready = new Promise((resolve) => {
      this.#readied = resolve
    })
    this.#running = this.#run()
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#abort.abort()
    this.#wake()
    this.#readied()
    await this.#running
  }

  async #run(): Promise<void> {
    const { logger } = this.#options
    while (!this.#abort.signal.aborted) {
      let code: string | null = null
      try {
        await this.#read()
      } catch (error) {
        if (!isCodedError(error)) throw error
        code = error.code
      }
      if (this.#abort.signal.aborted) return
      logger.log('debug', 'graph', 'the contacts of a shard are read again', { code })
      await this.#pause()
    }
  }

  async #read(): Promise<void> {
    const { shard, apply, held, forget } = this.#options
    // What is known of this shard's authors and is not told again is no more.
    const stale = new Map<FeedId, Set<FeedId>>()
    for (const [source, dests] of held()) stale.set(source, new Set(dests))
    // In the lane of the user's own calls: a block holds before the message that says it is served.
    for await (const chunk of shard.contactStream(true, { signal: this.#abort.signal })) {
      if ('sync' in chunk) {
        for (const [source, dests] of stale) for (const dest of dests) forget(source, dest)
        stale.clear()
        this.#readied()
        continue
      }
      const contacts = contactRows(chunk)
      for (const { source, dest } of contacts) stale.get(source)?.delete(dest)
      apply(contacts)
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#options.timers.set(RETRY_MS, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
