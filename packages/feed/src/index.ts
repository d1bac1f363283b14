export { ChangeCounts, changeCountBytes } from './change-counts.js'
export { FeedClient, ShardClient } from './client.js'
export { contactRows } from './contact-chunk.js'
export { coreShareBytes } from './core-share.js'
export { FRAME_HEADER_BYTES, FrameReader, FrameWriter } from './frame.js'
export { IngestReader, IngestWriter, MAX_INGEST_MESSAGE_BYTES } from './ingest-batch.js'
export { KeyHints } from './key-hints.js'
export { extractLinks } from './links.js'
export type * from './protocol.js'
export { createPublishMark, type Mark, PublishMark } from './publish-mark.js'
export { IngestTotals, RejectionTally } from './rejection-tally.js'
export { packFrames } from './sealed-block.js'
export { CPU_ACTOR_NAME, feedActorName, shardActorName, shardOf } from './shard-host.js'
export {
  type AppendEntry,
  openShardStore,
  type ShardStore,
  type ShardStoreOptions,
  type StoreTrouble,
} from './shard-store.js'
export { type ShardThreadData, shardTree } from './shard-thread.js'
export { encodeSignatureBatch, verifySignatureBatch } from './signature-batch.js'
export type { StoreErrorCode } from './store-error.js'
export { type TangleMessage, tangleMessages } from './tangle-chunk.js'
export type { Verification } from './verification.js'
