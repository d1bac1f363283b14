import type { From } from './behaviour.js'
import type { Envelope } from './envelope.js'
import type { Counters } from './inspect.js'
import { senderKey } from './sender-key.js'
import type { ThreadPort } from './thread-port.js'

/**
 * The way to one other kernel. What a turn sends is collected and posted as one batch at its end.
 *
 * Every batch tells how many envelopes its sender has received, so each side knows how many of its
 * own wait unread at the other: while that is `WINDOW` or more, new calls, casts and streams are
 * refused. Answers and control envelopes always go: their number follows from what was let through.
 */

/** A few ms of small messages; with it a flood is refused where it begins, not stored in a port. */
export const WINDOW = 8_192
/** A batch larger than this is posted before the turn ends, so that the other side can begin. */
const BATCH = 1_024

/** Something of a third kernel that this link carried on and that has not ended. */
export interface Forwarded {
  readonly kind: 'call' | 'open' | 'monitor'
  readonly name: string
  readonly from: From
}

export class Link {
  /** Address of the kernel at the other end. */
  readonly address: string
  readonly threadName: string
  readonly port: ThreadPort
  isDown = false

  readonly #counters: Counters
  readonly #changed: (link: Link) => void
  readonly #unsendable: (envelope: Envelope, link: Link) => void
  readonly #forwarded = new Map<string, Forwarded>()
  #outbox: Envelope[] = []
  #transfer: ArrayBuffer[] = []
  #isChanged = false
  #sent = 0
  #readByPeer = 0
  #received = 0
  #receivedTold = 0

  /** `changed`: there is something to flush; told once until it is. */
  constructor(
    address: string,
    threadName: string,
    port: ThreadPort,
    counters: Counters,
    changed: (link: Link) => void,
    unsendable: (envelope: Envelope, link: Link) => void,
  ) {
    this.address = address
    this.threadName = threadName
    this.port = port
    this.#counters = counters
    this.#changed = changed
    this.#unsendable = unsendable
  }

  /** Whether the other side has read enough of what it was sent to get more work. */
  get hasRoom(): boolean {
    return this.#sent - this.#readByPeer < WINDOW
  }

  send(envelope: Envelope): void {
    if (this.isDown) return
    this.#outbox.push(envelope)
    this.#sent += 1
    if ('transfer' in envelope && envelope.transfer !== undefined) {
      this.#transfer.push(...envelope.transfer)
    }
    if (this.#outbox.length >= BATCH) this.flush()
    else this.#change()
  }

  /** A batch of the other side came in: keeps the account of both windows. */
  noteReceived(envelopeCount: number, readByPeer: number): void {
    this.#received += envelopeCount
    this.#readByPeer = readByPeer
    // The other side learns it from the next batch; where there is none, one is made for it.
    if (this.#received - this.#receivedTold >= WINDOW / 4) this.#change()
  }

  /** Posts what was collected. */
  flush(): void {
    this.#isChanged = false
    if (this.isDown) return
    const envelopes = this.#outbox
    const transfer = this.#transfer
    if (envelopes.length === 0 && this.#received === this.#receivedTold) return
    this.#outbox = []
    if (transfer.length > 0) this.#transfer = []
    try {
      this.#post(envelopes, transfer)
    } catch {
      this.#postEach(envelopes)
    }
  }

  /** Nothing goes out any longer, and what waited is dropped. */
  close(): void {
    this.isDown = true
    this.#outbox = []
    this.#transfer = []
  }

  // --- what passes through ---

  get forwardedCount(): number {
    return this.#forwarded.size
  }

  noteForwarded(forwarded: Forwarded): void {
    this.#forwarded.set(senderKey(forwarded.from), forwarded)
  }

  forgetForwarded(from: From): void {
    this.#forwarded.delete(senderKey(from))
  }

  /** The kernel at this address needs no answer any longer. */
  forgetForwardedOf(address: string): void {
    for (const [key, { from }] of this.#forwarded) {
      if (from.caller === address) this.#forwarded.delete(key)
    }
  }

  takeForwarded(): Forwarded[] {
    const all = [...this.#forwarded.values()]
    this.#forwarded.clear()
    return all
  }

  #change(): void {
    if (this.#isChanged) return
    this.#isChanged = true
    this.#changed(this)
  }

  #post(envelopes: readonly Envelope[], transfer: readonly ArrayBuffer[]): void {
    this.port.post({ envelopes, received: this.#received }, transfer)
    this.#receivedTold = this.#received
    this.#counters.posts += 1
    this.#counters.envelopes += envelopes.length
  }

  /** One of a batch cannot cross, which fails the whole post: the others go alone. */
  #postEach(envelopes: readonly Envelope[]): void {
    for (const envelope of envelopes) {
      try {
        const transfer = 'transfer' in envelope ? (envelope.transfer ?? []) : []
        this.#post([envelope], transfer)
      } catch {
        this.#sent -= 1
        this.#unsendable(envelope, this)
      }
    }
  }
}
