/**
 * Which shard is likely to hold a message, so that a lookup wakes one thread and not all of them.
 *
 * A shard's hash index from key to row lies in memory that it shares. Whoever looks up a key reads
 * it there without waiting, while the shard may be writing. So what is read is a hint: it may miss
 * what came just now, after the shard went over to larger memory above all, and it may name a shard
 * that holds another key with the same first 64 bits, or has dropped the message. Only the shard's
 * answer counts, and who gets none there asks them all.
 */
import { isCodedError } from '@dunbar/core'
import { highOf, lowOf, mixed } from './fingerprint.js'
import type { KeyTable } from './protocol.js'

/** Whether a table has a key that begins with the same 64 bits. */
export function tableHasKey({ slots, high, low, seed }: KeyTable, keyBytes: Uint8Array): boolean {
  const wantedHigh = highOf(keyBytes)
  const wantedLow = lowOf(keyBytes)
  const mask = slots.length - 1
  let slot = mixed(wantedHigh, wantedLow, seed) & mask
  for (let left = slots.length; left > 0; left--) {
    const row = (slots[slot] as number) - 1
    if (row < 0) return false
    if (high[row] === wantedHigh && low[row] === wantedLow) return true
    slot = (slot + 1) & mask
  }
  return false
}

/** The key tables of all shards, as far as they are known. */
export class KeyHints {
  readonly #fetch: readonly (() => Promise<KeyTable>)[]
  readonly #tables: (KeyTable | null)[]
  readonly #fetching = new Set<number>()

  /** @param fetch asks each shard for its table */
  constructor(fetch: readonly (() => Promise<KeyTable>)[]) {
    this.#fetch = fetch
    this.#tables = fetch.map(() => null)
  }

  /** The first shard that is likely to hold the key; -1 where none is. Costs some 100 ns a shard. */
  shardOf(keyBytes: Uint8Array): number {
    return this.#tables.findIndex((table) => table !== null && tableHasKey(table, keyBytes))
  }

  /** A shard held a key that `shardOf` did not find: asks for its table, one time at once. Resolves when it is there. */
  async refresh(shard: number): Promise<void> {
    if (this.#fetching.has(shard)) return
    this.#fetching.add(shard)
    try {
      this.#tables[shard] = (await this.#fetch[shard]?.()) ?? null
    } catch (error) {
      // Without a table all shards are asked, which is right too.
      if (!isCodedError(error)) throw error
    } finally {
      this.#fetching.delete(shard)
    }
  }
}
