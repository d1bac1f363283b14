/**
 * The store of one shard, put together: logs on the disk are the truth, tables in memory are
 * derived from them, a snapshot on the disk makes the next start fast.
 *
 * Order of an append: frames into the log with one write, then rows and indexes, then the head. So
 * whatever the tables know is in a log; a crash between leaves a longer log, which the next start
 * folds on. Where a log lost what was not synced, the snapshot knows it as longer, and the feed is
 * folded anew.
 */
import { type FeedId, feedIdFromBytes, type Sequence } from '@dunbar/core'
import { Appender } from './appender.js'
import { removeQuietly } from './atomic-file.js'
import { NONE } from './columns.js'
import { loadState, removeForeignSnapshots, saveState, snapshotPath } from './derived-state.js'
import { feedIdOfFolder, feedsFolder } from './feed-folder.js'
import type { FeedRecord, ForkRecord, UncheckedRange } from './feed-record.js'
import { FeedRecords } from './feed-records.js'
import { DAMAGED, FORKED, GONE, ID_BYTES, MISSING, QUARANTINED, RECORDED } from './feed-table.js'
import { frameKey } from './frame.js'
import type { IndexBuilder } from './index-builders.js'
import type { Log } from './log.js'
import { LogSet } from './log-set.js'
import { Rebuild } from './rebuild.js'
import { RecordKeeper } from './record-keeper.js'
import { foldLog, mergeWaiting, type Recovering, recoverFeeds } from './recovery.js'
import { RelayedLog, type RelayHost, type Relaying } from './relaying.js'
import { RowReader } from './row-reader.js'
import type { SealedPart } from './sealed-part.js'
import { type PackFrames, Sealing, type SealPolicy } from './sealing.js'
import { diskBytes, ShardQueries, sealedInfo } from './shard-queries.js'
import type {
  AppendEntry,
  Progress,
  RebuildFailure,
  RebuildProgress,
  ShardStore,
  ShardStoreOptions,
  StoreStatistics,
  StoreTrouble,
  WalkedFrame,
} from './shard-store.js'
import { emptyTables, type ShardTables } from './shard-tables.js'
import { StoreError, storeFailure, systemCode } from './store-error.js'
import { defaultLimits, type StoreLimits } from './store-limits.js'
import { Unsealing } from './unsealing.js'
import { walkedFeed } from './walked-feed.js'

/** The few messages that waited out of order are read again as a rebuild goes. */
const REBUILD_CACHE_BYTES = 1024 * 1024

export class OpenShardStore extends ShardQueries implements ShardStore {
  protected tables: ShardTables
  protected readonly reader: RowReader
  protected readonly sealedOf = (feed: number): SealedPart | null => this.#logs.sealed(feed)
  readonly #options: ShardStoreOptions
  readonly #limits: StoreLimits
  readonly #logs: LogSet
  readonly #keeper: RecordKeeper
  readonly #records: FeedRecords
  readonly #appender: Appender
  readonly #troubles: Partial<Record<StoreTrouble['kind'], number>> = {}
  readonly #snapshotPath: string
  readonly #progress = { start: 0, current: 0, target: 0 }
  #work: Generator<void> | null
  #failure: unknown = null
  #generation = 0
  /** Lowest sequence, by feed, of messages of the chain that were found damaged and count as held. */
  readonly #damagedFrom = new Map<number, Sequence>()
  /** Counts heads that moved without a message that came. */
  #movedHeadCount = 0
  /** Counts what a snapshot would have to tell. */
  #changeCount = 0
  #savedChangeCount = -1
  #saving: Promise<void> = Promise.resolve()
  /** The one under way. */
  #rebuild: Rebuild | null = null
  #isClosed = false

