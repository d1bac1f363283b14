import { feedIdToBytes, isFeedId } from '@dunbar/core'
import { shardOf } from '@dunbar/feed'

/** The thread of a shard. */
export const shardThreadName = (shard: number): string => `shard-${shard}`

/** On which thread a name lives: feeds and shards on theirs; null for a name that nobody has. */
export function placeOf(name: string, shards: number): string | null {
  if (name.startsWith('feed/')) {
    const id = name.slice('feed/'.length)
    return isFeedId(id) ? shardThreadName(shardOf(feedIdToBytes(id), shards)) : null
  }
  if (name.startsWith('shard/')) {
    const shard = Number(name.slice('shard/'.length))
    return Number.isInteger(shard) && shard >= 0 && shard < shards ? shardThreadName(shard) : null
  }
  return null
}
