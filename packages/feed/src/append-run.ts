import { isCodedError, type MessageKey, messageKeyFromBytes, type Sequence } from '@dunbar/core'
import {
  type ClassicMessage,
  checkSuccessor,
  type ReadOptions,
  readClassic,
  type SignedMemory,
  verifySignature,
} from '@dunbar/formats'
import { bytesEqual, frameKey, frameMessage } from './frame.js'
import type { RejectReason } from './protocol.js'
import { RejectionTally } from './rejection-tally.js'
import type { AppendEntry, ShardStore } from './shard-store.js'

/**
 * A run of messages on its way into one feed. Checking (parse, form, order, `previous`) goes ahead
 * of storing, so that signatures can be checked elsewhere meanwhile: `checkNext` moves a tentative
 * head forward and returns candidates whose place in the chain is right; `settle` is told which of
 * them carry a good signature, stores those, and drops what stood on a bad one.
 *
 * Invariant: tentative head = stored head + candidates of the chain that are not settled, in order.
 * A message whose place depends on what is not settled waits, so that the outcome is that of
 * checking and storing one message after the other.
 */

/** A message as it came; `receivedMs` is no finite number where the sender does not know. */
export interface IncomingMessage {
  readonly bytes: Uint8Array
  readonly receivedMs: number
}

/** Messages in the order they came; an array is one. */
export interface IncomingRun {
  readonly length: number
  at(index: number): IncomingMessage | undefined
}

export interface Candidate {
  readonly message: ClassicMessage
  readonly receivedMs: number
  /** False for a message that is stored without its predecessor. */
  readonly isInChain: boolean
}

export interface FeedHead {
  readonly sequence: Sequence
  readonly key: MessageKey
}

/** What the run needs of the feed that it appends to. */
export interface RunFeed {
  readonly store: ShardStore
  /** Number in the store; -1 as long as nothing of the feed is held. */
  readonly feed: number
  readonly authorId: string
  readonly hmacKey: Uint8Array | null
  /** Two signed messages at one place: keeps the second as evidence. */
  noteFork(refused: ClassicMessage, receivedMs: number): void
  now(): number
}

export class AppendRun {
  readonly #feed: RunFeed
  readonly #messages: IncomingRun
  readonly #takesOutOfOrder: boolean
  readonly tally = new RejectionTally()
  #position = 0
  #tentative: FeedHead | null
  #stored: Sequence
  #isBroken = false
  #isRepaired = false
  /** Sequences of candidates without their predecessor that are not settled. */
  readonly #aside = new Set<Sequence>()
  added = 0
  known = 0
  /** The first message that was not taken; sequence 0 for one that can't be read. */
  refused: { readonly sequence: Sequence; readonly reason: RejectReason } | null = null

  constructor(feed: RunFeed, messages: IncomingRun, takesOutOfOrder: boolean) {
    this.#feed = feed
    this.#messages = messages
    this.#takesOutOfOrder = takesOutOfOrder
    this.#tentative = storedHead(feed)
    this.#stored = this.#tentative?.sequence ?? 0
  }

  /** Whether all messages have been checked. */
  get isChecked(): boolean {
    return this.#position >= this.#messages.length
  }

  get remaining(): number {
    return this.#messages.length - this.#position
  }

  /**
   * Checks up to `most` messages and returns those whose signature decides. Stops early at a message
   * that repeats one which is not settled yet.
   * @param signedMemory where what was signed is kept, for a caller who checks the signatures at once
   */
  checkNext(most: number, signedMemory?: SignedMemory): Candidate[] {
    const candidates: Candidate[] = []
    const options = this.#readOptions(signedMemory)
    for (let checked = 0; checked < most && !this.isChecked; checked++) {
      const incoming = this.#messages.at(this.#position)!
      const read = readClassic(incoming.bytes, options)
      if (!read.ok) {
        this.tally.add(read.reason, `${this.#feed.authorId}:?`)
        this.refused ??= { sequence: 0, reason: read.reason }
      } else {
        const candidate = this.#place(read.message, incoming.receivedMs)
        if (candidate === 'wait') return candidates
        if (candidate !== null) candidates.push(candidate)
      }
      this.#position += 1
    }
    return candidates
  }

  /** Stores the candidates with a good signature. `verdicts[i]` is 1 for a good one. Returns what to store. */
  settle(candidates: readonly Candidate[], verdicts: ArrayLike<number>): AppendEntry[] {
    const entries: AppendEntry[] = []
    for (let index = 0; index < candidates.length; index++) {
      const { message, receivedMs, isInChain: wasInChain } = candidates[index]!
      const isInChain = wasInChain && !this.#isBroken
      if (wasInChain && !isInChain && !this.#takesOutOfOrder) {
        this.#reject('GAP', message)
      } else if (verdicts[index] !== 1) {
        this.#reject('SIGNATURE', message)
        if (isInChain) this.#isBroken = true
      } else {
        entries.push({
          sequence: message.sequence,
          received: Number.isFinite(receivedMs) ? receivedMs : this.#feed.now(),
          keyBytes: message.keyBytes,
          compact: message.compact,
          value: message.value,
          timestamp: message.timestamp,
          inChain: isInChain,
        })
        if (isInChain) this.#stored = message.sequence
      }
    }
    this.added += entries.length
    return entries
  }

