const KIB = 1024
const MIB = 1024 * KIB

/** What replication may use. Sizes in bytes, times in ms. */
export interface ReplicationLimits {
  /** Bytes of one EBT item: a note of 50,000 feeds, or a message. */
  readonly itemBytes: number
  /** Feeds that one frame of notes may name; the rest of it is not looked at. */
  readonly frameNotes: number
  /** Feeds beyond those replicated that a peer may name in a session; further ones are not looked at. */
  readonly strangerFeeds: number
  /** Feeds in one frame of notes that is sent. */
  readonly sentNotes: number
  /** Feeds that are read for one peer at once. */
  readonly servedFeeds: number
  /** Bytes of received messages that one peer may have on the way to the shards. */
  readonly peerBytes: number
  /** Bytes of received messages, of all peers, on the way to one shard. */
  readonly shardBytes: number
  /** Items that nobody asked for, that can't be read or that are refused, a minute; above it the peer is let go. */
  readonly uselessItems: number
  /** Messages that are held already, a minute; above it the peer is let go. Some seconds of a fast peer's stream may be on their way when it is told to stop. */
  readonly knownItems: number
  /** Refused messages a minute: each costs a signature check. */
  readonly refusedItems: number
  /** A feed that a peer has more of and does not send is asked for elsewhere after this. */
  readonly stallMs: number
  /** Notes a minute, of all frames; above it the peer is let go. */
  readonly notes: number
  /** Sessions that a peer may begin a minute; each is told all feeds. */
  readonly begunSessions: number
  /** Clocks that a peer may ask for a minute; each names all feeds. */
  readonly askedClocks: number
  /** Times a minute that a peer may ask for archives, of 500 feeds each time. */
  readonly askedArchives: number
  /** How often stalled feeds are looked for. */
  readonly tickMs: number
  /** Streams of history that one peer may have open: one that is followed, and any other. */
  readonly historyStreams: number
  readonly strangerHistoryStreams: number
  /** A peer that dialled and has not begun EBT within this is asked for history streams. */
  readonly ebtPatienceMs: number
  /** Streams of history that a peer is asked for at once; half of them stay open. */
  readonly askedHistoryStreams: number
  /** Pause between two rounds over feeds that have no stream of their own. */
  readonly historyRoundMs: number
  /** Messages of one history stream that wait for those before them. */
  readonly historyGap: number
  /** Bytes of these. */
  readonly historyGapBytes: number
  /** Peers whose clocks are kept. */
  readonly clockPeers: number
  /** Bytes of one peer's clock on disk, 40 a feed: those for which there is no room are mentioned again in each session. */
  readonly clockBytes: number
  /** How long the word of a single peer has to stand before the own feed goes on behind it. */
  readonly ownFeedQuietMs: number
  /** Peers whose word on the own feed is kept. */
  readonly ownFeedPeers: number
  /** Sessions with one peer at a time: two that dial each other at once both go on. */
  readonly peerSessions: number
}

/** Sized for 50,000 feeds and some tens of peers. */
export const REPLICATION_LIMITS: ReplicationLimits = {
  itemBytes: 4 * MIB,
  frameNotes: 50_000,
  strangerFeeds: 65_536,
  sentNotes: 2_000,
  servedFeeds: 16,
  peerBytes: 2 * MIB,
  shardBytes: 4 * MIB,
  uselessItems: 1_000,
  knownItems: 50_000,
  refusedItems: 20,
  notes: 500_000,
  begunSessions: 60,
  askedClocks: 30,
  askedArchives: 240,
  stallMs: 3_000,
  tickMs: 1_000,
  historyStreams: 256,
  strangerHistoryStreams: 64,
  ebtPatienceMs: 10_000,
  askedHistoryStreams: 60,
  historyRoundMs: 60_000,
  historyGap: 64,
  historyGapBytes: 256 * KIB,
  clockPeers: 1_000,
  clockBytes: 4 * MIB,
  ownFeedQuietMs: 60_000,
  ownFeedPeers: 1_000,
  peerSessions: 2,
}
