import { setMaxListeners } from 'node:events'
import type { Logger, Timers } from '@dunbar/actor'
import { type FeedId, isCodedError } from '@dunbar/core'
import { FeedClient, FrameReader, type ShardClient, type ShardQuery } from '@dunbar/feed'
import type { AppCallbacks } from './app-callbacks.js'
import { decide, pause } from './precondition.js'
import { Registrations } from './registrations.js'
import { Slots } from './slots.js'
import { ARCHIVE_TYPE, archivesIn, type StoredArchive } from './stored-archives.js'
import {
  type ArchiveVerification,
  NOT_CHECKED,
  type VerificationParts,
  verifyArchive,
} from './verification.js'

/**
 * Watches for `archive` messages of other feeds as they arrive and has them verified for the apps
 * that want it. Each app has streams of its own, which are read only while few messages wait for it:
 * whoever sends many of them fills no memory.
 */

export interface ArchiveWatchParts extends VerificationParts {
  readonly id: FeedId
  readonly shards: readonly ShardClient[]
  readonly timers: Timers
  readonly logger: Logger
}

/** Apps that may be registered. */
const MAX_APPS = 16
/** Messages of one app that wait for its word or for their verification. */
const MAX_PENDING = 64
/** Verifications at once, for all apps: the other threads of the pool check signatures meanwhile. */
const MAX_VERIFYING = 1
/** How long to wait before a shard that started over is asked again. */
const REOPEN_MS = 1_000
/**
 * Looks at an archive whose messages' signatures are not checked yet: when they are, and so often at
 * least, since a feed that was cut back has nothing to tell to who waits for its messages.
 */
const LOOK_MS = 60_000
const MAX_LOOKS = 60

export class ArchiveWatch {
  readonly #parts: ArchiveWatchParts
  readonly #apps = new Registrations<AppCallbacks>('verifications', MAX_APPS)
  readonly #verifying = new Slots(MAX_VERIFYING)

  constructor(parts: ArchiveWatchParts) {
    this.#parts = parts
  }

  /** Apps that are registered. */
  get count(): number {
    return this.#apps.count
  }

  /**
   * Asks an app about each message that arrives from here on, and tells it `{result: …}`. The
   * returned function ends that. @throws {TOO_MANY_CALLBACKS}
   */
  add(connection: object, app: AppCallbacks): () => void {
    const remove = this.#apps.add(connection, app)
    const leaving = new AbortController()
    setMaxListeners(2 * MAX_PENDING, leaving.signal)
    const pending = new Slots(MAX_PENDING)
    for (const shard of this.#parts.shards) {
      void this.#follow(shard, leaving.signal, async (archive) => {
        await pending.take()
        void this.#serve(app, archive, leaving.signal).finally(() => pending.release())
      })
    }
    return () => {
      leaving.abort()
      remove()
    }
  }

  close(): void {
    for (const app of [...this.#apps.all()]) app.end()
  }

  /** Gives the messages that arrive in a shard, until the signal; never rejects. */
  async #follow(
    shard: ShardClient,
    signal: AbortSignal,
    give: (archive: StoredArchive) => Promise<void>,
  ): Promise<void> {
    const { timers, logger, id } = this.#parts
    let seenMs: number | null = null
    while (!signal.aborted) {
      try {
        const since: { old?: false; gt?: number } =
          seenMs === null ? { old: false } : { gt: seenMs }
        const query: ShardQuery = { order: 'received', type: ARCHIVE_TYPE, live: true, ...since }
        for await (const chunk of shard.query(query, { lane: 'remote', signal })) {
          if ('sync' in chunk) continue
          for (const archive of archivesIn(chunk.frames)) {
            if (archive.author !== id) await give(archive)
          }
          seenMs = lastReceived(chunk.frames) ?? seenMs
        }
      } catch (error) {
        const code = isCodedError(error) ? error.code : 'INTERNAL'
        if (!signal.aborted) {
          logger.log('debug', 'archiver', 'archive messages are watched again', { code })
        }
      }
      if (!signal.aborted) await pause(timers, REOPEN_MS, signal)
    }
  }

  /** One message for one app; never rejects. */
  async #serve(app: AppCallbacks, archive: StoredArchive, signal: AbortSignal): Promise<void> {
    const { timers, logger } = this.#parts
    const { author: feed, message, bundle, size, first, last } = archive
    const about = { about: 'verification', feed, message, bundle, size, first, last }
    const ask = async () => [await app.ask(about)]
    if ((await decide({ timers, signal, ask })) !== null) return
    try {
      let result = await this.#verify(archive, signal)
      for (let looks = 1; result?.reason === NOT_CHECKED && looks < MAX_LOOKS; looks++) {
        await this.#checked(archive, signal)
        result = await this.#verify(archive, signal)
      }
      if (result !== null) app.tell({ result })
    } catch (error) {
      const code = isCodedError(error) ? error.code : 'INTERNAL'
      if (signal.aborted) return
      logger.log('warn', 'archiver', 'an archive could not be verified', { feed, code })
      const failed = { feed, message, bundle, first, last, result: 'unknown', reason: code }
      app.tell({ result: failed })
    }
  }

  /** Resolves when the messages of an archive were checked, after a while in any case, or at the signal. */
  async #checked({ author, last }: StoredArchive, signal: AbortSignal): Promise<void> {
    const { router, timers } = this.#parts
    const late = new AbortController()
    const cancel = timers.set(LOOK_MS, () => late.abort())
    const ending = AbortSignal.any([signal, late.signal])
    // What may be passed on has been checked, and a live reader gets it at once.
    const range = { from: last, to: last, live: true, isPassedOn: true }
    try {
      const reading = new FeedClient(router, author).read(range, { lane: 'remote', signal: ending })
      for await (const chunk of reading) if ('frames' in chunk) late.abort()
    } catch (error) {
      if (!isCodedError(error)) throw error
    }
    // A reader whose feed started over hears of nothing: the next look tells.
    if (!ending.aborted) await pause(timers, REOPEN_MS, ending)
    cancel()
  }

  /** Null where the app has left. */
  async #verify(archive: StoredArchive, signal: AbortSignal): Promise<ArchiveVerification | null> {
    await this.#verifying.take()
    try {
      return signal.aborted ? null : await verifyArchive(this.#parts, archive, signal)
    } finally {
      this.#verifying.release()
    }
  }
}

/** When the last of these messages arrived; null for none. */
function lastReceived(frames: ArrayBuffer): number | null {
  let last: number | null = null
  const reader = new FrameReader(frames)
  while (reader.next()) last = reader.received
  return last
}
