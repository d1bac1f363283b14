import type { Clock, FileSystem, Logger, Router, Timers } from '@dunbar/actor'
import { type BlobId, type FeedId, isCodedError } from '@dunbar/core'
import { FeedClient, type ShardClient } from '@dunbar/feed'
import type { Method, MethodCall, RpcConnection, SecurePeer } from '@dunbar/wire'
import { ArchiveIndex } from './archive-index.js'
import type { ArchivePorts } from './archive-ports.js'
import { archiveMethods } from './archive-serving.js'
import { optionsOf } from './arguments.js'
import { Blocking } from './blocking.js'
import { CatchUp } from './catch-up.js'
import { ClockFollower } from './clock-follower.js'
import { Conduct, type Offence } from './conduct.js'
import { EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import { EbtSession } from './ebt-session.js'
import { ReplicationError, type ReplicationErrorCode } from './error.js'
import { FeedTable } from './feed-table.js'
import { historyMethod } from './history-serving.js'
import { HistorySession, isMissing } from './history-session.js'
import { codeOf, Intake, type IntakeHost } from './intake.js'
import { REPLICATION_LIMITS, type ReplicationLimits } from './limits.js'
import { localMethods } from './local-methods.js'
import { MAX_NOTE_SEQUENCE } from './notes.js'
import { OwnFeedWords } from './own-feed-words.js'
import { PeerClocks } from './peer-clocks.js'
import type { PeerEntry } from './peer-entry.js'
import type { ReplicationSet, ReplicationSetChange } from './replication-set.js'
import type { BehindFeed, ReplicationStatus } from './status.js'
import { behindOf, statusOf } from './status-report.js'

/** What a replicator is built on. */
export interface ReplicatorOptions {
  readonly id: FeedId
  readonly router: Router
  readonly shards: readonly ShardClient[]
  readonly set: ReplicationSet
  readonly files: FileSystem
  /** Where the clocks of peers are kept; made where it is missing. May be deleted at any time. */
  readonly folder: string
  readonly timers: Timers
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<ReplicationLimits>
  /** Archives are served, and fetched, where this is given. */
  readonly archives?: ArchivePorts
  /** False where they are only served. Default true. */
  readonly fetchesArchives?: boolean
}

/** Replicates feeds with all connected peers. */
export interface Replicator {
  /** Resolves when it is known how far all feeds are held; no peer may be added before. */
  readonly ready: Promise<void>
  /** What peers may call: `ebt.replicate`, `ebt.replicateFormat`, `ebt.clock`, `createHistoryStream`, and `archive.*`. */
  readonly peerMethods: readonly Method[]
  /** For local clients: `ebt.peerStatus`, `ebt.clock`, `ebt.request`, `ebt.block`, `replicate.*`. */
  readonly localMethods: readonly Method[]
  /** Begins to replicate with a peer; ends with its connection. Never throws. */
  addPeer(peer: SecurePeer): void
  status(): ReplicationStatus
  /** Replicated feeds of which this peer has more, and is not shut out from sending them. */
  behind(id: FeedId): readonly BehindFeed[]
  /**
   * Whether there is nothing to be done with a peer: the own feed blocks it. While that feed is being
   * recovered its blocks are past ones and keep nobody out, so that who is blocked can give it back;
   * such a peer gets nothing.
   */
  isShutOut(id: FeedId): boolean
  /** Calls `listener` for a peer that is shut out from here on; the returned function takes that back. */
  onShutOut(listener: (id: FeedId) => void): () => void
  /** Looks at the publish lock of the own feed, which somebody else has opened or closed. */
  lookAtOwnFeed(): Promise<void>
  /**
   * A blob of a feed's archive, its bytes checked, from a connected peer; null where none gives it, or
   * archives are not fetched. Never rejects.
   * @param sizeBytes what it must have; null where that is not known, for 5 MiB at most
   */
  fetchArchiveBlob(
    feed: FeedId,
    id: BlobId,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<Uint8Array | null>
  /** Calls `listener` when a peer was let go for what it sent; the returned function takes that back. */
  onLetGo(listener: (id: FeedId) => void): () => void
  /** Calls `listener` when the status has changed, some times a second at most; the returned function takes that back. */
  onProgress(listener: () => void): () => void
  /** Ends all sessions and keeps what peers are known to have. */
  close(): Promise<void>
}

/** Between two words to those who watch. */
const PROGRESS_MS = 250
/** Between messages of the own feed and a look at its lock: who publishes a lot is asked once. */
const LOOK_MS = 1_000

/** Resolves when it is known how far all feeds are held. */
export async function createReplicator(options: ReplicatorOptions): Promise<Replicator> {
  const replicator = startReplicator(options)
  await replicator.ready
  return replicator
}

/** As `createReplicator`, without waiting for that. */
export function startReplicator(options: ReplicatorOptions): Replicator {
  return new NodeReplicator(options)
}

class NodeReplicator implements Replicator {
  readonly peerMethods: readonly Method[]
  readonly localMethods: readonly Method[]
  readonly ready: Promise<void>
  readonly #options: ReplicatorOptions
  readonly #limits: ReplicationLimits
  readonly #engine: EbtEngine
  readonly #clocks: PeerClocks
  readonly #followers: readonly ClockFollower[]
  readonly #intakeHost: IntakeHost
  readonly #entries = new Map<RpcConnection, PeerEntry>()
  readonly #sessions = new Map<EbtPeer, EbtSession>()
  readonly #listeners = new Set<() => void>()
  readonly #letGoListeners = new Set<(id: FeedId) => void>()
  readonly #letGo: Partial<Record<Offence, number>> = {}
  readonly #refusedCalls: Partial<Record<ReplicationErrorCode, number>> = {}
  readonly #shutOutListeners = new Set<(id: FeedId) => void>()
  readonly #blocking: Blocking
  readonly #ownFeed: OwnFeedWords
  readonly #archiveIndex: ArchiveIndex | null
  readonly #catchUp: CatchUp | null
  readonly #leaveSet: () => void
  /** Whether the own feed may lack messages, as far as is known here. */
  #isLocked = true
  #cancelLook: (() => void) | null = null
  #cancelTick: (() => void) | null = null
  #cancelProgress: (() => void) | null = null
  #isClosed = false

  constructor(options: ReplicatorOptions) {
    this.#options = options
    const { shards, set, files, folder, logger, clock } = options
    const limits = { ...REPLICATION_LIMITS, ...options.limits }
    this.#limits = limits
    const blocking = new Blocking(options.id, set)
    this.#blocking = blocking
    this.#engine = new EbtEngine(new FeedTable(), {
      isBlocked: (source, dest) => blocking.isApart(source, dest),
      isGivenNothing: (dest) => blocking.isGivenNothing(dest),
      onReady: (peer) => this.#sessions.get(peer)?.wake(),
      stallMs: limits.stallMs,
      strangerFeeds: limits.strangerFeeds,
      sentNotes: limits.sentNotes,
    })
    this.#clocks = new PeerClocks({
      files,
      folder,
      maxPeers: limits.clockPeers,
      maxBytes: limits.clockBytes,
      isFriend: (peer) => set.has(peer),
      logger,
      now: () => clock.now(),
    })
    this.#intakeHost = {
      engine: this.#engine,
      shards,
      credits: shards.map(() => ({ bytes: 0 })),
      limits,
      now: this.#now,
    }
    for (const id of set.feeds()) this.#engine.want(id, true, this.#now())
    this.#ownFeed = new OwnFeedWords({
      held: () => this.#ownHeld,
      isReplicated: (peer) => set.has(peer),
      isBlocked: (peer) => blocking.isGivenNothing(peer),
      hasFriends: () => this.#engine.feeds.wantedCount > (set.has(options.id) ? 1 : 0),
      confirm: (sequence) => void this.#toOwnFeed((feed) => feed.confirm(sequence)),
      after: this.#after,
      quietMs: limits.ownFeedQuietMs,
      maxPeers: limits.ownFeedPeers,
    })
    this.#leaveSet = set.onChange((change) => this.#onSetChange(change))
    this.#followers = shards.map(
      (shard) =>
        new ClockFollower({
          shard,
          after: this.#after,
          onHeld: (id, sequence, passable) => this.#onHeld(id, sequence, passable),
          onBroken: (error) => this.#log('warn', 'a clock is followed anew', error),
        }),
    )
    const isKnown = [this.lookAtOwnFeed(), ...this.#followers.map(({ synced }) => synced)]
    this.ready = Promise.all([this.#clocks.open(), ...isKnown]).then(() => undefined)
    const { archives } = options
    this.#archiveIndex = archives === undefined ? null : this.#followArchives()
    const isFetching = archives !== undefined && options.fetchesArchives !== false
    this.#catchUp = isFetching ? this.#catchUpWith(archives) : null
    this.peerMethods = this.#methodsForPeers().map((method) => this.#counted(method))
    this.localMethods = localMethods({
      id: options.id,
      engine: this.#engine,
      set,
      onProgress: (listener) => this.onProgress(listener),
      block: (source, dest, isBlocked) => this.#block(source, dest, isBlocked),
    })
  }

  addPeer(peer: SecurePeer): void {
    const { connection, remoteId } = peer
    if (this.#isClosed || this.#entries.has(connection)) return
    const { historyStreams, strangerHistoryStreams } = this.#limits
    const { set } = this.#options
    const conduct = new Conduct({
      limits: this.#limits,
      now: this.#now,
      onOffence: (offence) => this.#letGoOf(entry, offence),
    })
    const entry: PeerEntry = {
      peer,
      connection,
      archives: { id: remoteId, connection, useless: () => conduct.useless() },
      reader: {
        id: remoteId,
        maxStreams: set.has(remoteId) ? historyStreams : strangerHistoryStreams,
        streamCount: 0,
        onAsked: (feed, from) => this.#onHistoryAsked(entry, feed, from),
      },
      ebt: null,
      history: null,
      conduct,
      claim: null,
      isClaiming: false,
      cancelPatience: () => {},
    }
    this.#entries.set(connection, entry)
    this.#tickLater()
    void connection.closed.then(() => this.#leave(entry))
    if (!this.#blocking.isGivenNothing(remoteId)) {
      this.#catchUp?.addPeer(entry.archives, this.#notHeld())
    }
    if (peer.isDialler) {
      void this.#callEbt(entry)
    } else {
      const { ebtPatienceMs } = this.#limits
      entry.cancelPatience = this.#after(ebtPatienceMs, () => this.#beginHistory(entry))
    }
    this.#progressed()
  }

  status(): ReplicationStatus {
    const { clock } = this.#options
    const archives = this.#catchUp === null ? {} : { archives: this.#catchUp.status }
    const counts = { letGo: this.#letGo, refusedCalls: this.#refusedCalls, ...archives }
    return statusOf(this.#engine, this.#entries.values(), counts, clock.now() - clock.monotonic())
  }

  behind(id: FeedId): readonly BehindFeed[] {
    return behindOf(this.#engine, id)
  }

  onProgress(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  isShutOut(id: FeedId): boolean {
    return this.#blocking.isShutOut(id)
  }

  onShutOut(listener: (id: FeedId) => void): () => void {
    this.#shutOutListeners.add(listener)
    return () => this.#shutOutListeners.delete(listener)
  }

  lookAtOwnFeed(): Promise<void> {
    return this.#toOwnFeed(async () => undefined)
  }

  async fetchArchiveBlob(
    feed: FeedId,
    id: BlobId,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<Uint8Array | null> {
    return (await this.#catchUp?.fetchBlob(feed, id, sizeBytes, signal)) ?? null
  }

  onLetGo(listener: (id: FeedId) => void): () => void {
    this.#letGoListeners.add(listener)
    return () => this.#letGoListeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#leaveSet()
    this.#cancelTick?.()
    this.#cancelLook?.()
    this.#cancelProgress?.()
    this.#ownFeed.close()
    this.#archiveIndex?.close()
    this.#catchUp?.close()
    for (const follower of this.#followers) follower.close()
    for (const entry of [...this.#entries.values()]) this.#leave(entry)
    this.#listeners.clear()
    this.#letGoListeners.clear()
    this.#shutOutListeners.clear()
    await this.ready
    await this.#clocks.close()
  }

  // --- what peers call ---

  #methodsForPeers(): Method[] {
    const replicate = (name: string): Method => ({
      name,
      type: 'duplex',
      rawInput: true,
      itemBytes: this.#limits.itemBytes,
      handler: (args, call) => this.#answerEbt(args, call),
    })
    return [
      replicate('ebt.replicate'),
      replicate('ebt.replicateFormat'),
      {
        name: 'ebt.clock',
        type: 'async',
        handler: (args, { connection }) => this.#clockFor(args, this.#entryOf(connection)),
      },
      historyMethod({
        readerOf: (connection) => this.#entryOf(connection).reader,
        isKnown: (feed) => this.#engine.feeds.numberOf(feed) !== -1,
        isHidden: (feed, reader) => this.#blocking.isHidden(feed, reader),
        feedOf: this.#feedOf,
        pause: this.#pause,
      }),
      ...this.#archiveMethods(),
    ]
  }

  #archiveMethods(): Method[] {
    const { archives } = this.#options
    const index = this.#archiveIndex
    if (archives === undefined || index === null) return []
    const { feeds } = this.#engine
    return archiveMethods({
      archives,
      index,
      readerOf: (connection) => this.#entryOf(connection).reader,
      mayAsk: (connection) => this.#entryOf(connection).conduct.mayAskForArchives(),
      isHidden: (feed, reader) => this.#blocking.isHidden(feed, reader),
      passable: (id) => feeds.passable[feeds.numberOf(id)] ?? 0,
      isTrusted: (id, message) => this.#isTrusted(id, message),
      now: () => this.#options.clock.monotonic(),
    })
  }

  async #isTrusted(id: FeedId, message: Uint8Array): Promise<boolean> {
    if (id === this.#options.id) return true
    try {
      await this.#feedOf(id).readArchive(new Uint8Array(message).buffer)
      return true
    } catch (error) {
      if (isCodedError(error)) return false
      throw error
    }
  }

  /** The same method, whose refusals are counted. */
  #counted(method: Method): Method {
    return {
      ...method,
      handler: (args, call) => {
        try {
          return method.handler(args, call)
        } catch (error) {
          if (error instanceof ReplicationError) countUp(this.#refusedCalls, error.code)
          throw error
        }
      },
    }
  }

  #answerEbt(args: readonly unknown[], { connection, batches }: MethodCall): unknown {
    const entry = this.#entryOf(connection)
    const options = optionsOf('ebt.replicate', args[0])
    if (options.version !== 3) {
      throw new ReplicationError('EBT_VERSION', 'expected ebt.replicate({version: 3})')
    }
    assertFormat(options.format)
    if (!entry.conduct.mayBegin()) throw tooOften('sessions', this.#limits.begunSessions)
    const session = this.#openSession(entry, true)
    session.read(batches).catch((error: unknown) => {
      this.#log('debug', 'a peer ended a session', error)
    })
    return session.output
  }

  /** All that may be passed on and is not hidden from the peer. */
  #clockFor(args: readonly unknown[], { peer, conduct }: PeerEntry): Record<string, number> {
    assertFormat(optionsOf('ebt.clock', args[0]).format)
    if (!conduct.mayAskForClock()) throw tooOften('clocks', this.#limits.askedClocks)
    const { feeds } = this.#engine
    const clock: Record<string, number> = {}
    for (let feed = 0; feed < feeds.size; feed++) {
      const id = feeds.idOf(feed)
      const passable = feeds.passable[feed]!
      if (passable > 0 && !this.#blocking.isHidden(id, peer.remoteId)) clock[id] = passable
    }
    return clock
  }

  /** A local client's word, until the node ends. */
  #block(source: FeedId, dest: FeedId, isBlocked: boolean): void {
    this.#blocking.ask(source, dest, isBlocked)
    this.#engine.block(source, dest, this.#blocking.isApart(source, dest), this.#now())
    if (source === this.#options.id && isBlocked) this.#endWith(dest)
  }

  #onBlock(source: FeedId, dest: FeedId): void {
    if (source === this.#options.id) this.#onOwnBlock(dest)
    else this.#engine.block(source, dest, this.#blocking.isApart(source, dest), this.#now())
  }

  /** The own feed blocks a peer, or does no longer. */
  #onOwnBlock(id: FeedId): void {
    if (this.#blocking.isShutOut(id)) {
      this.#shutOut(id)
      return
    }
    this.#engine.reconsider(id, this.#now())
    for (const { peer, archives, history } of this.#entries.values()) {
      if (peer.remoteId !== id) continue
      this.#catchUp?.removePeer(archives)
      if (this.#blocking.isGivenNothing(id)) continue
      this.#catchUp?.addPeer(archives, this.#notHeld())
      history?.start()
    }
  }

  #endWith(id: FeedId): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.peer.remoteId === id) this.#leave(entry)
    }
  }

  #shutOut(id: FeedId): void {
    this.#engine.block(this.#options.id, id, true, this.#now())
    this.#endWith(id)
    for (const listener of [...this.#shutOutListeners]) listener(id)
  }

  /** @throws {NOT_A_PEER} */
  #entryOf(connection: RpcConnection): PeerEntry {
    const entry = this.#entries.get(connection)
    if (entry !== undefined) return entry
    throw new ReplicationError('NOT_A_PEER', 'this is for peers that are replicated with')
  }

  // --- sessions ---

  async #callEbt(entry: PeerEntry): Promise<void> {
    const session = this.#openSession(entry, false)
    let failure: unknown = null
    try {
      const { itemBytes } = this.#limits
      const args = [{ version: 3, format: 'classic' }]
      await session.read(
        entry.connection.rawDuplex('ebt.replicate', args, session.output, { itemBytes }),
      )
    } catch (error) {
      failure = error
    }
    session.end()
    if (session.hasSpoken || !this.#entries.has(entry.connection)) return
    this.#log('info', 'a peer speaks no EBT', failure)
    if (isMissing(failure)) this.#beginHistory(entry)
    else
      entry.cancelPatience = this.#after(this.#limits.ebtPatienceMs, () =>
        this.#beginHistory(entry),
      )
  }

  #openSession(entry: PeerEntry, isServer: boolean): EbtSession {
    const { remoteId } = entry.peer
    entry.ebt?.supersede()
    const others = [...this.#entries.values()].filter(
      ({ peer, ebt }) => peer.remoteId === remoteId && ebt !== null,
    )
    // Entries are in the order of their connections: the oldest ends.
    const tooMany = Math.max(0, others.length + 1 - this.#limits.peerSessions)
    for (const { ebt } of others.slice(0, tooMany)) ebt?.supersede()
    // Who is asked of the own feed answers, and both might believe that there is nothing to say.
    const stored = this.#clocks
      .take(remoteId)
      .filter(([id]) => !this.#isLocked || id !== this.#options.id)
    const peer = this.#engine.connect(remoteId, isServer, stored, this.#now())
    const session: EbtSession = new EbtSession({
      engine: this.#engine,
      peer,
      intake: this.#intakeFor(entry, peer),
      ownId: this.#options.id,
      limits: this.#limits,
      feedOf: this.#feedOf,
      now: this.#now,
      after: this.#after,
      onOwnFeed: (sequence) => this.#onOwnFeed(entry, sequence),
      onSpoken: () => {
        entry.cancelPatience()
        this.#endHistory(entry)
      },
      onEnd: () => this.#endSession(entry, session),
    })
    entry.ebt = session
    this.#sessions.set(peer, session)
    return session
  }

  #endSession(entry: PeerEntry, session: EbtSession): void {
    const { peer } = session
    if (!this.#sessions.delete(peer)) return
    if (entry.ebt === session) entry.ebt = null
    // What a session that goes on will have learned by its end is newer.
    if (!this.#isKnownElsewhere(peer)) this.#clocks.save(peer.id, this.#engine.clockOf(peer))
    this.#engine.disconnect(peer, this.#now())
    this.#progressed()
  }

  #isKnownElsewhere({ id }: EbtPeer): boolean {
    return [...this.#sessions.keys()].some((other) => other.id === id)
  }

  #intakeFor({ conduct }: PeerEntry, peer: EbtPeer): Intake {
    return new Intake(this.#intakeHost, peer, conduct, () => this.#progressed())
  }

  #letGoOf(entry: PeerEntry, offence: Offence): void {
    if (!this.#entries.has(entry.connection)) return
    countUp(this.#letGo, offence)
    this.#log('warn', 'a peer was let go', null, { peer: entry.peer.remoteId, offence })
    for (const listener of this.#letGoListeners) listener(entry.peer.remoteId)
    this.#leave(entry)
    void entry.connection.close()
  }

  #leave(entry: PeerEntry): void {
    if (!this.#entries.delete(entry.connection)) return
    this.#catchUp?.removePeer(entry.archives)
    entry.cancelPatience()
    entry.ebt?.end()
    this.#endHistory(entry)
    if (this.#entries.size === 0) {
      this.#cancelTick?.()
      this.#cancelTick = null
    }
    this.#progressed()
  }

  // --- archives ---

  #followArchives(): ArchiveIndex {
    return new ArchiveIndex({
      shards: this.#options.shards,
      after: this.#after,
      onBroken: (error) => this.#log('warn', 'archives are followed anew', error),
    })
  }

  #catchUpWith(archives: ArchivePorts): CatchUp {
    const { feeds } = this.#engine
    return new CatchUp({
      archives,
      defer: (id) => this.#engine.defer(id),
      release: (id) => {
        this.#engine.release(id, this.#now())
        this.#progressed()
      },
      look: (id) => this.#look(id),
      isWanted: (id) => feeds.isWanted[feeds.numberOf(id)] === 1,
      feedOf: this.#feedOf,
      after: this.#after,
      onRefused: (code, feed) =>
        this.#log('info', 'an archive came to nothing', null, { feed, code }),
    })
  }

  /** Feeds that are wanted and not held, or in part, by an archive that broke off. */
  #notHeld(): FeedId[] {
    const { feeds } = this.#engine
    const ids: FeedId[] = []
    for (let feed = 0; feed < feeds.size; feed++) {
      const id = feeds.idOf(feed)
      if (feeds.isWanted[feed] !== 1 || id === this.#options.id) continue
      if (feeds.held[feed] === 0 || feeds.passable[feed]! < feeds.held[feed]!) ids.push(id)
    }
    return ids
  }

  // --- peers that speak no EBT ---

  #onHistoryAsked(entry: PeerEntry, feed: FeedId, from: number): void {
    if (feed === this.#options.id && from > 1) {
      this.#onOwnFeed(entry, Math.min(from - 1, MAX_NOTE_SEQUENCE))
    }
    // Who dials and knows EBT begins with it; who asks for history instead waits to be asked itself.
    if (entry.ebt === null && !entry.peer.isDialler) this.#beginHistory(entry)
  }

  #beginHistory(entry: PeerEntry): void {
    entry.cancelPatience()
    const isSpoken = entry.ebt?.hasSpoken === true
    if (isSpoken || entry.history !== null || !this.#entries.has(entry.connection)) return
    const { remoteId } = entry.peer
    const peer = this.#engine.connect(remoteId, false, [], this.#now())
    entry.history = new HistorySession({
      connection: entry.connection,
      engine: this.#engine,
      peer,
      intake: this.#intakeFor(entry, peer),
      limits: this.#limits,
      isBlocked: (feed) => this.#blocking.isApart(feed, remoteId),
      after: this.#after,
    })
    entry.history.start()
    this.#progressed()
  }

  #endHistory(entry: PeerEntry): void {
    const { history } = entry
    if (history === null) return
    entry.history = null
    history.end()
    this.#engine.disconnect(history.peer, this.#now())
  }

  // --- what happens ---

  /** Without waiting for the clock of its shard, which tells of many messages now and then. */
  async #look(id: FeedId): Promise<void> {
    try {
      const { sequence, uncheckedFrom = Infinity } = await this.#feedOf(id).status()
      this.#onHeld(id, sequence, Math.min(sequence, uncheckedFrom - 1))
    } catch (error) {
      if (!this.#isClosed) this.#log('debug', 'a feed was not looked at', error)
    }
  }

  #onHeld(id: FeedId, sequence: number, passable: number): void {
    this.#engine.setHeld(id, sequence, this.#now(), passable)
    if (id === this.#options.id) {
      this.#ownFeed.review()
      this.#lookLater()
    }
    this.#progressed()
  }

  #onSetChange({ added, removed, blocks }: ReplicationSetChange): void {
    const nowMs = this.#now()
    const { feeds } = this.#engine
    this.#catchUp?.want(added.filter((id) => (feeds.held[feeds.numberOf(id)] ?? 0) === 0))
    for (const id of added) this.#engine.want(id, true, nowMs)
    for (const id of removed) {
      this.#engine.want(id, false, nowMs)
      const feed = this.#engine.feeds.numberOf(id)
      for (const { history } of this.#entries.values()) history?.leave(feed)
    }
    for (const { source, dest } of blocks) this.#onBlock(source, dest)
    this.#ownFeed.review()
    if (added.length > 0) for (const { history } of this.#entries.values()) history?.start()
    this.#progressed()
  }

  // --- the own feed ---

  get #ownHeld(): number {
    const { feeds } = this.#engine
    const own = feeds.numberOf(this.#options.id)
    return own === -1 ? 0 : feeds.held[own]!
  }

  /** A peer knows the own feed up to here. */
  #onOwnFeed(entry: PeerEntry, sequence: number): void {
    void this.#claim(entry, sequence)
    this.#ownFeed.hear(entry.peer.remoteId, sequence)
  }

  /** One word of a peer about the own feed at a time; of those that come meanwhile the last one counts. */
  async #claim(entry: PeerEntry, sequence: number): Promise<void> {
    entry.claim = sequence
    if (entry.isClaiming) return
    entry.isClaiming = true
    const isStranger = !this.#options.set.has(entry.peer.remoteId)
    for (let claim: number | null = sequence; claim !== null; claim = entry.claim) {
      entry.claim = null
      const word = claim
      await this.#toOwnFeed((feed) => feed.claim(word, isStranger))
    }
    entry.isClaiming = false
  }

  /** Tells the own feed something, and learns whether its lock is open. */
  async #toOwnFeed(tell: (feed: FeedClient) => Promise<unknown>): Promise<void> {
    const feed = this.#feedOf(this.#options.id)
    try {
      await tell(feed)
      const { publish, forked } = await feed.status()
      this.#isLocked = publish?.state === 'recovering'
      // A fork keeps the lock closed for ever, and nothing that is missing would open it.
      this.#setRecovering(this.#isLocked && !forked)
    } catch (error) {
      this.#log('warn', 'the own feed gave no answer', error)
    }
  }

  #setRecovering(isRecovering: boolean): void {
    if (this.#blocking.isRecovering === isRecovering) return
    this.#blocking.isRecovering = isRecovering
    if (isRecovering) return
    const ids = new Set([...this.#entries.values()].map(({ peer }) => peer.remoteId))
    for (const id of ids) if (this.#blocking.isShutOut(id)) this.#shutOut(id)
  }

  /** More or less of the own feed is held: the lock may be another. */
  #lookLater(): void {
    if (this.#isClosed) return
    this.#cancelLook ??= this.#after(LOOK_MS, () => {
      this.#cancelLook = null
      void this.lookAtOwnFeed()
    })
  }

  #tickLater(): void {
    this.#cancelTick ??= this.#after(this.#limits.tickMs, () => {
      this.#cancelTick = null
      this.#engine.tick(this.#now())
      if (this.#entries.size > 0) this.#tickLater()
    })
  }

  #progressed(): void {
    if (this.#listeners.size === 0 || this.#cancelProgress !== null || this.#isClosed) return
    this.#cancelProgress = this.#after(PROGRESS_MS, () => {
      this.#cancelProgress = null
      for (const listener of [...this.#listeners]) listener()
    })
  }

  readonly #now = (): number => this.#options.clock.monotonic()

  readonly #after = (delayMs: number, run: () => void): (() => void) =>
    this.#options.timers.set(delayMs, run)

  readonly #pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const cancel = this.#after(delayMs, resolve)
      signal.addEventListener(
        'abort',
        () => {
          cancel()
          resolve()
        },
        { once: true },
      )
    })

  readonly #feedOf = (id: FeedId): FeedClient => new FeedClient(this.#options.router, id)

  #log(
    level: 'debug' | 'info' | 'warn',
    text: string,
    error: unknown,
    data: Readonly<Record<string, unknown>> = {},
  ): void {
    const code = error === null ? {} : { code: codeOf(error) }
    this.#options.logger.log(level, 'replicate', text, { ...data, ...code })
  }
}

/** Formats that are replicated; each has an engine of its own. @throws {EBT_FORMAT} */
function assertFormat(format: unknown): void {
  if (format === undefined || format === null || format === 'classic') return
  throw new ReplicationError('EBT_FORMAT', `Unknown format: ${String(format).slice(0, 64)}`)
}

const tooOften = (what: string, maxPerMinute: number) =>
  new ReplicationError('TOO_OFTEN', `${what} were asked for too often, wait a minute`, {
    maxPerMinute,
  })

function countUp<Name extends string>(counts: Partial<Record<Name, number>>, name: Name): void {
  counts[name] = (counts[name] ?? 0) + 1
}
