import { type ActorError, actorError } from './actor-error.js'
import type { From } from './behaviour.js'
import type { MailEnvelope } from './envelope.js'

/** What stands behind one name, or behind all names with a prefix. */
export interface Receiver {
  /** Takes mail in, or says why not. */
  receive(mail: MailEnvelope): ActorError | null
  /** A caller gave up, or a reader left. */
  cancel(name: string, from: From): void
  /** A reader has room for more chunks. */
  credit(name: string, from: From, count: number): void
  /** Why nobody with this name can be watched; null where it can. A name that is started on demand can. */
  downReason(name: string): ActorError | null
  /** A kernel ended: its streams close, its calls need no answer. */
  forget(address: string): void
}

/** The names that live in one kernel. */
export class Registry {
  readonly #byName = new Map<string, Receiver>()
  /** Few, and looked at only for names that nobody has. */
  readonly #byPrefix = new Map<string, Receiver>()

  find(name: string): Receiver | undefined {
    const exact = this.#byName.get(name)
    if (exact !== undefined) return exact
    for (const [prefix, receiver] of this.#byPrefix) {
      if (name.startsWith(prefix)) return receiver
    }
    return undefined
  }

  /** Takes the place of an earlier holder only where that one has ended. @throws {ACTOR_NAME_TAKEN} */
  add(name: string, receiver: Receiver): void {
    const holder = this.#byName.get(name)
    if (holder !== undefined && holder !== receiver && holder.downReason(name) === null) {
      throw actorError('ACTOR_NAME_TAKEN', name, 'another actor has this name')
    }
    this.#byName.set(name, receiver)
  }

  remove(name: string, receiver: Receiver): void {
    if (this.#byName.get(name) === receiver) this.#byName.delete(name)
  }

  /** @throws {ACTOR_NAME_TAKEN} where the prefix is in use */
  addPrefix(prefix: string, receiver: Receiver): void {
    if (this.#byPrefix.has(prefix)) {
      throw actorError('ACTOR_NAME_TAKEN', prefix, 'another supervisor has this prefix')
    }
    this.#byPrefix.set(prefix, receiver)
  }

  removePrefix(prefix: string, receiver: Receiver): void {
    if (this.#byPrefix.get(prefix) === receiver) this.#byPrefix.delete(prefix)
  }

  forget(address: string): void {
    for (const receiver of this.#byName.values()) receiver.forget(address)
    for (const receiver of this.#byPrefix.values()) receiver.forget(address)
  }
}
