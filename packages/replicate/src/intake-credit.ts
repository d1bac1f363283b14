/**
 * How many bytes of received messages one connection may have on the way to the shards.
 *
 * It begins with little: threads that do all this for the first time are slow, compile beside it, and
 * what comes at once waits for each other and keeps local calls waiting. What was looked at makes
 * room for more, so that a peer who sends much is soon bound by nothing but the most.
 */

/** A hundred messages: as much as one read of the socket brings. */
export const FIRST_CREDIT_BYTES = 64 * 1024
/** What each byte that was looked at adds. */
const GROWTH = 0.25

/** The account of one connection. */
export class IntakeCredit {
  readonly #mostBytes: number
  #limitBytes: number
  #underWayBytes = 0

  /** @param mostBytes what it may ever have under way */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
    this.#limitBytes = Math.min(FIRST_CREDIT_BYTES, mostBytes)
  }

  /** Whether nothing is under way. */
  get isFree(): boolean {
    return this.#underWayBytes === 0
  }

  /** Whether no more should be read; one piece may go beyond. */
  get isUsedUp(): boolean {
    return this.#underWayBytes >= this.#limitBytes
  }

  /** Messages of so many bytes are under way. */
  take(sizeBytes: number): void {
    this.#underWayBytes += sizeBytes
  }

  /** They were looked at. */
  give(sizeBytes: number): void {
    this.#underWayBytes -= sizeBytes
    this.#limitBytes = Math.min(this.#limitBytes + sizeBytes * GROWTH, this.#mostBytes)
  }
}
