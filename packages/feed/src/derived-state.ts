import type { FileSystem } from '@dunbar/actor'
import { removeQuietly } from './atomic-file.js'
import { MISSING } from './feed-table.js'
import type { IndexBuilder } from './index-builders.js'
import { ShardTables } from './shard-tables.js'
import { SnapshotReader, SnapshotVoid, SnapshotWriter, writeSnapshot } from './snapshot.js'
import { systemCode } from './store-error.js'

/** Rows of dropped feeds are taken out by folding everything again once they are a third of all. */
const MOST_DROPPED = 1 / 3
const namePattern = /^shard-\d+-of-(\d+)\.snapshot$/

/** Where a shard keeps its derived state in the data folder. */
export const snapshotPath = (root: string, shard: number, shards: number): string =>
  `${root}/derived/shard-${shard}-of-${shards}.snapshot`

/** Tables from a snapshot, with the indexes that have to be folded again; or why there are none. */
export type LoadedState =
  | { readonly ok: true; readonly tables: ShardTables; readonly stale: readonly IndexBuilder[] }
  /** `reason` is null where there simply is no snapshot; `missing` are ids of feeds whose log went away, as far as it tells. */
  | {
      readonly ok: false
      readonly reason: string | null
      readonly missing: readonly Uint8Array[]
    }

/** Loads what a shard had derived. Nothing about the file can make this fail. */
export function loadState(fs: FileSystem, path: string): LoadedState {
  let reader: SnapshotReader | null = null
  try {
    reader = SnapshotReader.open(fs, path)
    if (reader === null) return { ok: false, reason: null, missing: [] }
    const { tables, stale } = ShardTables.load(reader)
    const { droppedCount, count } = tables.messages
    if (droppedCount > count * MOST_DROPPED) {
      const missing = missingFeeds(tables)
      return { ok: false, reason: 'too many rows are of dropped feeds', missing }
    }
    return { ok: true, tables, stale }
  } catch (error) {
    if (error instanceof SnapshotVoid) return { ok: false, reason: error.message, missing: [] }
    const reason = systemCode(error) || 'a section is not what it should be'
    return { ok: false, reason, missing: [] }
  } finally {
    reader?.close()
  }
}

function missingFeeds({ feeds }: ShardTables): Uint8Array[] {
  const missing: Uint8Array[] = []
  for (let feed = 0; feed < feeds.count; feed++) {
    if (feeds.has(feed, MISSING)) missing.push(feeds.id(feed))
  }
  return missing
}

/**
 * Writes what a shard has derived, as it is at this moment.
 * @param flush resolves when the logs are on the disk as they are: a snapshot that knew more than a
 * crash leaves would hide the loss
 * @throws {STORE_SYNC_FAILED} @throws {STORE_FULL} @throws {STORE_FAILED}
 */
export async function saveState(
  fs: FileSystem,
  path: string,
  tables: ShardTables,
  flush: () => Promise<void>,
  pause: () => Promise<void>,
): Promise<void> {
  const writer = new SnapshotWriter()
  tables.save(writer)
  await flush()
  await writeSnapshot(fs, path, writer, pause)
}

/** Removes snapshots that were made for another number of shards: they would never be read again. */
export function removeForeignSnapshots(fs: FileSystem, root: string, shards: number): void {
  const folder = `${root}/derived`
  let names: readonly string[]
  try {
    names = fs.list(folder)
  } catch {
    // They take room and harm nobody; the next checkpoint tries again.
    return
  }
  for (const name of names) {
    const count = namePattern.exec(name)?.[1]
    if (count !== undefined && Number(count) !== shards) removeQuietly(fs, `${folder}/${name}`)
  }
}
