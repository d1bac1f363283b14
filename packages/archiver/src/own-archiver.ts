import type { Clock, FileSystem, Logger, Timers } from '@dunbar/actor'
import { type ArchiveContent, maxBlockMessages } from '@dunbar/archive'
import type { BlobFolder } from '@dunbar/blobs'
import { type BlobId, CodedError, type FeedId, isCodedError, type Sequence } from '@dunbar/core'
import type { FeedClient, ShardClient } from '@dunbar/feed'
import type { AppCallbacks, CancelReason } from './app-callbacks.js'
import { ArchiveDraft } from './archive-draft.js'
import { type ArchiveSettings, changedSettings } from './archive-settings.js'
import type { ArchiveWork } from './archive-work.js'
import { type MadeArchive, makeBundle } from './bundle-making.js'
import { decide } from './precondition.js'
import { Registrations } from './registrations.js'
import { archivesOf, newestArchive } from './stored-archives.js'

/**
 * Archives the own feed: looks every now and then whether enough messages have gathered, asks the
 * apps that want to be asked, makes bundles, and tells how it goes. One look at a time.
 */

export interface OwnArchiverParts {
  readonly id: FeedId
  readonly feed: FeedClient
  /** That of the own feed. */
  readonly shard: ShardClient
  readonly blobs: BlobFolder
  readonly work: ArchiveWork
  readonly files: FileSystem
  /** Of the list of blobs that no message names yet. */
  readonly draftPath: string
  readonly timers: Timers
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: ArchiveSettings
}

/** What apps are told. */
export type ArchiveEvent =
  | { readonly event: 'waiting'; readonly seconds: number }
  | { readonly event: 'cancelled'; readonly reason: CancelReason }
  | { readonly event: 'started'; readonly first: Sequence; readonly last: Sequence }
  | ({ readonly event: 'archived' } & MadeArchive)
  | { readonly event: 'failed'; readonly code: string; readonly text: string }

export type ArchivePhase = 'off' | 'idle' | 'asking' | 'waiting' | 'archiving'

export interface ArchiveStatus {
  readonly phase: ArchivePhase
  readonly settings: ArchiveSettings
  /** Until the next look; null where none is planned. */
  readonly nextInSeconds: number | null
  /** The last message that is archived; 0 for none. */
  readonly archived: Sequence
  /** What the newest archive says; null for none. */
  readonly newest: Omit<ArchiveContent, 'type' | 'version'> | null
  /** How the last look ended that came to something; null where none did since the start. */
  readonly last: ArchiveEvent | null
  /** Apps that are asked first. */
  readonly preconditions: number
}

/** What `archiveNow` takes. */
export interface ArchiveNowOptions {
  /** In place of the setting. */
  readonly keepMessages?: number
  /** Take the messages too that fill no block. */
  readonly partial?: boolean
}

/** The first look comes soon: a node may run for a shorter time than the interval. */
const FIRST_LOOK_SECONDS = 60
/** Apps that are asked; a user has a few. */
const MAX_PRECONDITIONS = 16

/** What could be archived. */
interface Range {
  readonly first: Sequence
  readonly last: Sequence
  readonly previous: BlobId | null
}

export class OwnArchiver {
  readonly #parts: OwnArchiverParts
  readonly #draft: ArchiveDraft
  readonly #preconditions = new Registrations<AppCallbacks>('preconditions', MAX_PRECONDITIONS)
  readonly #listeners = new Set<(event: ArchiveEvent) => void>()
  #settings: ArchiveSettings
  #phase: Exclude<ArchivePhase, 'off' | 'archiving'> = 'idle'
  #last: ArchiveEvent | null = null
  /** Ends the look that is under way, as long as it only asks and waits. */
  #look = new AbortController()
  #cancelTimer: () => void = () => {}
  #nextAtMs: number | null = null
  /** The archive that is being made; settles with it and never rejects. */
  #archiving: Promise<unknown> | null = null
  readonly #closing = new AbortController()

