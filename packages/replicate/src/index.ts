export { REPLICATION_LIMITS, type ReplicationLimits } from './limits.js'
export type { ReplicationSet, ReplicationSetChange } from './replication-set.js'
export type { Replicator } from './replicator.js'
export type { PeerReplication, ReplicationStatus, StalledFeed } from './status.js'
