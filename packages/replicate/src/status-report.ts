import type { FeedId } from '@dunbar/core'
import type { EbtEngine } from './ebt-engine.js'
import { DENIED, type EbtPeer, STOPPED } from './ebt-peer.js'
import type { PeerEntry } from './peer-entry.js'
import type { BehindFeed, PeerReplication, ReplicationStatus, StalledFeed } from './status.js'

const MAX_STALLED = 100

/**
 * How replication goes on. Costs the feeds that are behind, and those that are asked for.
 * @param epochMs wall time of the monotonic clock's zero
 */
export function statusOf(
  engine: EbtEngine,
  entries: Iterable<PeerEntry>,
  counts: Pick<ReplicationStatus, 'letGo' | 'refusedCalls' | 'archives'>,
  epochMs: number,
): ReplicationStatus {
  let missing = 0
  for (const feed of engine.behind) missing += claimOf(engine, feed) - engine.feeds.held[feed]!
  const stalled: StalledFeed[] = []
  for (const [feed, sinceMs] of engine.stalled) {
    if (stalled.length === MAX_STALLED) break
    stalled.push({
      id: engine.feeds.idOf(feed),
      sequence: engine.feeds.held[feed]!,
      claimed: claimOf(engine, feed),
      since: Math.round(epochMs + sinceMs),
    })
  }
  return {
    peers: [...entries].map((entry) => peerOf(engine, entry)),
    feeds: engine.feeds.wantedCount,
    behind: engine.behind.size,
    missing,
    stalled,
    letGo: { ...counts.letGo },
    refusedCalls: { ...counts.refusedCalls },
    ...(counts.archives === undefined ? {} : { archives: counts.archives }),
  }
}

/** Replicated feeds of which one peer claims more and may send it. Costs the feeds that are behind. */
export function behindOf(engine: EbtEngine, id: FeedId): BehindFeed[] {
  const claims = new Map<number, number>()
  for (const peer of engine.peers) {
    if (peer.id !== id) continue
    for (const feed of engine.behind) {
      const claimed = peer.theirs[feed]!
      const isShut = peer.has(feed, DENIED | STOPPED) || engine.feeds.isWanted[feed] !== 1
      if (isShut || claimed <= engine.feeds.held[feed]!) continue
      claims.set(feed, Math.max(claimed, claims.get(feed) ?? 0))
    }
  }
  return [...claims].map(([feed, claimed]) => ({
    id: engine.feeds.idOf(feed),
    held: engine.feeds.held[feed]!,
    claimed,
  }))
}

/** The highest claim of a peer, or what is held. */
function claimOf(engine: EbtEngine, feed: number): number {
  let claim = engine.feeds.held[feed]!
  for (const { theirs } of engine.peers) claim = Math.max(claim, theirs[feed]!)
  return claim
}

function peerOf(engine: EbtEngine, { peer, ebt, history, conduct }: PeerEntry): PeerReplication {
  const base = {
    id: peer.remoteId,
    address: peer.address,
    isDialler: peer.isDialler,
    received: conduct.receivedCount,
    useless: conduct.uselessCount,
    refused: conduct.refusals,
    sent: ebt?.sentCount ?? 0,
  }
  if (ebt?.hasSpoken === true) {
    const { receiving, missing } = askedOf(engine, ebt.peer)
    return { ...base, mode: 'ebt', receiving, missing, sending: ebt.peer.queued }
  }
  const mode = history === null ? 'waiting' : 'history'
  return { ...base, mode, receiving: history?.openCount ?? 0, missing: 0, sending: 0 }
}

function askedOf(engine: EbtEngine, peer: EbtPeer): { receiving: number; missing: number } {
  let receiving = 0
  let missing = 0
  for (const feed of peer.asked) {
    const more = peer.theirs[feed]! - engine.feeds.held[feed]!
    if (more <= 0) continue
    receiving += 1
    missing += more
  }
  return { receiving, missing }
}
