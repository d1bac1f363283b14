import type { Context } from '@dunbar/actor'
import { type FeedId, feedIdToBytes, isCodedError, type Sequence } from '@dunbar/core'
import { type ClassicMessage, readClassic, verifySignature } from '@dunbar/formats'
import { bytesEqual, FrameReader } from './frame.js'
import { CPU_ACTOR_NAME, feedActorName, type ShardHost } from './shard-host.js'
import { encodeSignatureBatch } from './signature-batch.js'

/**
 * Checks the messages that were taken on an author's word: form, key and signature of each, feed
 * after feed, a batch at a time. A batch is checked only while a core is idle, by the cpu pool; what
 * it finds is told to the feed's actor, which lifts the mark or cuts the feed back. Nothing of it is
 * kept: after a restart the check of a feed begins anew.
 */

/** Messages are not checked while more of them come: so long after the last block it begins, ms. */
const QUIET_MS = 1_000
/** Between two looks for an idle core, ms. */
const BUSY_MS = 50
const BATCH_MESSAGES = 256
/** Messages that are parsed between two turns of others: about 1 ms. */
const SLICE_MESSAGES = 32
const BATCH_BYTES = 1024 * 1024
const POOL_DEADLINE_MS = 10 * 60_000
const SETTLE_DEADLINE_MS = 10 * 60_000

/** What was found: all is in order up to a message, or one is not. */
export interface SignatureFinding {
  /** The last message that was looked at. */
  readonly through: Sequence
  readonly fault: { readonly sequence: Sequence; readonly reason: string } | null
}

export class SignaturePass {
  readonly #host: ShardHost
  readonly #context: Context
  #cancel: (() => void) | null = null
  #isRunning = false
  #isClosed = false
  /** Blocks were taken since the pass last looked for feeds. */
  #hasNews = false

  constructor(host: ShardHost, context: Context) {
    this.#host = host
    this.#context = context
  }

  /** There are messages to check. */
  begin(): void {
    this.#hasNews = true
    if (this.#isRunning || this.#isClosed) return
    this.#cancel?.()
    this.#cancel = this.#context.timers.set(QUIET_MS, () => {
      this.#cancel = null
      this.#isRunning = true
      void this.#run().finally(() => {
        this.#isRunning = false
        if (this.#hasNews) this.begin()
      })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  get #isOver(): boolean {
    return this.#isClosed || !this.#host.store.isReady
  }

  async #run(): Promise<void> {
    const { logger } = this.#context
    this.#hasNews = false
    for (const id of this.#host.store.uncheckedFeeds()) {
      try {
        const finding = await this.#check(id)
        if (finding === null || this.#isOver) return
        await this.#context.router.call(
          feedActorName(id),
          { op: 'settleChecks', ...finding },
          { lane: 'remote', deadlineMs: SETTLE_DEADLINE_MS },
        )
      } catch (error) {
        if (this.#isOver) return
        const code = isCodedError(error) ? error.code : 'INTERNAL'
        logger.log('warn', 'feed', 'signatures could not be checked', { id, code })
      }
    }
  }

  /** Null where the pass is over before the end. */
  async #check(id: FeedId): Promise<SignatureFinding | null> {
    const { store } = this.#host
    const feed = store.feedNumber(feedIdToBytes(id))
    const range = feed === -1 ? null : store.unchecked(feed)
    if (range === null) return null
    let next = range.first
    for (;;) {
      const head = Math.min(range.last, store.headSequence(feed))
      if (next > head) return { through: head, fault: null }
      if (!(await this.#idleCore())) return null
      try {
        const most = Math.min(BATCH_MESSAGES, head - next + 1)
        const { frames, count } = store.readRange(feed, next, most, BATCH_BYTES)
        // Damage proves nothing against the author: what comes in its place is checked as it comes.
        if (count === 0) return { through: next - 1, fault: null }
        const fault = await this.#checkFrames(id, new FrameReader(frames), next)
        if (fault !== null) return fault
        next += count
      } finally {
        this.#host.cores.give()
      }
      if (this.#isOver) return null
    }
  }

  async #checkFrames(
    id: FeedId,
    frames: FrameReader,
    first: Sequence,
  ): Promise<SignatureFinding | null> {
    const { hmacKey } = this.#host
    const messages: ClassicMessage[] = []
    let fault: SignatureFinding | null = null
    while (fault === null && frames.next()) {
      const sequence = first + messages.length
      const read = readClassic(frames.message, hmacKey === null ? {} : { hmacKey })
      if (!read.ok) fault = faulty(sequence, read.reason)
      else if (read.message.author !== id) fault = faulty(sequence, 'AUTHOR_MISMATCH')
      else if (read.message.sequence !== sequence) fault = faulty(sequence, 'SEQUENCE')
      else if (!bytesEqual(read.message.keyBytes, frames.keyBytes)) fault = faulty(sequence, 'KEY')
      else messages.push(read.message)
      if (messages.length % SLICE_MESSAGES === 0) await this.#turn()
    }
    const verdicts = await this.#verdicts(id, messages)
    const at = verdicts.indexOf(0)
    return at === -1 ? fault : faulty(first + at, 'SIGNATURE')
  }

  async #verdicts(id: FeedId, messages: readonly ClassicMessage[]): Promise<Uint8Array> {
    if (messages.length === 0) return new Uint8Array(0)
    const batch = encodeSignatureBatch(feedIdToBytes(id), messages)
    try {
      const verdicts = await this.#context.router.call<Uint8Array>(
        CPU_ACTOR_NAME,
        { op: 'verify', batch },
        { lane: 'remote', deadlineMs: POOL_DEADLINE_MS, transfer: [batch] },
      )
      if (verdicts.length === messages.length) return verdicts
    } catch {
      // The pool may be gone; the check goes on here.
    }
    const verdicts = new Uint8Array(messages.length)
    for (const [at, message] of messages.entries()) {
      if (at % SLICE_MESSAGES === 0) await this.#turn()
      verdicts[at] = verifySignature(message) ? 1 : 0
    }
    return verdicts
  }

  /** Waits for a core that nobody uses, and takes it; false where the pass is over. */
  async #idleCore(): Promise<boolean> {
    const { timers } = this.#context
    while (!this.#isOver) {
      if (this.#host.cores.take()) return true
      await new Promise<void>((resolve) => {
        this.#cancel = timers.set(BUSY_MS, resolve)
      })
    }
    return false
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#context.turns.soon(resolve))
  }
}

const faulty = (sequence: Sequence, reason: string): SignatureFinding => ({
  through: sequence,
  fault: { sequence, reason },
})
