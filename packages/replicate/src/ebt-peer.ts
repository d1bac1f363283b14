import type { FeedId } from '@dunbar/core'
import { grown } from './feed-table.js'
import { StrangerNotes } from './stranger-notes.js'

/** Nothing was said of a feed. */
export const UNSAID = -2

/** The peer wants messages of this feed. */
export const WANTS = 1
/** The peer is asked for messages of this feed. */
export const ASKED = 2
/** It was asked in this session: what is still on its way may come. */
export const WAS_ASKED = 4
/** The peer said something of this feed in this session. */
export const HEARD = 8
/** Nothing of the feed goes either way: the author blocks the peer. */
export const DENIED = 16
/** The peer sent what was refused: nothing more of this feed in this session. */
export const STOPPED = 32
/** Waits to be served, or is being served. */
export const QUEUED = 64
/** It was refused in this session: what the peer makes of it is not sure. */
export const DOUBTED = 128

/** A note that waits to be sent; its number is put in then. */
export type Saying = 'refuse' | 'tell' | 'ask'

/** A claim that was not followed by messages. */
export interface Penalty {
  count: number
  /** Not asked for this feed before, monotonic ms. */
  untilMs: number
}

/** What is known of one session with a peer: columns beside those of the feed table. */
export class EbtPeer {
  readonly slot: number
  readonly id: FeedId
  /** Whether our clock was said; a caller waits for the other side's. */
  isOpen = false
  /** Whether a frame of notes must be sent even if it is empty. */
  mustSpeak = false
  /** Whether it gets no messages, whatever it asks for. */
  isGivenNothing = false
  /** Sequence that the peer holds, -1 where it refuses the feed, `UNSAID`. */
  theirs: Int32Array
  /** Sequence up to which it was sent or is known to hold. */
  sent: Int32Array
  flags: Uint8Array
  /** Whether something was said of a feed in this session. */
  isTold: Uint8Array
  /** Feeds that it is asked for. */
  readonly asked = new Set<number>()
  /** Notes to be sent, by feed. */
  readonly sayings = new Map<number, Saying>()
  /** Feeds that are not replicated, to be refused. */
  refusals: string[] = []
  readonly strangers: StrangerNotes
  readonly penalties = new Map<number, Penalty>()
  /** Feeds to be served, in turn. */
  readonly #queue: number[] = []
  #queueAt = 0
  /** When it last sent something of use, monotonic ms. */
  usefulAt: number
  /** Messages of this peer on their way to the shards. */
  underWay = 0

  constructor(slot: number, id: FeedId, feeds: number, maxStrangers: number, nowMs: number) {
    this.slot = slot
    this.id = id
    this.theirs = new Int32Array(feeds).fill(UNSAID)
    this.sent = new Int32Array(feeds)
    this.flags = new Uint8Array(feeds)
    this.isTold = new Uint8Array(feeds)
    this.strangers = new StrangerNotes(maxStrangers)
    this.usefulAt = nowMs
  }

  /** Makes room for as many feeds. */
  reserve(feeds: number): void {
    if (feeds <= this.theirs.length) return
    this.theirs = grown(this.theirs, new Int32Array(feeds).fill(UNSAID))
    this.sent = grown(this.sent, new Int32Array(feeds))
    this.flags = grown(this.flags, new Uint8Array(feeds))
    this.isTold = grown(this.isTold, new Uint8Array(feeds))
  }

  has(feed: number, flag: number): boolean {
    return (this.flags[feed]! & flag) !== 0
  }

  raise(feed: number, flag: number): void {
    this.flags[feed] = this.flags[feed]! | flag
  }

  lower(feed: number, flag: number): void {
    this.flags[feed] = this.flags[feed]! & ~flag
  }

  enqueue(feed: number): boolean {
    if (this.has(feed, QUEUED)) return false
    this.raise(feed, QUEUED)
    this.#queue.push(feed)
    return true
  }

  /** The feed that is served next, or -1; it counts as queued until lowered. */
  dequeue(): number {
    const feed = this.#queue[this.#queueAt]
    if (feed === undefined) return -1
    this.#queueAt += 1
    if (this.#queueAt * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#queueAt)
      this.#queueAt = 0
    }
    return feed
  }

  get queued(): number {
    return this.#queue.length - this.#queueAt
  }
}
