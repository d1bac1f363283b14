import type { RpcConnection, SecurePeer } from '@dunbar/wire'
import type { CatchUpPeer } from './catch-up.js'
import type { Conduct } from './conduct.js'
import type { EbtSession } from './ebt-session.js'
import type { HistoryReader } from './history-serving.js'
import type { HistorySession } from './history-session.js'

/** A connected peer, and what goes on with it. */
export interface PeerEntry {
  readonly peer: SecurePeer
  readonly connection: RpcConnection
  readonly reader: HistoryReader
  readonly conduct: Conduct
  /** As catching up knows it. */
  readonly archives: CatchUpPeer
  ebt: EbtSession | null
  history: HistorySession | null
  /** What it said last of the own feed, while that is not passed on; null where all was. */
  claim: number | null
  isClaiming: boolean
  /** Takes back what waits for it to begin EBT. */
  cancelPatience: () => void
}
