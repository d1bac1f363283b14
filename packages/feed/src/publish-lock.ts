import type { FileSystem } from '@dunbar/actor'
import { CodedError, isCodedError, MAX_SEQUENCE, type Sequence } from '@dunbar/core'
import { bytesEqual } from './frame.js'
import type { HeldFeed } from './own-feed.js'
import type { PublishState, PublishStatus } from './protocol.js'
import { PublishClaims } from './publish-claims.js'
import { PublishMark } from './publish-mark.js'
import { requestInvalid } from './stream-bounds.js'

/** Why nothing may be signed, and whether peers can do something about it. */
interface Reason {
  readonly text: string
  readonly cure: 'none' | 'messages' | 'confirmation'
}

const WAIT = {
  none: 'Two branches of a feed are never one again: go on with a new identity',
  messages:
    'Stay connected until peers have sent what is missing, or run `dunbar unlock` if you know that nothing is',
  confirmation:
    'Stay connected until peers have confirmed what is here, or run `dunbar unlock` if you know that nothing newer exists',
} as const

/**
 * The publish lock. Two messages with one sequence end a feed for ever, so a node signs only when
 * it knows that it holds the newest message of its own feed. What it knows comes from the
 * high-water mark, which is synced outside the feed's folder before a message is acknowledged, and
 * from what peers say.
 *
 * | mark | log, and what peers say | state |
 * | --- | --- | --- |
 * | at or below the head | holds the mark's message, nothing above the head, nothing from elsewhere | `safe` |
 * | above the head | lost messages, restored backup | `recovering` |
 * | at or below the head | holds another message in that place | `recovering` |
 * | none, or that of another identity | the secret came from elsewhere | `recovering` |
 * | | messages came from elsewhere, and peers have not confirmed them | `recovering` |
 * | | a peer, no stranger, knows a message above the head | `recovering` |
 * | | holds messages above the head | `recovering` |
 * | | a second signed message for one place is known | `recovering`, for good |
 *
 * It opens when peers have confirmed the head as the newest message, and all that any peer has claimed
 * and that the mark stands for is held: then the mark is raised to the head before anything may be
 * signed. Who may confirm is the business of replication, which knows the peers. Or it opens by the
 * word of the user, who takes the risk.
 */
export class PublishLock {
  readonly #mark: PublishMark
  readonly #claims: PublishClaims

  /** Reads its two files, `publish-mark` and `publish-claims`; touches the disk. @throws {STORE_FAILED} */
  constructor(fs: FileSystem, root: string, publicKey: Uint8Array) {
    this.#mark = new PublishMark(fs, `${root}/publish-mark`)
    this.#claims = new PublishClaims(fs, `${root}/publish-claims`, publicKey)
  }

  isOpen(held: HeldFeed): boolean {
    return this.#reason(held) === null
  }

  status(held: HeldFeed): PublishStatus {
    const proven = held.highest > held.head ? held.highest : 0
    return {
      state: this.#state(held),
      held: held.head,
      mark: this.#mark.read()?.sequence ?? null,
      claimed: Math.max(this.#claims.claimed, proven),
    }
  }

  #state(held: HeldFeed): PublishState {
    try {
      return this.isOpen(held) ? 'safe' : 'recovering'
    } catch (error) {
      // A log that can't be read must not keep anybody from asking how things are.
      if (isCodedError(error)) return 'unknown'
      throw error
    }
  }

  /** @throws {PUBLISH_LOCKED} the node may not hold the newest message of its own feed */
  assertOpen(held: HeldFeed): void {
    const reason = this.#reason(held)
    if (reason === null) return
    const text = `publishing is locked: ${reason.text}. ${WAIT[reason.cure]}`
    throw new CodedError('PUBLISH_LOCKED', text, { ...this.status(held), highest: held.highest })
  }

  /** Notes what was signed here; resolves when it is on the disk. Errors as `PublishMark.raise`. */
  raise(sequence: Sequence, keyBytes: Uint8Array): Promise<void> {
    return this.#mark.raise(sequence, keyBytes)
  }

  /** Closes before messages are appended that were not signed here. @throws {STORE_FULL} @throws {STORE_FAILED} */
  expectElsewhere(): Promise<void> {
    return this.#claims.require()
  }

