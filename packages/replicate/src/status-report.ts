import type { EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import type { PeerEntry } from './peer-entry.js'
import type { PeerReplication, ReplicationStatus, StalledFeed } from './status.js'

const MAX_STALLED = 100

/**
 * How replication goes on. Costs the feeds that are behind, and those that are asked for.
 * @param epochMs wall time of the monotonic clock's zero
 */
export function statusOf(
  engine: EbtEngine,
  entries: Iterable<PeerEntry>,
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
  }
}

/** The highest claim of a peer, or what is held. */
function claimOf(engine: EbtEngine, feed: number): number {
  let claim = engine.feeds.held[feed]!
  for (const { theirs } of engine.peers) claim = Math.max(claim, theirs[feed]!)
  return claim
}

function peerOf(engine: EbtEngine, { peer, ebt, history }: PeerEntry): PeerReplication {
  const intakes = [ebt?.intake, history?.intake].filter((intake) => intake !== undefined)
  const base = {
    id: peer.remoteId,
    address: peer.address,
    isDialler: peer.isDialler,
    received: intakes.reduce((sum, { receivedCount }) => sum + receivedCount, 0),
    useless: intakes.reduce((sum, { uselessCount }) => sum + uselessCount, 0),
    refused: intakes.flatMap(({ refusals }) => refusals),
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
