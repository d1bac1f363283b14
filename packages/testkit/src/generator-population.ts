/**
 * Who writes how much and when, fixed before the first message.
 *
 * Sizes: every feed gets one message where there are enough; the rest goes by Zipf's law with an
 * offset, weight 1/(rank + 4), and the first feed gets at least 8 % of all. Times: each feed joins
 * at a random moment and writes evenly from then on. The schedule is one sorted array of doubles
 * `moment * 2^20 + feed`, 8 bytes a message: the only memory that grows with the number of messages.
 */
import { generateKeys, type Keys, sha256 } from '@dunbar/core'
import type { SeededRandom } from './seeded-random.js'

const FEED_BITS = 20
const FEED_RANGE = 2 ** FEED_BITS
const MOMENT_RANGE = 2 ** 32
/** One feed of this share stands for the heavy writers of the real network. */
const LARGEST_SHARE = 0.08

export const maxFeedCount = FEED_RANGE
export const maxMessageCount = 10_000_000

/** The key pair of the feed with this number in the data set of this seed. About 20 µs. */
export function generatedKeys(seed: number | string, feed: number): Keys {
  return generateKeys(sha256(Buffer.from(`dunbar generator ${seed} feed ${feed}`)))
}

/** Messages of each feed, by its number; they add up to `messageCount`. */
export function feedSizes(feedCount: number, messageCount: number): Int32Array {
  const sizes = new Int32Array(feedCount)
  const least = messageCount >= feedCount ? 1 : 0
  if (least === 0) return sizes.fill(1, 0, messageCount)
  const rest = messageCount - feedCount
  let sum = 0
  for (let feed = 0; feed < feedCount; feed += 1) sum += 1 / (feed + 4)
  const largest = Math.max(Math.ceil(messageCount * LARGEST_SHARE) - 1, Math.floor(rest / 4 / sum))
  const first = feedCount === 1 ? rest : Math.min(rest, largest)
  sizes[0] = 1 + first
  // Differences of rounded sums: the parts add up exactly.
  const others = sum - 1 / 4
  let passed = 0
  let given = 0
  for (let feed = 1; feed < feedCount; feed += 1) {
    passed += 1 / (feed + 4)
    const upTo =
      feed === feedCount - 1 ? rest - first : Math.floor(((rest - first) * passed) / others)
    sizes[feed] = 1 + upTo - given
    given = upTo
  }
  return sizes
}

export interface Slot {
  readonly feed: number
  /** In [0, 1), never smaller than the one before. */
  readonly moment: number
}

/** Which feed writes when, in order of time. */
export class Schedule {
  readonly #slots: Float64Array

  constructor(feedCount: number, messageCount: number, random: SeededRandom) {
    const sizes = feedSizes(feedCount, messageCount)
    const slots = new Float64Array(messageCount)
    let at = 0
    for (let feed = 0; feed < feedCount; feed += 1) {
      const size = sizes[feed] as number
      const joined = feed === 0 ? 0 : random.next() * 0.9
      for (let count = 0; count < size; count += 1) {
        const moment = count === 0 ? joined : joined + (1 - joined) * random.next()
        slots[at++] = Math.floor(moment * MOMENT_RANGE) * FEED_RANGE + feed
      }
    }
    this.#slots = slots.sort()
  }

  /** The slot of the message with this index, from 0. */
  slot(index: number): Slot {
    const packed = this.#slots[index] as number
    const moment = Math.floor(packed / FEED_RANGE)
    return { feed: packed - moment * FEED_RANGE, moment: moment / MOMENT_RANGE }
  }
}
