/**
 * Realistic feeds out of a seed: the same seed, counts, spread and `hmacKey` give the same bytes.
 *
 * The schedule says which feed writes next; the content writer, what; this file signs it and gives
 * it times. Messages come in order of their received time, each after the one before it in its feed
 * and after all that it refers to. Memory: 8 bytes a message for the schedule, a few hundred bytes a
 * feed for its keys and head, and bounded pools; nothing holds on to what was given out.
 */
import type { FeedId, Keys, MessageKey } from '@dunbar/core'
import { createClassic, type FeedHead } from '@dunbar/formats'
import { ContentWriter, type GeneratedAuthor } from './generator-content.js'
import {
  generatedKeys,
  maxFeedCount,
  maxMessageCount,
  Schedule,
  type Spread,
} from './generator-population.js'
import { SeededRandom } from './seeded-random.js'

export interface GeneratorOptions {
  /** 1 to 1,048,576. */
  readonly feeds: number
  /** 0 to 10,000,000. With fewer messages than feeds only so many feeds write. */
  readonly messages: number
  readonly seed: number | string
  /** Who writes how much; `natural` where it is left out. */
  readonly spread?: Spread
  /** 32 bytes; the network's `caps.sign`. */
  readonly hmacKey?: Uint8Array
}

export interface GeneratedMessage {
  readonly key: MessageKey
  readonly author: FeedId
  readonly sequence: number
  /** Empty for a private message. */
  readonly type: string
  /** Compact JSON, keys in the order that was signed. The caller's own. */
  readonly value: Uint8Array
  /** Received, ms; each is greater than the one before. */
  readonly timestamp: number
}

/** May 2015, when the network began, and the years since. */
const startMs = 1_431_000_000_000
const spanMs = 9 * 365 * 86_400_000

const LEGACY_ORDER_SHARE = 0.08
const FRACTION_SHARE = 0.06
const FUTURE_SHARE = 0.004

interface FeedState {
  readonly keys: Keys
  readonly author: GeneratedAuthor
  readonly isLegacyOrder: boolean
  readonly hasFractions: boolean
  head: FeedHead<MessageKey> | null
  claimed: number
}

/**
 * Messages of many feeds, mixed in order of time. About 70 µs a message, of which private ones cost
 * most. Sizes, types and shapes follow the main network; see the README of this room.
 * @throws {RangeError} counts out of range
 */
export function* generateMessages(options: GeneratorOptions): Generator<GeneratedMessage, void> {
  const { feeds: feedCount, messages: messageCount, seed, spread, hmacKey } = options
  checkCount('feeds', feedCount, 1, maxFeedCount)
  checkCount('messages', messageCount, 0, maxMessageCount)
  const random = new SeededRandom(`messages ${seed} ${feedCount} ${messageCount}`)
  const schedule = new Schedule(feedCount, messageCount, spread ?? 'natural', random)
  const keysOf = new Array<Keys | undefined>(feedCount)
  const states = new Array<FeedState | undefined>(feedCount)
  const keys = (feed: number): Keys => {
    keysOf[feed] ??= generatedKeys(seed, feed)
    return keysOf[feed]
  }
  const counts = { feeds: feedCount, messages: messageCount }
  const writer = new ContentWriter(counts, (feed) => keys(feed).id, random)

  let received = 0
  for (let index = 0; index < messageCount; index += 1) {
    const { feed, moment } = schedule.slot(index)
    states[feed] ??= {
      keys: keys(feed),
      author: writer.author(feed, keys(feed).id),
      isLegacyOrder: random.chance(LEGACY_ORDER_SHARE),
      hasFractions: random.chance(FRACTION_SHARE),
      head: null,
      claimed: 0,
    }
    const state = states[feed]
    received = Math.max(startMs + Math.floor(moment * spanMs), nextReceived(received))
    const sequence = (state.head?.sequence ?? 0) + 1
    const written = writer.write(state.author, index, sequence)
    const message = createClassic({
      keys: state.keys,
      head: state.head,
      timestamp: claim(state, received, random),
      content: written.content,
      isLegacyOrder: state.isLegacyOrder,
      ...(hmacKey === undefined ? {} : { hmacKey }),
    })
    const { key, author, compact } = message
    state.head = { key, sequence }
    written.settle(key)
    yield { key, author, sequence, type: written.type, value: compact, timestamp: received }
  }
}

/** One line of `dunbar generate`, without a line feed: `{"key":…,"value":{…},"timestamp":…}`, the value's bytes as signed. */
export function formatMessageLine(message: GeneratedMessage): string {
  const value = Buffer.from(
    message.value.buffer,
    message.value.byteOffset,
    message.value.byteLength,
  ).toString('utf8')
  return `{"key":"${message.key}","value":${value},"timestamp":${message.timestamp}}`
}

/** The smallest step that doubles of this size and three decimals allow, as npm monotonic-timestamp has it. */
function nextReceived(received: number): number {
  return Math.round(received * 1000 + 1) / 1000
}

/** What an author says the time was: mostly a little before it was received, rarely after. */
function claim(state: FeedState, received: number, random: SeededRandom): number {
  const kind = random.next()
  if (kind < FUTURE_SHARE) return Math.floor(received + random.exponential(86_400_000)) + 1
  const meanDelayMs = kind < 0.7 ? 4000 : kind < 0.95 ? 3_600_000 : 5 * 86_400_000
  let claimed = Math.floor(received - random.exponential(meanDelayMs))
  // A clock that goes forward: what was written later claims to be later, unless that is not past yet.
  if (claimed <= state.claimed) claimed = Math.min(state.claimed + 1, Math.floor(received))
  state.claimed = claimed
  return state.hasFractions ? claimed - random.between(1, 999) / 1000 : claimed
}

function checkCount(name: string, count: number, least: number, most: number): void {
  if (Number.isInteger(count) && count >= least && count <= most) return
  throw new RangeError(`${name} is a whole number from ${least} to ${most}, not ${count}`)
}