  constructor(options: ShardStoreOptions) {
    super()
    const { ports, root } = options
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#snapshotPath = snapshotPath(root, options.shard, options.shards)
    this.tables = emptyTables(ports.random.bytes(8))
    this.#logs = new LogSet(ports.fs, root, this.#limits.openFiles)
    const changed = () => this.#changed()
    this.#keeper = new RecordKeeper(ports.fs, this.#logs.names, (folder, reason) => {
      const feed = feedIn(folder)
      if (feed !== null) this.#report({ kind: 'recordDamaged', feed, reason })
    })
    this.#records = new FeedRecords(this.#keeper, {
      tables: () => this.tables,
      folder: (feed) => this.#logs.folder(this.tables, feed),
      frame: (row) => this.reader.frame(row),
      report: (trouble) => this.#report(trouble),
      changed,
    })
    this.reader = new RowReader(
      this.tables,
      (feed) => this.#logs.get(this.tables, feed),
      (row) => this.#noteDamage(row),
      this.#limits.cacheBytes,
    )
    const limits = this.#limits
    this.#appender = new Appender(
      {
        tables: () => this.tables,
        reader: this.reader,
        report: (trouble) => this.#report(trouble),
        changed,
      },
      ports.timers,
      {
        delayMs: limits.syncDelayMs,
        maxBytes: limits.syncBytes,
        bulkDelayMs: limits.bulkSyncDelayMs,
        bulkBytes: limits.bulkSyncBytes,
        concurrency: limits.syncConcurrency,
        quietConcurrency: limits.quietSyncConcurrency,
      },
    )
    this.#work = this.#open()
  }

  get isReady(): boolean {
    return this.#work === null && !this.#isClosed
  }

  get progress(): Progress {
    return { ...this.#progress }
  }

  get generation(): number {
    return this.#generation
  }

  step(budgetMs: number): boolean {
    if (this.#failure !== null) throw this.#failure
    const { clock } = this.#options.ports
    const until = clock.monotonic() + budgetMs
    while (this.#work !== null) {
      try {
        if (this.#work.next().done === true) this.#work = null
      } catch (error) {
        this.#failure = error
        throw error
      }
      if (this.#work !== null && clock.monotonic() >= until) return false
    }
    return true
  }

  addFeed(idBytes: Uint8Array): number {
    return this.tables.feeds.add(idBytes)
  }

  record(feed: number): FeedRecord {
    this.assertFeed(feed)
    return this.#records.read(feed)
  }

  async writeRecord(feed: number, record: FeedRecord): Promise<void> {
    this.assertFeed(feed)
    await this.#records.write(feed, record)
  }

  unchecked(feed: number): UncheckedRange | null {
    return this.#records.unchecked(feed)
  }

  checkedTo(feed: number): Sequence {
    return Math.min(this.headSequence(feed), (this.unchecked(feed)?.first ?? Infinity) - 1)
  }

  uncheckedFeeds(): FeedId[] {
    return this.#keeper.uncheckedFolders.map(feedIn).filter((feed) => feed !== null)
  }

  get checkCount(): number {
    return this.#records.checkCount + this.#movedHeadCount
  }

  cutBack(feed: number, from: Sequence): void {
    const log = this.#writable(feed)
    this.#assertIdle(log)
    const { messages } = this.tables
    let end = log.sizeBytes
    for (const row of this.tables.rowsFrom(feed, from)) {
      const offset = messages.offset[row] as number
      // What lies in blocks was checked before it was packed.
      if (offset >= log.fileStart) end = Math.min(end, offset)
    }
    if (end === log.sizeBytes) return
    log.cutTo(end)
    this.#appender.syncs.markDirty(log, 1)
    this.rebuildFeed(feed)
  }

  setBack(feed: number, suspects: readonly Sequence[] = []): boolean {
    this.assertFeed(feed)
    for (const sequence of suspects) {
      const row = this.rowAt(feed, sequence)
      if (row !== -1) this.reader.isDamaged(row)
    }
    const from = this.#damagedFrom.get(feed)
    if (from === undefined) return false
    const isSetBack = this.#setHeadBefore(feed, from)
    this.#damagedFrom.delete(feed)
    return isSetBack
  }

  closeUp(feed: number): void {
    this.assertFeed(feed)
    const head = this.headSequence(feed)
    mergeWaiting(this.tables, this.reader, feed)
    if (this.headSequence(feed) !== head) this.#headMoved()
  }

  noteFork(feed: number, refused: AppendEntry): void {
    this.assertFeed(feed)
    this.#records.noteFork(feed, refused)
  }

  forks(feed: number): readonly ForkRecord[] {
    return this.record(feed).forks
  }

  get keptForkCount(): number {
    return this.#records.keptForkCount
  }

  keptFork(number: number): { readonly feed: number; readonly index: number } {
    return this.#records.keptFork(number)
  }

  append(feed: number, entries: readonly AppendEntry[], isBulk = false): void {
    this.#appender.append(feed, this.#writable(feed), entries, isBulk)
  }

  async appendDurably(
    feed: number,
    entries: readonly AppendEntry[],
    commit: () => Promise<void>,
  ): Promise<void> {
    await this.#appender.appendDurably(feed, this.#writable(feed), entries, commit)
  }

  async flush(): Promise<void> {
    const results = await Promise.allSettled([this.#appender.flush(), this.#records.flush()])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  walkFeed(feed: number): Generator<WalkedFrame> {
    this.assertFeed(feed)
    return walkedFeed(this.#logs.looked(this.tables, feed))
  }

  rebuildFeed(feed: number): number {
    this.assertFeed(feed)
    this.#assertReady()
    this.#assertIdle(this.#logs.held(feed))
    this.reader.forgetFeed(feed)
    this.#letGo(feed)
    this.tables.dropFeed(feed, FORKED | RECORDED | QUARANTINED)
    // The log may fail in the middle of it.
    this.#changed()
    this.#rebuild?.foldAgain(feed)
    this.#damagedFrom.delete(feed)
    // The feed's messages get new rows, which a live reader would take for new messages.
    this.#generation += 1
    const work = this.#recovering({ start: 0, current: 0, target: 0 })
    // To the end at once: a feed that is folded in part would be served in part.
    for (const _ of foldLog(work, feed, 0));
    this.#changed()
    return this.tables.feeds.messages[feed] as number
  }

  sealing(feed: number, policy: SealPolicy, pack: PackFrames): Relaying {
    return this.#relaying(feed, (host) => new Sealing(host, policy, pack))
  }

  unsealing(feed: number): Relaying {
    return this.#relaying(feed, (host) => new Unsealing(host))
  }

  *rebuildAll(): Generator<RebuildProgress, readonly RebuildFailure[]> {
    this.#assertReady()
    if (this.#rebuild !== null) throw new StoreError('STORE_BUSY', 'a rebuild is under way', {})
    const rebuild = this.#startRebuild()
    this.#rebuild = rebuild
    try {
      removeQuietly(this.#options.ports.fs, this.#snapshotPath)
      this.#savedChangeCount = -1
      for (const _ of rebuild.run()) {
        yield rebuild.progress
        this.#assertOpen()
      }
      for (const { feed } of [...this.#logs.values()]) this.#letGo(feed)
      this.#use(rebuild.tables)
      this.#generation += 1
      return rebuild.failed
    } finally {
      this.#rebuild = null
    }
  }

  isOpen(feed: number): boolean {
    return this.#logs.held(feed) !== undefined
  }

  passivate(feed: number): void {
    this.assertFeed(feed)
    if (!this.isOpen(feed)) return
    this.reader.forgetFeed(feed)
    this.#letGo(feed)
  }

  checkpoint(): Promise<void> {
    const saved = this.#saving.then(() => this.#checkpoint())
    this.#saving = saved.catch(() => undefined)
    return saved
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    const { isReady } = this
    this.#isClosed = true
    this.#appender.syncs.close()
    try {
      await this.flush()
      if (isReady) await this.#checkpointLast()
    } finally {
      await this.#saving
      this.#logs.pool.close()
    }
  }

  statistics(): StoreStatistics {
    const { feeds, messages } = this.tables
    const damaged: ReturnType<ShardTables['feedId']>[] = []
    const quarantined: typeof damaged = []
    const missing: typeof damaged = []
    let bytes = 0
    const sealed = { feeds: 0, messages: 0, bytes: 0, logBytes: 0 }
    for (let feed = 0; feed < feeds.count; feed++) {
      bytes += diskBytes(feeds.logBytes[feed] as number, this.sealedOf(feed))
      const part = sealedInfo(this.sealedOf(feed))
      if (part !== null) {
        sealed.feeds += 1
        sealed.messages += part.messages
        sealed.bytes += part.bytes
        sealed.logBytes += part.logBytes
      }
      if (feeds.has(feed, DAMAGED)) damaged.push(this.tables.feedId(feed))
      if (feeds.has(feed, QUARANTINED)) quarantined.push(this.tables.feedId(feed))
      if (feeds.has(feed, MISSING)) missing.push(this.tables.feedId(feed))
    }
    return {
      feeds: feeds.count - feeds.goneCount,
      messages: messages.count - messages.droppedCount,
      bytes,
      sealed,
      cache: {
        bytes: this.reader.cachedBytes,
        maxBytes: this.#limits.cacheBytes,
        hits: this.reader.hits,
        misses: this.reader.misses,
      },
      openFiles: this.#logs.pool.openFiles,
      activeFeeds: this.#logs.count,
      indexes: this.progress,
      tableBytes: this.tables.sizeBytes,
      droppedRows: messages.droppedCount,
      dirtyLogs: this.#appender.syncs.dirtyCount,
      damaged,
      quarantined,
      missing,
      troubles: { ...this.#troubles },
    }
  }

  #startRebuild(): Rebuild {
    const { ports, root, belongsHere } = this.#options
    const tables = emptyTables(ports.random.bytes(8))
    // Logs are those of the tables that serve: the new ones do not know yet how long each is.
    const logOf = (feed: number) => this.#logs.get(this.tables, feed)
    return new Rebuild({
      fs: ports.fs,
      root,
      tables,
      logs: this.#logs,
      records: this.#keeper,
      reader: new RowReader(tables, logOf, () => undefined, REBUILD_CACHE_BYTES),
      belongsHere,
      report: (trouble) => this.#report(trouble),
      serving: () => this.tables,
      letGo: (feed) => this.#letGo(feed),
      isDoubtful: (feed) => this.#appender.doubtful.has(feed),
    })
  }

  #relaying(feed: number, make: (host: RelayHost) => Relaying): Relaying {
    const log = this.#writable(feed)
    const data = { feed: this.tables.feedId(feed) }
    if (this.tables.feeds.has(feed, QUARANTINED)) {
      throw new StoreError('STORE_QUARANTINED', 'a feed set aside is left as it is', data)
    }
    const { fs, random, turns } = this.#options.ports
    const others = async () => {
      await new Promise<void>((resolve) => turns.soon(resolve))
      this.#assertOpen()
    }
    return new RelayedLog(log, others, (pause) =>
      make({
        fs,
        random,
        log,
        pause,
        names: this.#logs.names,
        reader: this.reader,
        tables: () => this.tables,
        checkedTo: () => this.checkedTo(feed),
        sync: () => this.#appender.syncs.syncNow(log),
        changed: (sealed, hasMoved) => {
          this.#logs.setSealed(feed, sealed)
          this.tables.feeds.layout[feed] = sealed?.layout ?? 0
          if (hasMoved) this.#rebuild?.foldAgain(feed)
          this.#changed()
        },
      }),
    )
  }

  #letGo(feed: number): void {
    const log = this.#logs.held(feed)
    if (log !== undefined) this.#logs.letGo(log, this.#appender.syncs.isDirty(log))
  }

  *#open(): Generator<void> {
    const { fs } = this.#options.ports
    try {
      if (fs.stat(feedsFolder(this.#options.root)) === null) {
        fs.makeFolder(feedsFolder(this.#options.root))
      }
    } catch (error) {
      throw storeFailure(error, 'making the folder of feeds')
    }
    yield
    let stale: readonly IndexBuilder[] = []
    const loaded = loadState(fs, this.#snapshotPath)
    if (loaded.ok) {
      this.#use(loaded.tables)
      stale = loaded.stale
    } else if (loaded.reason !== null) {
      this.#report({ kind: 'snapshotUnusable', reason: loaded.reason })
      const { feeds } = this.tables
      for (const idBytes of loaded.missing) feeds.remove(feeds.add(idBytes), MISSING)
    }
    yield
    const { droppedCount, count } = this.tables.messages
    // Tables that are saved must not tell of more than is on the disk.
    yield* recoverFeeds(this.#recovering(this.#progress), stale, (log, bytes) => {
      this.#appender.syncs.markDirty(log, bytes)
    })
    this.#options.changed?.()
    const isSaved = stale.length === 0 && count > 0
    const isSame = this.tables.messages.droppedCount === droppedCount
    if (isSaved && isSame && this.tables.messages.count === count) {
      this.#savedChangeCount = this.#changeCount
    }
  }

  #use(tables: ShardTables): void {
    this.tables = tables
    this.reader.use(tables)
    this.#damagedFrom.clear()
    this.#changed()
  }

  /** False where the message can be read, or nothing can. */
  #setHeadBefore(feed: number, from: Sequence): boolean {
    const { feeds } = this.tables
    const row = this.rowAt(feed, from)
    if (from > this.headSequence(feed) || row === -1 || !this.reader.isDamaged(row)) return false
    let sequence = from - 1
    while (sequence > 0 && this.reader.isDamaged(this.rowAt(feed, sequence))) sequence -= 1
    const head = sequence === 0 ? NONE : this.rowAt(feed, sequence)
    try {
      const key = head === NONE ? new Uint8Array(ID_BYTES) : frameKey(this.reader.frame(head))
      feeds.setHead(feed, sequence, head, key)
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_FAILED') return false
      throw error
    }
    this.#headMoved()
    return true
  }

  #headMoved(): void {
    this.#movedHeadCount += 1
    this.#changed()
  }

  #recovering(progress: Recovering['progress']): Recovering {
    const { ports, root, shard, belongsHere } = this.#options
    return {
      tellsForeignNames: shard === 0,
      fs: ports.fs,
      root,
      tables: this.tables,
      logs: this.#logs,
      records: this.#keeper,
      reader: this.reader,
      progress,
      belongsHere,
      report: (trouble) => this.#report(trouble),
    }
  }

  /** The log of a feed, which may have gone away and come back. */
  #writable(feed: number): Log {
    this.assertFeed(feed)
    this.#assertReady()
    const { feeds } = this.tables
    if (feeds.has(feed, GONE)) feeds.add(feeds.id(feed))
    feeds.set(feed, MISSING, false)
    return this.#logs.get(this.tables, feed)
  }

  async #checkpoint(): Promise<void> {
    if (this.#work !== null) {
      throw new StoreError('STORE_NOT_READY', 'the store is opening', {})
    }
    const changeCount = this.#changeCount
    if (changeCount === this.#savedChangeCount) return
    const { fs, turns } = this.#options.ports
    const { root, shard, shards } = this.#options
    const pause = () => new Promise<void>((resolve) => turns.soon(resolve))
    const flush = () => this.#appender.flush()
    await saveState(fs, this.#snapshotPath, this.tables, flush, pause)
    this.#savedChangeCount = changeCount
    if (shard === 0) removeForeignSnapshots(fs, root, shards)
  }

  /** Derived state can be made again from the logs: closing does not fail for it. */
  async #checkpointLast(): Promise<void> {
    try {
      await this.checkpoint()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#report({ kind: 'snapshotFailed', reason: systemCode(error.cause) || error.code })
    }
  }

  #noteDamage(row: number): void {
    // What is answered now lacks the message, and may have it again a moment later.
    this.#options.changed?.()
    const { feeds, messages } = this.tables
    const feed = messages.feed[row] as number
    // Of a feed set aside it is told already, and its log may be whole again at the next start.
    if (feeds.has(feed, QUARANTINED)) return
    const sequence = messages.sequence[row] as number
    const isLowest = sequence < (this.#damagedFrom.get(feed) ?? this.headSequence(feed) + 1)
    if (isLowest) {
      this.#damagedFrom.set(feed, sequence)
      this.#options.foundDamaged?.(this.tables.feedId(feed))
    }
    if (feeds.has(feed, DAMAGED)) return
    feeds.set(feed, DAMAGED, true)
    this.#changed()
    this.#report({
      kind: 'damagedFrame',
      feed: this.tables.feedId(feed),
      sequence,
    })
  }

  #changed(): void {
    this.#changeCount += 1
    this.#options.changed?.()
  }

  #report(trouble: StoreTrouble): void {
    this.#troubles[trouble.kind] = (this.#troubles[trouble.kind] ?? 0) + 1
    this.#options.report?.(trouble)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'the store is closed', {})
  }

  #assertReady(): void {
    this.#assertOpen()
    if (this.#work === null) return
    throw new StoreError('STORE_NOT_READY', 'the store is opening', {})
  }

  #assertIdle(log: Log | undefined): void {
    if (log?.isBusy !== true) return
    throw new StoreError('STORE_BUSY', 'a durable append or sealing of this feed is under way', {
      feed: this.tables.feedId(log.feed),
    })
  }
}

/** The feed whose folder this is; null for another folder. */
function feedIn(folder: string): FeedId | null {
  const names = folder.split('/')
  const idBytes = feedIdOfFolder(names.at(-2) ?? '', names.at(-1) ?? '')
  return idBytes === null ? null : feedIdFromBytes(idBytes)
}
