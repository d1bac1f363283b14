/**
 * Who writes how much and when, fixed before the first message.
 *
 * Sizes: every feed gets one message where there are enough; the rest goes as the spread says:
 * - `natural`, by Zipf's law with an offset, weight 1/(rank + 4), the first feed at least 8 % of all;
 * - `even`, to each the same, the earlier feeds one more where it does not divide;
 * - `giants`, 80 % to the first four feeds, the rest evenly to the others.
 *
 * Times: each feed joins
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
const GIANT_COUNT = 4
const GIANT_SHARE = 0.8

/** Who writes how much; `natural` is like the real network, the others are its extremes. */
export type Spread = (typeof spreads)[number]

export const spreads = ['natural', 'even', 'giants'] as const

export const maxFeedCount = FEED_RANGE
export const maxMessageCount = 10_000_000

/** The key pair of the feed with this number in the data set of this seed. About 20 µs. */
export function generatedKeys(seed: number | string, feed: number): Keys {
  return generateKeys(sha256(Buffer.from(`dunbar generator ${seed} feed ${feed}`)))
}

/** Messages of each feed, by its number; they add up to `messageCount`. */
export function feedSizes(
  feedCount: number,
  messageCount: number,
  spread: Spread = 'natural',
): Int32Array {
  const sizes = new Int32Array(feedCount)
  if (messageCount < feedCount) return sizes.fill(1, 0, messageCount)
  sizes.fill(1)
  const rest = messageCount - feedCount
  if (spread === 'even') addEvenly(sizes, rest)
  else if (spread === 'giants') addToGiants(sizes, rest)
  else addByZipf(sizes, rest)
  return sizes
}

function addEvenly(sizes: Int32Array, rest: number): void {
  const each = Math.floor(rest / sizes.length)
  const leftOver = rest % sizes.length
  for (let feed = 0; feed < sizes.length; feed += 1) {
    sizes[feed] = (sizes[feed] as number) + each + (feed < leftOver ? 1 : 0)
  }
}

function addToGiants(sizes: Int32Array, rest: number): void {
  if (sizes.length <= GIANT_COUNT) {
    addEvenly(sizes, rest)
    return
  }
  const messageCount = sizes.length + rest
  const toGiants = Math.min(rest, Math.ceil(messageCount * GIANT_SHARE) - GIANT_COUNT)
  addEvenly(sizes.subarray(0, GIANT_COUNT), toGiants)
  addEvenly(sizes.subarray(GIANT_COUNT), rest - toGiants)
}

function addByZipf(sizes: Int32Array, rest: number): void {
  const feedCount = sizes.length
  let sum = 0
  for (let feed = 0; feed < feedCount; feed += 1) sum += 1 / (feed + 4)
  const share = Math.ceil((feedCount + rest) * LARGEST_SHARE) - 1
  const largest = Math.max(share, Math.floor(rest / 4 / sum))
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
}

export interface Slot {
  readonly feed: number
  /** In [0, 1), never smaller than the one before. */
  readonly moment: number
}

/** Which feed writes when, in order of time. */
export class Schedule {
  readonly #slots: Float64Array

  constructor(feedCount: number, messageCount: number, spread: Spread, random: SeededRandom) {
    const sizes = feedSizes(feedCount, messageCount, spread)
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
