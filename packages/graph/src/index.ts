export {
  type EdgeChange,
  type EdgeValue,
  FollowGraph,
  type HopChange,
  type HopsQuery,
  MAX_CONTACTS,
} from './follow-graph.js'
export {
  DEFAULT_HOPS,
  type Graph,
  type GraphOptions,
  type GraphStatus,
  openGraph,
  startGraph,
} from './graph.js'
export {
  type BlockChange,
  type LeftOut,
  MAX_REQUESTS,
  type ReplicationChange,
  type ReplicationLimits,
  type ReplicationSet,
} from './replication-set.js'
