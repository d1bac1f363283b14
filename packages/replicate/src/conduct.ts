import { type Rejection, RejectionTally } from '@dunbar/feed'
import type { ReplicationLimits } from './limits.js'
import { RateWindow } from './rate-window.js'

/** Why a peer is let go. */
export type Offence = 'useless-items' | 'known-messages' | 'refused-messages' | 'many-notes'

/** What conduct is judged by. */
export interface ConductParts {
  readonly limits: ReplicationLimits
  /** Monotonic, ms. */
  now(): number
  /** It was too much of this; called each time. */
  onOffence(offence: Offence): void
}

/**
 * What one connection has sent, over all of its sessions: a peer that begins anew begins with what it
 * did before.
 */
export class Conduct {
  readonly #parts: ConductParts
  readonly #tally = new RejectionTally()
  readonly #useless: RateWindow
  readonly #known: RateWindow
  readonly #refused: RateWindow
  readonly #notes: RateWindow
  readonly #sessions: RateWindow
  readonly #clocks: RateWindow
  readonly #archives: RateWindow
  /** Messages that were new. */
  receivedCount = 0
  uselessCount = 0

  constructor(parts: ConductParts) {
    const { limits } = parts
    this.#parts = parts
    this.#useless = new RateWindow(limits.uselessItems)
    this.#known = new RateWindow(limits.knownItems)
    this.#refused = new RateWindow(limits.refusedItems)
    this.#notes = new RateWindow(limits.notes)
    this.#sessions = new RateWindow(limits.begunSessions)
    this.#clocks = new RateWindow(limits.askedClocks)
    this.#archives = new RateWindow(limits.askedArchives)
  }

  get refusals(): readonly Rejection[] {
    return this.#tally.list()
  }

  /** Messages that were refused, by reason. */
  rejected(rejections: readonly Rejection[]): void {
    this.#tally.addAll(rejections)
  }

  /** Something that nobody asked for, or that can't be read. */
  useless(): void {
    this.uselessCount += 1
    this.#count(this.#useless, 1, 'useless-items')
  }

  /** A message that is held already, or that can't be placed. */
  known(): void {
    this.uselessCount += 1
    this.#count(this.#known, 1, 'known-messages')
  }

  /** A message whose refusal is the peer's fault. */
  refused(): void {
    this.#count(this.#refused, 1, 'refused-messages')
  }

  /** A frame of notes. */
  notes(count: number): void {
    this.#count(this.#notes, Math.max(1, count), 'many-notes')
  }

  /** Whether the peer may begin one more session. */
  mayBegin(): boolean {
    return this.#sessions.add(1, this.#parts.now())
  }

  /** Whether the peer may ask for one more clock. */
  mayAskForClock(): boolean {
    return this.#clocks.add(1, this.#parts.now())
  }

  /** Whether the peer may ask for archives once more. */
  mayAskForArchives(): boolean {
    return this.#archives.add(1, this.#parts.now())
  }

  #count(window: RateWindow, count: number, offence: Offence): void {
    if (!window.add(count, this.#parts.now())) this.#parts.onOffence(offence)
  }
}
