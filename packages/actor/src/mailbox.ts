import type { From, Lane } from './behaviour.js'
import type { MailEnvelope, MailLane } from './envelope.js'
import { Ring } from './ring.js'

/**
 * The three lanes of one actor. What others send is refused when its lane is full. What the kernel
 * itself adds is bounded by what the actor has open: one pull and one close for each stream, one info
 * for each timer, monitor and task, one continuation for each call that is owed.
 */

/** What an actor works through. */
export type Mail =
  | MailEnvelope
  | { readonly kind: 'info'; readonly info: unknown }
  /** Work that the actor goes on with; waits in a lane where it lets others go first. */
  | { readonly kind: 'continue'; readonly token: unknown }
  /** The stream may have something and its reader has room. */
  | { readonly kind: 'pull'; readonly streamId: number }
  /** The reader of the stream left. */
  | { readonly kind: 'close'; readonly streamId: number }
  /** A call or an open that was taken back while it waited. */
  | { readonly kind: 'withdrawn' }

/** Default room of the lanes `local` and `remote`: more than a turn brings, little enough to answer within a deadline. */
export const MAIL_CAPACITY = 1_024
/** Infos that may wait. An actor that has asked for more than that at once is broken, and crashes. */
export const SYSTEM_CAPACITY = 4_096

export interface MailboxLengths {
  readonly system: number
  readonly local: number
  readonly remote: number
}

const WITHDRAWN: Mail = { kind: 'withdrawn' }

export class Mailbox {
  readonly #system = new Ring<Mail>()
  readonly #local = new Ring<Mail>()
  readonly #remote = new Ring<Mail>()
  readonly #capacity: number

  constructor(capacity: number = MAIL_CAPACITY) {
    this.#capacity = capacity
  }

  /** Puts mail at the end of its lane; false where the lane is full. */
  offer(mail: MailEnvelope): boolean {
    const ring = mail.lane === 'local' ? this.#local : this.#remote
    if (ring.length >= this.#capacity) return false
    ring.push(mail)
    return true
  }

  /** Puts in mail of the kernel's own, never refused. */
  add(mail: Mail, lane: Lane): void {
    this.#ring(lane).push(mail)
  }

  /** Puts in what the actor asked to be told; false where more of it waits than an actor that works at all lets pile up. */
  addSystem(mail: Mail): boolean {
    if (this.#system.length >= SYSTEM_CAPACITY) return false
    this.#system.push(mail)
    return true
  }

  /** The next mail in a turn granted to `lane`: system mail first, then that lane's own. */
  take(lane: MailLane): Mail | undefined {
    return this.#system.shift() ?? this.#ring(lane).shift()
  }

  /** The next mail of any lane. */
  takeAny(): Mail | undefined {
    return this.#system.shift() ?? this.#local.shift() ?? this.#remote.shift()
  }

  /** Takes a waiting call or open of this sender out; false where none waits. */
  withdraw(from: From): boolean {
    const matches = (mail: Mail): boolean =>
      (mail.kind === 'call' || mail.kind === 'open') &&
      mail.from.callId === from.callId &&
      mail.from.caller === from.caller
    return (
      this.#local.replace(matches, WITHDRAWN) !== undefined ||
      this.#remote.replace(matches, WITHDRAWN) !== undefined
    )
  }

  /** The actor rests: what others sent stays, what concerned its timers and streams goes. */
  keepMessages(): void {
    this.#system.clear()
    for (const ring of [this.#local, this.#remote]) {
      for (let left = ring.length; left > 0; left -= 1) {
        const mail = ring.shift() as Mail
        if (mail.kind === 'call' || mail.kind === 'cast' || mail.kind === 'open') ring.push(mail)
      }
    }
  }

  /** Whether a turn of this lane would find mail. */
  has(lane: Lane): boolean {
    return this.#ring(lane).length > 0
  }

  get isEmpty(): boolean {
    return this.#system.length + this.#local.length + this.#remote.length === 0
  }

  lengths(): MailboxLengths {
    return {
      system: this.#system.length,
      local: this.#local.length,
      remote: this.#remote.length,
    }
  }

  #ring(lane: Lane): Ring<Mail> {
    if (lane === 'local') return this.#local
    return lane === 'remote' ? this.#remote : this.#system
  }
}
