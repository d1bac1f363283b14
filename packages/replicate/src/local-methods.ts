import type { FeedId } from '@dunbar/core'
import type { Method } from '@dunbar/wire'
import { feedOf, flagOf, optionsOf } from './arguments.js'
import type { EbtEngine } from './ebt-engine.js'
import { ASKED, UNSAID, WANTS } from './ebt-peer.js'
import type { ReplicationSet } from './replication-set.js'

/** What local methods are built on. */
export interface LocalParts {
  readonly id: FeedId
  readonly engine: EbtEngine
  readonly set: ReplicationSet
  onProgress(listener: () => void): () => void
  block(source: FeedId, dest: FeedId, isBlocked: boolean): void
}

/** Methods for local clients, in the names and shapes of ssb-ebt and ssb-replicate. */
export function localMethods(parts: LocalParts): Method[] {
  const request = (name: string): Method => ({
    name,
    type: 'sync',
    handler(args) {
      parts.set.request(feedOf(name, args[0]), args[1] !== false)
      return null
    },
  })
  const block = (name: string): Method => ({
    name,
    type: 'sync',
    handler(args) {
      parts.block(feedOf(name, args[0]), feedOf(name, args[1]), args[2] !== false)
      return null
    },
  })
  return [
    {
      name: 'ebt.peerStatus',
      type: 'sync',
      handler: (args) => peerStatus(parts, feedOf('ebt.peerStatus', args[0] ?? parts.id)),
    },
    { name: 'ebt.clock', type: 'async', handler: () => clockOf(parts.engine) },
    request('ebt.request'),
    block('ebt.block'),
    request('replicate.request'),
    block('replicate.block'),
    {
      name: 'replicate.upto',
      type: 'source',
      handler: (args, { signal }) => upto(parts, args, signal),
    },
    {
      name: 'replicate.changes',
      type: 'source',
      handler: (_args, { signal }) => changes(parts, signal),
    },
  ]
}

/** What is held of each feed. */
function clockOf({ feeds }: EbtEngine): Record<string, number> {
  const clock: Record<string, number> = {}
  for (let feed = 0; feed < feeds.size; feed++) {
    if (feeds.held[feed]! > 0) clock[feeds.idOf(feed)] = feeds.held[feed]!
  }
  return clock
}

/** How a feed stands with each connected peer. */
function peerStatus({ engine }: LocalParts, id: FeedId) {
  const feed = engine.feeds.numberOf(id)
  const peers: Record<string, unknown> = {}
  for (const peer of engine.peers) {
    const seq = feed === -1 ? UNSAID : peer.theirs[feed]!
    if (seq === UNSAID && (feed === -1 || peer.isTold[feed] !== 1)) continue
    const replicating = {
      tx: peer.has(feed, WANTS),
      rx: peer.has(feed, ASKED),
      sent: peer.sent[feed],
      requested: engine.feeds.held[feed],
    }
    peers[peer.id] = seq === UNSAID ? { replicating } : { seq, replicating }
  }
  return { id, seq: feed === -1 ? 0 : engine.feeds.held[feed], peers }
}

/** `{id, sequence}` of each replicated feed; with `live`, `{sync: true}` and those that are added. */
async function* upto(parts: LocalParts, args: readonly unknown[], signal: AbortSignal) {
  const isLive = flagOf('replicate.upto', optionsOf('replicate.upto', args[0]), 'live', false)
  const { feeds } = parts.engine
  const held = (id: FeedId) => {
    const feed = feeds.numberOf(id)
    return { id, sequence: feed === -1 ? 0 : feeds.held[feed]! }
  }
  const added: FeedId[] = []
  const news = new Bell()
  const leave = !isLive
    ? () => {}
    : parts.set.onChange((change) => {
        added.push(...change.added)
        news.ring()
      })
  try {
    for (const id of [...parts.set.feeds()]) yield held(id)
    if (!isLive) return
    yield { sync: true }
    while (!signal.aborted) {
      for (const id of added.splice(0)) yield held(id)
      await news.rung(signal)
    }
  } finally {
    leave()
  }
}

/** How far replication is, as often as it changes. */
async function* changes(parts: LocalParts, signal: AbortSignal) {
  const news = new Bell()
  const leave = parts.onProgress(() => news.ring())
  try {
    while (!signal.aborted) {
      yield progressOf(parts)
      await news.rung(signal)
    }
  } finally {
    leave()
  }
}

function progressOf({ id, engine }: LocalParts) {
  const { feeds, behind } = engine
  let progress = 0
  let total = 0
  for (let feed = 0; feed < feeds.size; feed++) progress += feeds.held[feed]!
  for (const feed of behind) {
    let claim = feeds.held[feed]!
    for (const { theirs } of engine.peers) claim = Math.max(claim, theirs[feed]!)
    total += claim - feeds.held[feed]!
  }
  return {
    id,
    feeds: feeds.wantedCount,
    incompleteFeeds: behind.size,
    progress,
    total: progress + total,
  }
}

/** Lets one who waits know that there is news. */
class Bell {
  #isRung = false
  #answer: (() => void) | null = null

  ring(): void {
    this.#isRung = true
    this.#answer?.()
  }

  /** Resolves when it was rung since the last time, or when the signal aborts. */
  async rung(signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const answer = () => {
          signal.removeEventListener('abort', answer)
          resolve()
        }
        this.#answer = answer
        signal.addEventListener('abort', answer)
      })
    }
    this.#answer = null
    this.#isRung = false
  }
}
