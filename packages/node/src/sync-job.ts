import { feedOf, type Services } from '@dunbar/api'
import type { Conn } from '@dunbar/conn'
import { CodedError, type FeedId, feedIdFromBytes, isCodedError, isFeedId } from '@dunbar/core'
import { RejectionTally, type ShardClient } from '@dunbar/feed'
import type { Graph } from '@dunbar/graph'
import type { BehindFeed, Replicator } from '@dunbar/replicate'
import type { Method, SecurePeer } from '@dunbar/wire'
import { fetchHistory, type HeldUpTo } from './history-fetch.js'

/** What the exchange with one peer is made with. */
export interface SyncParts {
  readonly services: Services
  readonly graph: Graph
  readonly replicator: Replicator
  readonly conn: Conn
}

/** `node.sync` and `node.unlock`. */
export function syncMethods(parts: SyncParts): Method[] {
  return [
    {
      name: 'node.sync',
      type: 'source',
      handler: (args, { signal }) => syncFrom(parts, args[0], signal),
    },
    {
      name: 'node.unlock',
      type: 'async',
      handler: async () => {
        const { held } = await feedOf(parts.services, parts.services.id).unlock()
        await parts.replicator.lookAtOwnFeed()
        return { sequence: held }
      },
    },
  ]
}

/** Looks at which nothing was missing, one after the other, before it counts as all. */
const QUIET_LOOKS = 3

/**
 * Fetches from one peer what it has of the replicated feeds, and of its own, and tells how far it is:
 * `{event: 'feed', id, sequence}` for each feed that is through, `{event: 'progress', …}` as it goes
 * on, `{event: 'done', …}` at the end, when all that came is on the disk.
 */
async function* syncFrom(
  parts: SyncParts,
  given: unknown,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const { conn, replicator, graph, services } = parts
  const { from, all } = optionsOf(given)
  const startedAt = performance.now()
  const leaving = new AbortController()
  const rejections = new RejectionTally()
  let takeBack = () => {}
  const arrivals = new Arrivals(services.shards, AbortSignal.any([signal, leaving.signal]))
  try {
    await arrivals.ready
    const peer = await conn.connect(from)
    const claimed = all ? await clockOf(peer, graph) : new Map<FeedId, number>()
    takeBack = request(graph, [peer.remoteId, ...claimed.keys()])
    const looks = new Looks(replicator, peer, signal)
    let rest: 'to come' | 'coming' | 'here' = all ? 'to come' : 'here'
    let failure: unknown = null
    try {
      for (let quietLooks = 0; quietLooks < QUIET_LOOKS || rest !== 'here'; ) {
        const { isOver, isAgreed, behind } = await looks.next()
        arrivals.assertFollowed()
        // Of a peer that has gone nothing is known, nor that it has no more.
        if (isOver) throw brokenOff()
        if (failure !== null) throw failure
        // What comes as history is behind until all that the peer claims is here; and while nothing
        // is agreed, or is any more, nothing is known of what it has.
        const waiting = rest === 'here' ? behind : [...behind, ...arrivals.missing(claimed)]
        const through = isAgreed ? arrivals.take(waiting) : []
        for (const feed of through) yield { event: 'feed', ...feed }
        yield { event: 'progress', ...arrivals.progress(behind) }
        const isQuiet = isAgreed && behind.length === 0 && through.length === 0
        quietLooks = isQuiet && rest !== 'coming' ? quietLooks + 1 : 0
        // However slow the way there is, the peer has seen by then what was asked of it.
        if (quietLooks === 1) await roundTrip(peer)
        if (quietLooks < QUIET_LOOKS || rest !== 'to come') continue
        rest = 'coming'
        quietLooks = 0
        const missing = arrivals.missing(claimed)
        fetchHistory(peer.connection, services.shards, missing, rejections, signal)
          .catch((error: unknown) => {
            const isOver = isCodedError(error) && error.code === 'CONNECTION_CLOSED'
            failure = isOver ? brokenOff() : error
          })
          .finally(() => {
            rest = 'here'
          })
      }
    } finally {
      looks.close()
    }
    await Promise.all(services.shards.map((shard) => shard.sync()))
    const { feeds, messages } = arrivals.progress([])
    const refused = replicator
      .status()
      .peers.filter(({ id }) => id === peer.remoteId)
      .flatMap((entry) => entry.refused)
      .concat(rejections.list())
    const seconds = Math.round(performance.now() - startedAt) / 1000
    yield { event: 'done', feeds, messages, refused, seconds }
  } finally {
    leaving.abort()
    takeBack()
  }
}

/** Has feeds replicated beside the graph, as many as there is room for; the returned function takes that back. */
function request({ replicationSet }: Graph, ids: readonly FeedId[]): () => void {
  const requested: FeedId[] = []
  for (const id of ids) {
    if (replicationSet.has(id)) continue
    try {
      replicationSet.request(id, true)
    } catch (error) {
      if (isCodedError(error) && error.code === 'TOO_MANY_REQUESTS') break
      throw error
    }
    requested.push(id)
  }
  return () => {
    for (const id of requested) replicationSet.request(id, false)
  }
}

const brokenOff = () =>
  new CodedError('SYNC_BROKEN_OFF', 'the connection ended before all had come', {})

/** Resolves when the peer has answered; what it answers does not matter. @throws {SYNC_BROKEN_OFF} */
async function roundTrip({ connection }: SecurePeer): Promise<void> {
  try {
    await connection.call('manifest', [])
  } catch (error) {
    if (!isCodedError(error) || error.code !== 'REMOTE_ERROR') throw brokenOff()
  }
}

