/** What peers, packets, messages and files may make this room hold or do. */
export interface ConnLimits {
  /** Connections in all, those being made included. */
  readonly connections: number
  /**
   * Of these, how many may be of peers that nobody near follows: strangers must not shut friends out.
   * Three quarters of what a listening socket lets in.
   */
  readonly strangerConnections: number
  /** Connections with one peer; the oldest gives way, since its other end may be gone. */
  readonly connectionsPerPeer: number
  /** Connections with the keys of invites. */
  readonly guests: number
  /** Peers that are connected without being asked for, by the schedule. */
  readonly scheduledPeers: number
  /** Rooms that are connected by the schedule. */
  readonly scheduledRooms: number
  /** Entries of the staging table. */
  readonly stagedPeers: number
  /** Entries of the address book. */
  readonly bookEntries: number
  /** Entries that come from the `pub` messages of one author. */
  readonly bookEntriesPerAuthor: number
  /** JSON of one entry, in bytes. */
  readonly bookEntryBytes: number
  /** `conn.json` or `gossip.json`; a larger file is not read. */
  readonly bookFileBytes: number
  /** Datagrams of the local network that are looked at, a second, of either form. */
  readonly lanPacketsPerSecond: number
  /** Invites that are kept, used up ones included. */
  readonly invites: number
  /** Uses of one invite. */
  readonly inviteUses: number
  /** How long an invite holds unless its maker says otherwise, in ms. */
  readonly inviteLifeMs: number
  /** Failed uses a minute, of one invite. */
  readonly failedUsesPerInvite: number
  /** Failed uses a minute, of all invites. */
  readonly failedUses: number
  /** Events that wait for one slow reader of `gossip.changes`; older ones are dropped. */
  readonly queuedEvents: number
}

const DAY_MS = 86_400_000

/** As the limits of the network rooms say; quotas are those of ssb-conn 6. */
export const CONN_LIMITS: ConnLimits = {
  connections: 200,
  strangerConnections: 112,
  connectionsPerPeer: 2,
  guests: 32,
  scheduledPeers: 4,
  // A room is of no use to a node that can't open tunnels.
  scheduledRooms: 0,
  stagedPeers: 256,
  bookEntries: 1000,
  bookEntriesPerAuthor: 10,
  bookEntryBytes: 4096,
  bookFileBytes: 8 * 2 ** 20,
  lanPacketsPerSecond: 20,
  invites: 1000,
  inviteUses: 1_000_000,
  inviteLifeMs: 14 * DAY_MS,
  failedUsesPerInvite: 5,
  failedUses: 20,
  queuedEvents: 1000,
}
