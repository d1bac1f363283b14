import { feedOf, type Services } from '@dunbar/api'
import type { Conn } from '@dunbar/conn'
import { CodedError, type FeedId, isFeedId } from '@dunbar/core'
import type { Graph } from '@dunbar/graph'
import type { BehindFeed, Replicator } from '@dunbar/replicate'
import type { Method, SecurePeer } from '@dunbar/wire'

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
 * on, `{event: 'done', …}` at the end.
 */
async function* syncFrom(
  parts: SyncParts,
  given: unknown,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const { conn, replicator, graph } = parts
  const { from, all } = optionsOf(given)
  const startedAt = performance.now()
  const peer = await conn.connect(from)
  graph.replicationSet.request(peer.remoteId, true)
  if (all) for (const id of await feedsOf(peer)) graph.replicationSet.request(id, true)
  const tally = new SyncTally()
  const looks = new Looks(replicator, peer, signal)
  let quietLooks = 0
  try {
    while (quietLooks < QUIET_LOOKS) {
      const { isOver, isAgreed, behind } = await looks.next()
      const through = tally.look(behind)
      for (const feed of through) yield { event: 'feed', ...feed }
      yield { event: 'progress', ...tally.progress }
      if (isOver) {
        throw new CodedError('SYNC_BROKEN_OFF', 'the connection ended before all had come', {
          missing: tally.progress.totalMessages - tally.progress.messages,
        })
      }
      const isQuiet = isAgreed && behind.length === 0 && through.length === 0
      quietLooks = isQuiet ? quietLooks + 1 : 0
    }
  } finally {
    looks.close()
  }
  const { feeds, messages } = tally.progress
  const refused = replicator
    .status()
    .peers.filter(({ id }) => id === peer.remoteId)
    .flatMap((entry) => entry.refused)
  const seconds = Math.round(performance.now() - startedAt) / 1000
  yield { event: 'done', feeds, messages, refused, seconds }
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

/** All feeds that a peer says it has. */
async function feedsOf({ connection }: SecurePeer): Promise<FeedId[]> {
  const clock = await connection.call('ebt.clock', [{ format: 'classic' }])
  return Object.keys(clock as object).filter(isFeedId)
}

/** How far feeds have come since each was first seen to lack something. */
class SyncTally {
  readonly #feeds = new Map<FeedId, { readonly first: number; held: number; claimed: number }>()
  #behind = new Set<FeedId>()

  get progress() {
    let messages = 0
    let totalMessages = 0
    for (const { first, held, claimed } of this.#feeds.values()) {
      messages += held - first
      totalMessages += claimed - first
    }
    const totalFeeds = this.#feeds.size
    return { feeds: totalFeeds - this.#behind.size, totalFeeds, messages, totalMessages }
  }

  /** Takes in what is behind now; gives the feeds that are not any more. */
  look(behind: readonly BehindFeed[]): { id: FeedId; sequence: number }[] {
    const before = this.#behind
    this.#behind = new Set(behind.map(({ id }) => id))
    for (const { id, held, claimed } of behind) {
      const known = this.#feeds.get(id)
      if (known === undefined) this.#feeds.set(id, { first: held, held, claimed })
      else Object.assign(known, { held, claimed })
    }
    const through: { id: FeedId; sequence: number }[] = []
    for (const id of before) {
      if (this.#behind.has(id)) continue
      const feed = this.#feeds.get(id)!
      feed.held = feed.claimed
      through.push({ id, sequence: feed.claimed })
    }
    return through
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
