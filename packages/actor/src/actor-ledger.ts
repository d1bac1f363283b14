import type { ActorError } from './actor-error.js'
import type { Effect, From, SystemInfo } from './behaviour.js'
import { Deadline } from './deadline.js'
import type { Environment } from './environment.js'
import { senderKey } from './sender-key.js'

/**
 * What one actor owes and is owed: calls to answer, timers, and names that it watches. The call
 * whose handler runs is in hand; only one that the handler leaves unanswered is entered in a table,
 * since nearly all are answered at once.
 */
export class ActorLedger {
  readonly #name: string
  readonly #environment: Environment
  readonly #inform: (info: SystemInfo) => void
  #inHand: From | null = null
  #owed: Map<string, From> | null = null
  #timers: Map<string, Deadline> | null = null
  #watched: Map<string, () => void> | null = null

  constructor(name: string, environment: Environment, inform: (info: SystemInfo) => void) {
    this.#name = name
    this.#environment = environment
    this.#inform = inform
  }

  // --- calls ---

  get owedCount(): number {
    return (this.#owed?.size ?? 0) + (this.#inHand === null ? 0 : 1)
  }

  /** The handler of this call runs next. */
  takeInHand(from: From): void {
    this.#inHand = from
  }

  /** Sends the answers of an effect. What the handler left unanswered is owed from here on. */
  answer({ replies, refusals }: Effect<unknown>): void {
    const { exchange } = this.#environment
    if (replies !== undefined) {
      for (const { to, value, transfer } of replies) {
        this.settle(to)
        exchange.reply(to, value, transfer)
      }
    }
    if (refusals !== undefined) {
      for (const { to, error } of refusals) {
        this.settle(to)
        exchange.refuse(to, error)
      }
    }
    if (this.#inHand === null) return
    this.#owed ??= new Map()
    this.#owed.set(senderKey(this.#inHand), this.#inHand)
    this.#inHand = null
  }

  /** The call was answered, or is no longer waited for. */
  settle(from: From): void {
    if (this.#inHand?.callId === from.callId && this.#inHand.caller === from.caller) {
      this.#inHand = null
    } else {
      this.#owed?.delete(senderKey(from))
    }
  }

  refuseAll(error: ActorError): void {
    const { exchange } = this.#environment
    if (this.#inHand !== null) exchange.refuse(this.#inHand, error)
    for (const from of this.#owed?.values() ?? []) exchange.refuse(from, error)
    this.#inHand = null
    this.#owed = null
  }

  /** The kernel at this address ended. */
  forget(address: string): void {
    if (this.#inHand?.caller === address) this.#inHand = null
    for (const [key, from] of this.#owed ?? []) {
      if (from.caller === address) this.#owed?.delete(key)
    }
  }

  // --- timers and watching ---

  /** Does what an effect says of timers and monitors. */
  arrange({ timers, monitor, demonitor }: Effect<unknown>): void {
    if (timers !== undefined) {
      for (const [name, delayMs] of Object.entries(timers)) this.#setTimer(name, delayMs)
    }
    for (const name of monitor ?? []) this.#watch(name)
    for (const name of demonitor ?? []) {
      this.#watched?.get(name)?.()
      this.#watched?.delete(name)
    }
  }

  /** The actor ends: no timer fires and nobody is watched any longer. */
  clear(): void {
    for (const deadline of this.#timers?.values() ?? []) this.#environment.wheel.clear(deadline)
    for (const unwatch of this.#watched?.values() ?? []) unwatch()
    this.#timers = null
    this.#watched = null
  }

  #setTimer(name: string, delayMs: number | null): void {
    const { wheel } = this.#environment
    this.#timers ??= new Map()
    let deadline = this.#timers.get(name)
    if (delayMs === null) {
      if (deadline !== undefined) wheel.clear(deadline)
      this.#timers.delete(name)
      return
    }
    if (deadline === undefined) {
      deadline = new Deadline(() => this.#inform({ op: 'timer', name }))
      this.#timers.set(name, deadline)
    }
    wheel.set(deadline, delayMs)
  }

  #watch(name: string): void {
    this.#watched ??= new Map()
    if (name === this.#name || this.#watched.has(name)) return
    const unwatch = this.#environment.monitors.watch(name, (reason) => {
      this.#watched?.delete(name)
      this.#inform({ op: 'down', name, reason })
    })
    this.#watched.set(name, unwatch)
  }
}