  /**
   * What a peer said to be the newest message that it knows; opens nothing. The word of a stranger
   * closes no lock that is open: anybody could say so, and whoever knows a newer message can send it.
   * @throws {REQUEST_INVALID} no sequence: a peer that knows nothing of the feed says nothing about it
   * @throws {STORE_FULL} @throws {STORE_FAILED}
   */
  async claim(sequence: Sequence, held: HeldFeed, isStranger = false): Promise<void> {
    assertSequence(sequence)
    if (isStranger && sequence > held.head && this.isOpen(held)) return
    await this.#claims.claim(sequence, held.head)
  }

  /**
   * Peers agree that a message is the newest one: opens where that is the head, and does nothing where
   * more or less is held by now.
   * @throws {REQUEST_INVALID} no sequence
   * @throws {STORE_FULL} @throws {STORE_FAILED}
   */
  async confirm(sequence: Sequence, held: HeldFeed): Promise<void> {
    assertSequence(sequence)
    if (sequence === held.head) await this.#open(held)
  }

  /**
   * The user decides that what is held is all there is. What peers have claimed so far is void.
   * @throws {UNLOCK_REFUSED} signing would surely fork the feed, or it is forked already
   * @throws {STORE_FULL} @throws {STORE_FAILED}
   */
  async unlock(held: HeldFeed): Promise<void> {
    const { head, highest, isForked } = held
    const refused = (text: string) =>
      new CodedError('UNLOCK_REFUSED', `publishing stays locked: ${text}`, { head, highest })
    if (isForked) throw refused(`${FORKED}. ${WAIT.none}`)
    if (highest > head) throw refused(`${beyondGap(held)}, so those between exist too`)
    if (this.isOpen(held)) return
    const key = head === 0 ? held.publicKey : held.keyAt(head)
    if (key === null) throw refused('the newest message can not be read; run `dunbar verify`')
    await this.#mark.reset(head, key)
    await this.#claims.overrule()
  }

  async #open(held: HeldFeed): Promise<void> {
    const reason = this.#reason(held)
    if (reason?.cure !== 'confirmation') return
    const key = held.keyAt(held.head)
    if (key === null) return
    await this.#mark.raise(held.head, key)
    await this.#claims.settle()
  }

  #reason(held: HeldFeed): Reason | null {
    const { head, highest, isForked } = held
    if (isForked) return { text: FORKED, cure: 'none' }
    const mark = this.#mark.read()
    const { standing } = this.#claims
    if (mark !== null && mark.sequence > head) {
      const text = `message ${mark.sequence} was published, but only ${head} are here`
      return { text, cure: 'messages' }
    }
    if (highest > head) return { text: beyondGap(held), cure: 'messages' }
    if (standing > head) {
      const text = `a peer knows message ${standing} of this feed, but only ${head} are here: this is an old copy, or the key is in use elsewhere`
      return { text, cure: 'messages' }
    }
    if (mark !== null && mark.sequence > 0) {
      const key = held.keyAt(mark.sequence)
      if (key === null || !bytesEqual(key, mark.keyBytes)) {
        const text = `message ${mark.sequence} that was published is not the one that is here`
        return { text, cure: 'messages' }
      }
    }
    if (this.#mark.isDamaged) return { text: 'the publish mark is damaged', cure: 'confirmation' }
    if (mark === null || (mark.sequence === 0 && !bytesEqual(mark.keyBytes, held.publicKey))) {
      return { text: 'this identity may have newer messages elsewhere', cure: 'confirmation' }
    }
    if (this.#claims.isUnconfirmed) {
      const text = 'messages of this feed came from elsewhere, and there may be more of them'
      return { text, cure: 'confirmation' }
    }
    return null
  }
}

function assertSequence(sequence: Sequence): void {
  if (Number.isInteger(sequence) && sequence >= 1 && sequence <= MAX_SEQUENCE) return
  throw requestInvalid('a sequence is a whole number from 1 on')
}

const FORKED = 'this feed is forked: two of its signed messages share one place'

const beyondGap = ({ head, highest }: HeldFeed): string =>
  `message ${highest} exists, but only ${head} are here without a gap`
