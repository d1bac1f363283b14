/**
 * Open threads that replies go to, recent ones more often, and their heads.
 *
 * A reply names the heads of its thread; now and then its author hasn't seen the newest message and
 * names the heads before, so the tangle splits, and the next reply ties both ends. Some replies
 * begin a sub-thread. A few long threads are paced: each gets its share of the replies so that it
 * is full near the end, whatever the number of messages. Memory: at most `maxOpenThreads` threads.
 */
import type { MessageKey } from '@dunbar/core'
import type { SeededRandom } from './seeded-random.js'

const maxOpenThreads = 512
/** At most this many branches: the list of a badly split thread would outgrow a message. */
const maxHeads = 6

export interface OpenThread {
  readonly root: MessageKey
  /** Root of the thread that this sub-thread came from. */
  readonly parent: OpenThread | null
  readonly channel: string | null
  readonly rootAuthor: string
  readonly maxMessages: number
  heads: MessageKey[]
  headsBefore: MessageKey[]
  /** A reply that a sub-thread may begin at. */
  lastReply: MessageKey | null
  lastAuthor: string
  messageCount: number
}

interface LongThread {
  readonly size: number
  readonly startsAt: number
  thread: OpenThread | null
}

/** Share of all messages that each long thread gets: 400 of 100,000 for the longest. */
const LONG_SHARES = [0.004, 0.0018, 0.0011, 0.0007] as const
const longestSize = 400

export class ThreadPool {
  readonly #random: SeededRandom
  readonly #messageCount: number
  readonly #usualMax: number
  readonly #long: LongThread[]
  #open: OpenThread[] = []

  constructor(messageCount: number, random: SeededRandom) {
    this.#random = random
    this.#messageCount = messageCount
    const scale = Math.min(1, (longestSize * 1.0001) / (LONG_SHARES[0] * messageCount || 1))
    const sizes = LONG_SHARES.map((share) => Math.floor(share * messageCount * scale))
    this.#long = sizes
      .filter((size) => size >= 10)
      .map((size, rank) => ({ size, startsAt: messageCount * (0.05 + rank * 0.1), thread: null }))
    this.#usualMax = Math.max(3, Math.floor((sizes[0] ?? 0) / 5))
  }

  /** Where a post written as message `index` goes: a thread to reply to, or null to begin one. */
  choose(index: number, replyShare: number): OpenThread | null {
    for (const long of this.#long) {
      if (index < long.startsAt) continue
      if (long.thread === null) return null
      const pace = (index - long.startsAt) / (this.#messageCount * 0.95 - long.startsAt)
      const isBehind = long.thread.messageCount < Math.min(1, pace) * long.size
      if (isBehind && long.thread.messageCount < long.size) return long.thread
    }
    if (this.#open.length === 0 || !this.#random.chance(replyShare)) return null
    const back = Math.floor(this.#random.exponential(25))
    return this.#open[this.#open.length - 1 - Math.min(back, this.#open.length - 1)] ?? null
  }

  begin(index: number, root: MessageKey, author: string, channel: string | null): void {
    const long = this.#long.find((one) => one.thread === null && index >= one.startsAt)
    const size = long?.size ?? 2 + Math.floor(this.#random.exponential(5))
    const thread = this.#thread(
      root,
      null,
      channel,
      author,
      long ? size : Math.min(size, this.#usualMax),
    )
    if (long) long.thread = thread
    else this.#add(thread)
  }

  /** The sub-thread that begins at the newest reply of a thread, or null where there is none. */
  beginSubThread(thread: OpenThread): OpenThread | null {
    const { lastReply, parent, channel, lastAuthor } = thread
    // A sub-thread takes part in the size of its parent, so that long threads stay the longest.
    const room = Math.min(thread.maxMessages - thread.messageCount, 8)
    if (parent !== null || lastReply === null || room < 2) return null
    const sub = this.#thread(lastReply, thread, channel, lastAuthor, room)
    this.#add(sub)
    return sub
  }

  /** What a new reply names. */
  branchOf(thread: OpenThread): readonly MessageKey[] {
    const isStale = thread.headsBefore.length > 0 && this.#random.chance(0.07)
    return isStale && thread.heads.length < maxHeads ? thread.headsBefore : thread.heads
  }

  replied(
    thread: OpenThread,
    key: MessageKey,
    branch: readonly MessageKey[],
    author: string,
  ): void {
    thread.headsBefore = thread.heads
    thread.heads = [...thread.heads.filter((head) => !branch.includes(head)), key]
    thread.lastReply = key
    thread.lastAuthor = author
    thread.messageCount += 1
    if (thread.parent !== null) thread.parent.messageCount += 1
    const isFull = (one: OpenThread): boolean => one.messageCount >= one.maxMessages
    if (isFull(thread) || (thread.parent !== null && isFull(thread.parent))) {
      this.#open = this.#open.filter((one) => !isFull(one) && !(one.parent && isFull(one.parent)))
    }
  }

  #thread(
    root: MessageKey,
    parent: OpenThread | null,
    channel: string | null,
    author: string,
    maxMessages: number,
  ): OpenThread {
    return {
      root,
      parent,
      channel,
      rootAuthor: author,
      maxMessages,
      heads: [root],
      headsBefore: [],
      lastReply: null,
      lastAuthor: author,
      messageCount: 1,
    }
  }

  #add(thread: OpenThread): void {
    this.#open.push(thread)
    if (this.#open.length > maxOpenThreads) this.#open.shift()
  }
}