  constructor(parts: OwnArchiverParts) {
    this.#parts = parts
    this.#settings = parts.settings
    this.#draft = new ArchiveDraft(parts.files, parts.draftPath)
  }

  /** Plans the first look. */
  start(): void {
    this.#plan(Math.min(this.#settings.intervalSeconds, FIRST_LOOK_SECONDS))
  }

  /** Changes settings; a look that asks or waits ends, and the next comes soon. @throws {BAD_ARGUMENT} */
  configure(given: unknown): ArchiveSettings {
    this.#settings = changedSettings(this.#settings, given)
    this.#look.abort()
    this.#phase = 'idle'
    this.start()
    return this.#settings
  }

  /** Has an app asked before each archive that is not made by order. @throws {TOO_MANY_CALLBACKS} */
  addPrecondition(connection: object, app: AppCallbacks): () => void {
    return this.#preconditions.add(connection, app)
  }

  /** The returned function takes the listener out again. A listener must not throw. */
  onEvent(listener: (event: ArchiveEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Archives at once, without asking anybody: what fills whole blocks, as many bundles as that takes.
   * @throws {ARCHIVE_BUSY} one is being made
   * @throws {PUBLISH_LOCKED} @throws {ARCHIVE_FEED_DAMAGED} @throws {BLOB_STORE_FULL} and others
   */
  async archiveNow(options: ArchiveNowOptions = {}): Promise<MadeArchive[]> {
    const { keepMessages = this.#settings.keepMessages, partial = false } = options
    const making = this.#archive(keepMessages, partial ? 1 : maxBlockMessages, partial)
    try {
      return await making
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  async status(): Promise<ArchiveStatus> {
    const { feed, shard, id, clock } = this.#parts
    const newest = await newestArchive(feed, await archivesOf(shard, id))
    const isOff = this.#settings.intervalSeconds === 0 && this.#phase === 'idle'
    const leftMs = this.#nextAtMs === null ? null : this.#nextAtMs - clock.monotonic()
    return {
      phase: this.#archiving !== null ? 'archiving' : isOff ? 'off' : this.#phase,
      settings: this.#settings,
      nextInSeconds: leftMs === null ? null : Math.max(0, Math.round(leftMs / 1000)),
      archived: newest?.last ?? 0,
      newest: newest && contentOf(newest),
      last: this.#last,
      preconditions: this.#preconditions.count,
    }
  }

  /** Ends looks and sends the apps away. Resolves when the bundle that is being made has come to its end or to nothing. */
  async close(): Promise<void> {
    this.#closing.abort(new CodedError('NODE_STOPPING', 'the node stops', {}))
    this.#look.abort()
    this.#cancelTimer()
    for (const app of [...this.#preconditions.all()]) app.end()
    await this.#archiving
  }

  #plan(seconds: number): void {
    this.#cancelTimer()
    this.#nextAtMs = null
    if (this.#closing.signal.aborted || seconds === 0) return
    const { timers, clock } = this.#parts
    this.#nextAtMs = clock.monotonic() + seconds * 1000
    this.#cancelTimer = timers.set(seconds * 1000, () => {
      this.#nextAtMs = null
      void this.#lookNow()
    })
  }

  /** Never rejects. */
  async #lookNow(): Promise<void> {
    this.#look = new AbortController()
    const { signal } = this.#look
    try {
      if (this.#archiving === null) await this.#lookOnce(signal)
    } catch (error) {
      this.#failed(error)
    }
    // Who changed the settings ended this look, and planned the next.
    if (signal.aborted) return
    this.#phase = 'idle'
    this.#plan(this.#settings.intervalSeconds)
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    const { minMessages, keepMessages } = this.#settings
    if ((await this.#range(keepMessages, minMessages)) === null) return
    const reason = await this.#decide(signal)
    // Meanwhile one may have been ordered.
    if (signal.aborted || this.#archiving !== null) return
    if (reason !== null) this.#tell({ event: 'cancelled', reason })
    else await this.#archive(keepMessages, minMessages, false)
  }

  async #decide(signal: AbortSignal): Promise<CancelReason | null> {
    this.#phase = 'asking'
    return decide({
      timers: this.#parts.timers,
      signal,
      ask: () => {
        if (!signal.aborted) this.#phase = 'asking'
        const about = { about: 'archive' }
        return Promise.all([...this.#preconditions.all()].map((app) => app.ask(about)))
      },
      onWait: (seconds) => {
        this.#phase = 'waiting'
        this.#tell({ event: 'waiting', seconds })
      },
    })
  }

  /** @throws {ARCHIVE_BUSY} @throws {NODE_STOPPING} at once */
  #archive(keepMessages: number, minMessages: number, takesRest: boolean): Promise<MadeArchive[]> {
    this.#closing.signal.throwIfAborted()
    if (this.#archiving !== null) {
      throw new CodedError('ARCHIVE_BUSY', 'an archive is being made', {})
    }
    const making = this.#makeAll(keepMessages, minMessages, takesRest)
    const done = (): void => {
      this.#archiving = null
    }
    this.#archiving = making.then(done, done)
    return making
  }

  async #makeAll(
    keepMessages: number,
    minMessages: number,
    takesRest: boolean,
  ): Promise<MadeArchive[]> {
    const { signal } = this.#closing
    const made: MadeArchive[] = []
    await this.#tidy()
    const range = await this.#range(keepMessages, minMessages)
    if (range === null) return made
    this.#tell({ event: 'started', first: range.first, last: range.last })
    let { first, previous } = range
    const least = takesRest ? 1 : maxBlockMessages
    while (range.last - first + 1 >= least && !signal.aborted) {
      const parts = { ...this.#parts, draft: this.#draft }
      const wanted = { first, last: range.last, previous, takesRest, signal }
      const archive: MadeArchive | null = await makeBundle(parts, wanted)
      if (archive === null) break
      made.push(archive)
      this.#tell({ event: 'archived', ...archive })
      first = archive.last + 1
      previous = archive.bundle
    }
    return made
  }

  /** What can be archived, of checked messages alone; null where there is too little. @throws {PUBLISH_LOCKED} @throws {ARCHIVE_FEED_DAMAGED} */
  async #range(keepMessages: number, minMessages: number): Promise<Range | null> {
    const { feed, shard, id } = this.#parts
    const { sequence, state, forked, publish, uncheckedFrom = Infinity } = await feed.status()
    if (publish?.state !== 'safe') {
      throw new CodedError('PUBLISH_LOCKED', 'the own feed may not be complete here', {})
    }
    if (state !== 'ok' || forked) {
      throw new CodedError('ARCHIVE_FEED_DAMAGED', 'the own feed is damaged or forked', { state })
    }
    const newest = await newestArchive(feed, await archivesOf(shard, id))
    const first = (newest?.last ?? 0) + 1
    const last = Math.min(sequence - keepMessages, uncheckedFrom - 1)
    if (last - first + 1 < minMessages) return null
    return { first, last, previous: newest?.bundle ?? null }
  }

  /** Takes away what an archive left that came to nothing. */
  async #tidy(): Promise<void> {
    const { blobs, shard, id, logger } = this.#parts
    const removed = await this.#draft.tidy(blobs, async (bundle) => {
      return (await archivesOf(shard, id)).some((archive) => archive.bundle === bundle)
    })
    if (removed > 0)
      logger.log('info', 'archiver', 'blobs of a broken-off archive are gone', { removed })
  }

  #failed(error: unknown): void {
    if (this.#closing.signal.aborted) return
    const code = isCodedError(error) ? error.code : 'INTERNAL'
    const text = isCodedError(error) ? error.message : 'an internal error'
    this.#parts.logger.log('warn', 'archiver', 'the own feed was not archived', { code })
    this.#tell({ event: 'failed', code, text })
  }

  #tell(event: ArchiveEvent): void {
    this.#last = event
    for (const listener of [...this.#listeners]) listener(event)
  }
}

function contentOf({ bundle, size, first, last, lastMessage }: ArchiveContent) {
  return { bundle, size, first, last, lastMessage }
}
