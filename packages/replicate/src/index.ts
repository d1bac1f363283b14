export type { ArchivePorts, BundleBlock, BundleView } from './archive-ports.js'
export type { Offence } from './conduct.js'
export { ReplicationError, type ReplicationErrorCode } from './error.js'
export { REPLICATION_LIMITS, type ReplicationLimits } from './limits.js'
export type { ReplicationSet, ReplicationSetChange } from './replication-set.js'
export {
  createReplicator,
  type Replicator,
  type ReplicatorOptions,
  startReplicator,
} from './replicator.js'
export type {
  BehindFeed,
  CatchUpStatus,
  PeerReplication,
  ReplicationStatus,
  StalledFeed,
} from './status.js'
