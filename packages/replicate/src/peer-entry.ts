import type { RpcConnection, SecurePeer } from '@dunbar/wire'
import type { EbtSession } from './ebt-session.js'
import type { HistoryReader } from './history-serving.js'
import type { HistorySession } from './history-session.js'

/** A connected peer, and what goes on with it. */
export interface PeerEntry {
  readonly peer: SecurePeer
  readonly connection: RpcConnection
  readonly reader: HistoryReader
  ebt: EbtSession | null
  history: HistorySession | null
  /** Takes back what waits for it to begin EBT. */
  cancelPatience: () => void
}