  /** After everything under way is settled: the tentative head is the stored one again. */
  restart(): void {
    this.#tentative = storedHead(this.#feed)
    this.#stored = this.#tentative?.sequence ?? 0
    this.#isBroken = false
    this.#aside.clear()
  }

  #readOptions(signedMemory: SignedMemory | undefined): ReadOptions {
    const { hmacKey } = this.#feed
    return {
      ...(hmacKey === null ? {} : { hmacKey }),
      ...(signedMemory === undefined ? {} : { signedMemory }),
    }
  }

  get #isUnderWay(): boolean {
    return (this.#tentative?.sequence ?? 0) > this.#stored || this.#aside.size > 0
  }

  /** Whether the message repeats one that is not settled. */
  #repeatsUnderWay({ sequence }: ClassicMessage): boolean {
    const tentative = this.#tentative?.sequence ?? 0
    return (sequence > this.#stored && sequence <= tentative) || this.#aside.has(sequence)
  }

  #place(message: ClassicMessage, receivedMs: number): Candidate | 'wait' | null {
    if (message.author !== this.#feed.authorId) return this.#reject('AUTHOR_MISMATCH', message)
    if (this.#repeatsUnderWay(message)) return 'wait'
    const heldRow = this.#rowAt(message.sequence)
    if (heldRow !== -1) return this.#compareWithHeld(heldRow, message, receivedMs)
    const place = checkSuccessor(message, this.#tentative)
    if (place === 'ok') {
      this.#tentative = { sequence: message.sequence, key: message.key }
      return { message, receivedMs, isInChain: true }
    }
    if (place === 'FORK') {
      return this.#isUnderWay ? 'wait' : this.#refuseFork(message, receivedMs)
    }
    if (this.#mayBeReached(message)) return 'wait'
    if (!this.#takesOutOfOrder) return this.#reject('GAP', message)
    this.#aside.add(message.sequence)
    return { message, receivedMs, isInChain: false }
  }

  /** Whether the chain may go on to this message, over some held beyond a gap, once those under way are stored. */
  #mayBeReached({ sequence }: ClassicMessage): boolean {
    const isMoving = (this.#tentative?.sequence ?? 0) > this.#stored
    return isMoving && (this.#aside.has(sequence - 1) || this.#rowAt(sequence - 1) !== -1)
  }

  #rowAt(sequence: Sequence): number {
    const { store, feed } = this.#feed
    return feed === -1 ? -1 : store.rowAt(feed, sequence)
  }

  #compareWithHeld(
    row: number,
    message: ClassicMessage,
    receivedMs: number,
  ): Candidate | 'wait' | null {
    let held: Uint8Array
    try {
      held = frameMessage(this.#feed.store.readRow(row))
    } catch (error) {
      if (!isCodedError(error) || error.code !== 'STORE_ROW_DAMAGED') throw error
      return this.#replaceDamaged(message, receivedMs)
    }
    const isSame = bytesEqual(held, message.compact)
    // The same id, another text: the check of what is held, taken on trust, says which one was signed.
    if (isSame || (this.#isUnchecked(message.sequence) && this.#isKeyAt(row, message))) {
      if (message.sequence === this.#stored + 1 && !this.#isUnderWay) this.#closeUp()
      this.known += 1
      return null
    }
    return this.#refuseFork(message, receivedMs)
  }

  #isUnchecked(sequence: Sequence): boolean {
    const range = this.#feed.store.unchecked(this.#feed.feed)
    return range !== null && sequence >= range.first && sequence <= range.last
  }

  #isKeyAt(row: number, { keyBytes }: ClassicMessage): boolean {
    return bytesEqual(frameKey(this.#feed.store.readRow(row)), keyBytes)
  }

  /** What is held was not read when the feed was set back, and is no part of the chain yet. */
  #closeUp(): void {
    this.#feed.store.closeUp(this.#feed.feed)
    this.restart()
  }

  /** Takes the damaged row out, once a run, so that the message can come in its place. */
  #replaceDamaged(message: ClassicMessage, receivedMs: number): Candidate | 'wait' | null {
    if (this.#isUnderWay) return 'wait'
    if (this.#isRepaired) return this.#reject('STORE_ROW_DAMAGED', message)
    this.#isRepaired = true
    this.#feed.store.rebuildFeed(this.#feed.feed)
    this.restart()
    return this.#place(message, receivedMs)
  }

  /** Only a good signature proves a fork: nobody but the author can make a feed look forked. */
  #refuseFork(message: ClassicMessage, receivedMs: number): null {
    if (!verifySignature(message)) return this.#reject('SIGNATURE', message)
    this.#feed.noteFork(message, receivedMs)
    return this.#reject('FORK', message)
  }

  #reject(reason: string, message: ClassicMessage): null {
    this.tally.add(reason, `${message.author}:${message.sequence}`)
    this.refused ??= { sequence: message.sequence, reason }
    return null
  }
}

function storedHead({ store, feed }: RunFeed): FeedHead | null {
  if (feed === -1) return null
  const { sequence, headKey } = store.feedInfo(feed)
  return headKey === null ? null : { sequence, key: messageKeyFromBytes(headKey) }
}
