/** Bounds of one shard's store; what is not given takes the default. */
export interface StoreLimits {
  /** Frames kept in memory, bytes. Default 16 MiB. */
  readonly cacheBytes: number
  /** Log files open at once. Default 128. */
  readonly openFiles: number
  /** A remote message is on the disk this long after it was appended, at the latest. Default 1,000. */
  readonly syncDelayMs: number
  /** Bytes of one log that may wait for a sync. Default 1 MiB. */
  readonly syncBytes: number
  /** A message appended in bulk is on the disk this long after, at the latest. Default 15,000. */
  readonly bulkSyncDelayMs: number
  /** Bytes of all logs together that may wait for a sync. Default 64 MiB. */
  readonly bulkSyncBytes: number
  /** Syncs under way at once while somebody waits for all of them. Default 4. */
  readonly syncConcurrency: number
  /** Syncs under way at once otherwise. Default 1. */
  readonly quietSyncConcurrency: number
}

export const defaultLimits: StoreLimits = {
  cacheBytes: 16 * 1024 * 1024,
  openFiles: 128,
  syncDelayMs: 1000,
  syncBytes: 1024 * 1024,
  bulkSyncDelayMs: 15_000,
  bulkSyncBytes: 64 * 1024 * 1024,
  syncConcurrency: 4,
  quietSyncConcurrency: 1,
}
