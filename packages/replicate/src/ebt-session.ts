/**
 * One EBT session of the classic format over one duplex stream. What comes is read as bytes; what
 * goes is notes, as text, and stored messages, as they are. Notes go first: they are short, and the
 * other side waits for them.
 */
import { type FeedId, isFeedId } from '@dunbar/core'
import type { FeedClient } from '@dunbar/feed'
import { RawJson, type ReceivedBatch } from '@dunbar/wire'
import type { EbtEngine } from './ebt-engine.js'
import type { EbtPeer } from './ebt-peer.js'
import { ReplicationError } from './error.js'
import { FeedServing } from './feed-serving.js'
import type { Intake } from './intake.js'
import { isNotes, type MessageHead, readMessageHead, readNotes } from './items.js'
import type { ReplicationLimits } from './limits.js'
import { noteSequence, readNote } from './notes.js'
import { SessionOutput } from './session-output.js'

/** What a session is built on. */
export interface SessionParts {
  readonly engine: EbtEngine
  readonly peer: EbtPeer
  readonly intake: Intake
  readonly ownId: FeedId
  readonly limits: ReplicationLimits
  feedOf(id: FeedId): FeedClient
  /** Monotonic, ms. */
  now(): number
  /** Runs once, after a while; returns how to take that back. */
  after(delayMs: number, run: () => void): () => void
  /** The peer knows the own feed up to here. */
  onOwnFeed(sequence: number): void
  /** The first item came: both sides speak EBT. */
  onSpoken(): void
  /** The session is over; called once. */
  onEnd(): void
}

/** A feed that could not be read is tried again after this. */
const RETRY_MS = 1_000

export class EbtSession {
  /** What is sent. */
  readonly output: SessionOutput
  readonly peer: EbtPeer
  readonly intake: Intake
  readonly #parts: SessionParts
  readonly #serving: FeedServing
  readonly #retries = new Set<() => void>()
  readonly #head: MessageHead = { author: '', sequence: 0, start: 0, end: 0 }
  #isWaking = false
  #isOver = false
  #hasSpoken = false
  #ownSequence = 0

  constructor(parts: SessionParts) {
    const { engine, peer, intake, limits, feedOf } = parts
    this.#parts = parts
    this.peer = peer
    this.intake = intake
    this.#serving = new FeedServing({
      engine,
      peer,
      feedOf,
      maxFeeds: limits.servedFeeds,
      onReady: () => this.wake(),
      onFailure: (_error, retry) => this.#retryLater(retry),
    })
    this.output = new SessionOutput(() => this.#take())
    this.output.onLeave(() => this.#finish())
  }

  /** Messages that were given to the socket. */
  get sentCount(): number {
    return this.#serving.sentCount
  }

  get hasSpoken(): boolean {
    return this.#hasSpoken
  }

  /** There may be something to send. Cheap; may be called within an event of the engine. */
  wake(): void {
    if (this.#isWaking) return
    this.#isWaking = true
    queueMicrotask(() => {
      this.#isWaking = false
      this.output.wake()
    })
  }

  /** Reads what comes until it ends. Rejects with what the other side's stream failed with. */
  async read(batches: AsyncIterable<ReceivedBatch>): Promise<void> {
    try {
      for await (const batch of batches) {
        if (this.#isOver) break
        this.#readBatch(batch)
        await this.intake.flush()
      }
    } finally {
      this.end()
    }
  }

  /** Ends the session from this side. */
  end(failure: ReplicationError | null = null): void {
    this.output.end(failure)
    this.#finish()
  }

  /** Ends it since a newer one took its place. */
  supersede(): void {
    this.end(new ReplicationError('EBT_RECONNECTED', 'reconnected to peer'))
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#serving.close()
    for (const cancel of this.#retries) cancel()
    this.#parts.onEnd()
  }

  #take(): unknown {
    if (this.#isOver) return null
    const notes = this.#parts.engine.takeNotes(this.peer)
    return notes === null ? this.#serving.take() : new RawJson(Buffer.from(notes))
  }

  #readBatch(batch: ReceivedBatch): void {
    for (let index = 0; index < batch.count; index++) {
      const bytes = batch.body(index)
      if (!batch.isJson(index)) this.intake.conduct.useless()
      else if (readMessageHead(bytes, this.#head)) this.#readMessage(bytes)
      else if (isNotes(bytes)) this.#readNotes(bytes)
      else this.intake.conduct.useless()
      if (this.#isOver) return
    }
  }

  #readMessage(bytes: Buffer): void {
    const { author, sequence, start, end } = this.#head
    this.intake.message(author, sequence, bytes.subarray(start, end))
  }

  #readNotes(bytes: Buffer): void {
    const { engine, limits, onSpoken } = this.#parts
    const nowMs = this.#parts.now()
    engine.beginNotes(this.peer, nowMs)
    if (!this.#hasSpoken) {
      this.#hasSpoken = true
      onSpoken()
    }
    const { conduct } = this.intake
    const count = readNotes(bytes, limits.frameNotes, (id, value) => {
      const note = readNote(value)
      if (note === null || (engine.feeds.numberOf(id) === -1 && !isFeedId(id))) return
      if (id === this.#parts.ownId) this.#ownFeedIs(noteSequence(note))
      engine.note(this.peer, id, note, nowMs)
    })
    if (count === -1) conduct.useless()
    else conduct.notes(count)
  }

  #ownFeedIs(sequence: number): void {
    if (sequence < 1 || sequence === this.#ownSequence) return
    this.#ownSequence = sequence
    this.#parts.onOwnFeed(sequence)
  }

  #retryLater(retry: () => void): void {
    const cancel = this.#parts.after(RETRY_MS, () => {
      this.#retries.delete(cancel)
      retry()
    })
    this.#retries.add(cancel)
  }
}