function optionsOf(given: unknown): { from: string; all: boolean } {
  const { from, all } =
    typeof given === 'string'
      ? { from: given }
      : ((given ?? {}) as { from?: unknown; all?: unknown })
  if (typeof from !== 'string') {
    throw new CodedError('BAD_ARGUMENT', 'node.sync: from must be the address of a peer', {})
  }
  return { from, all: all === true }
}

/** A clock of 60,000 feeds. */
const MAX_CLOCK_BYTES = 4 * 2 ** 20

/** How far a peer says that it has each feed, replicated or not, without those that are blocked here. */
async function clockOf({ connection }: SecurePeer, graph: Graph): Promise<Map<FeedId, number>> {
  const answerBytes = MAX_CLOCK_BYTES
  const answer = await connection.call('ebt.clock', [{ format: 'classic' }], { answerBytes })
  const clock = new Map<FeedId, number>()
  for (const [id, sequence] of Object.entries(answer as object)) {
    const isClaim = isFeedId(id) && Number.isInteger(sequence) && sequence > 0
    if (isClaim && !graph.isBlocking(graph.id, id)) clock.set(id, sequence)
  }
  return clock
}

/** Messages that came since the exchange began, by feed. */
class Arrivals {
  /** Resolves when it is known what was held before. */
  readonly ready: Promise<unknown>
  readonly #heldBefore = new Map<FeedId, number>()
  readonly #held = new Map<FeedId, number>()
  /** Feeds that have grown since they were last told of. */
  readonly #grown = new Set<FeedId>()
  #failure: unknown = null

  constructor(shards: readonly ShardClient[], signal: AbortSignal) {
    this.ready = Promise.all(shards.map((shard) => this.#follow(shard, signal)))
  }

  /** @throws what the stream of a shard ended with, such as `INDEX_REBUILT` */
  assertFollowed(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** The feeds that have grown and do not wait for more. */
  take(waiting: readonly { readonly id: FeedId }[]): { id: FeedId; sequence: number }[] {
    const ids = new Set(waiting.map(({ id }) => id))
    const through = [...this.#grown].filter((id) => !ids.has(id))
    for (const id of through) this.#grown.delete(id)
    return through.map((id) => ({ id, sequence: this.#held.get(id)! }))
  }

  /** Feeds of which a clock has more, and up to where they are held. */
  missing(clock: ReadonlyMap<FeedId, number>): HeldUpTo[] {
    const held = (id: FeedId) => this.#held.get(id) ?? this.#heldBefore.get(id) ?? 0
    return [...clock.entries()]
      .filter(([id, sequence]) => sequence > held(id))
      .map(([id]) => ({ id, held: held(id) }))
  }

  progress(behind: readonly BehindFeed[]) {
    let messages = 0
    for (const [id, held] of this.#held) messages += held - (this.#heldBefore.get(id) ?? 0)
    const missing = behind.reduce((sum, { held, claimed }) => sum + claimed - held, 0)
    const totalFeeds = new Set([...this.#held.keys(), ...behind.map(({ id }) => id)]).size
    const feeds = totalFeeds - behind.length
    return { feeds, totalFeeds, messages, totalMessages: messages + missing }
  }

  /** Resolves when all that is held has been told; goes on afterwards. */
  async #follow(shard: ShardClient, signal: AbortSignal): Promise<void> {
    const chunks = shard.clock(true, { signal })
    for (;;) {
      const { done, value } = await chunks.next()
      if (done || 'sync' in value) break
      for (const { id, sequence } of entriesOf(value)) this.#heldBefore.set(id, sequence)
    }
    const onward = async () => {
      for await (const chunk of chunks) {
        if ('sync' in chunk) continue
        for (const { id, sequence } of entriesOf(chunk)) {
          this.#held.set(id, sequence)
          this.#grown.add(id)
        }
      }
    }
    onward().catch((error: unknown) => {
      this.#failure = error
    })
  }
}

function* entriesOf({ authors, sequences }: { authors: Uint8Array; sequences: Uint32Array }) {
  for (const [at, sequence] of sequences.entries()) {
    yield { id: feedIdFromBytes(authors.subarray(at * 32, at * 32 + 32)), sequence }
  }
}

interface Look {
  /** The connection is closed. */
  readonly isOver: boolean
  /** The peer has said what it has. */
  readonly isAgreed: boolean
  readonly behind: readonly BehindFeed[]
}

/** Between two looks where nothing is told. */
const LOOK_MS = 250

/** How replication with one peer stands, again and again. */
class Looks {
  readonly #replicator: Replicator
  readonly #peer: SecurePeer
  readonly #leave: () => void
  readonly #signal: AbortSignal
  #ring: () => void = () => {}
  #isOver = false

  constructor(replicator: Replicator, peer: SecurePeer, signal: AbortSignal) {
    this.#replicator = replicator
    this.#peer = peer
    this.#signal = signal
    this.#leave = replicator.onProgress(() => this.#ring())
    void peer.connection.closed.then(() => {
      this.#isOver = true
      this.#ring()
    })
  }

  async next(): Promise<Look> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS)
      this.#ring = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#isOver || this.#signal.aborted) this.#ring()
    })
    this.#signal.throwIfAborted()
    const { remoteId, address } = this.#peer
    const peers = this.#replicator.status().peers.filter(({ id }) => id === remoteId)
    return {
      isOver: this.#isOver && !peers.some((peer) => peer.address !== address),
      isAgreed: peers.some(({ mode }) => mode !== 'waiting'),
      behind: this.#replicator.behind(remoteId),
    }
  }

  close(): void {
    this.#leave()
  }
}
