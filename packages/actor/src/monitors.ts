import { actorError } from './actor-error.js'
import type { ExitReason, From } from './behaviour.js'
import type { Exchange } from './exchange.js'
import { crash, plainReason } from './exit-reason.js'
import type { Link } from './link.js'
import { senderKey } from './sender-key.js'

type Tell = (reason: ExitReason) => void

/**
 * Who wants to know of whose end. Watching goes by name and outlives passivation, which is no end.
 * Each watcher is told once and forgotten then.
 */
export class Monitors {
  readonly #exchange: Exchange
  /** Watchers of names that live here. */
  readonly #watchers = new Map<string, Set<Tell>>()
  /** Those of them that other kernels sent, by sender. */
  readonly #sent = new Map<string, { readonly caller: string; unwatch(): void }>()
  /** Names watched in other kernels, by the number that the answer carries. */
  readonly #elsewhere = new Map<
    number,
    { readonly name: string; readonly link: Link; tell: Tell }
  >()

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Watches that have not been told, of names here and elsewhere. */
  get count(): number {
    let count = this.#elsewhere.size
    for (const tells of this.#watchers.values()) count += tells.size
    return count
  }

  /** Calls `tell` once, when the actor with this name ends, later than this call. Takes back by what it returns. */
  watch(name: string, tell: Tell): () => void {
    const place = this.#exchange.locate(name)
    if (place.kind === 'link') {
      const id = this.#exchange.nextId()
      const from = { callId: id, caller: this.#exchange.address }
      this.#elsewhere.set(id, { name, link: place.link, tell })
      place.link.send({ kind: 'monitor', name, from })
      return () => {
        if (this.#elsewhere.delete(id)) place.link.send({ kind: 'demonitor', name, from })
      }
    }
    const error = place.kind === 'nowhere' ? place.error : place.receiver.downReason(name)
    if (error !== null) {
      let isWanted = true
      this.#exchange.afterTurn(() => {
        if (isWanted) tell(crash(error))
      })
      return () => {
        isWanted = false
      }
    }
    return this.#watchHere(name, tell)
  }

  /** A watcher in another kernel. */
  watchFor(name: string, from: From): void {
    const key = senderKey(from)
    const unwatch = this.watch(name, (reason) => {
      this.#sent.delete(key)
      this.#exchange.answer({
        kind: 'down',
        to: from.caller,
        id: from.callId,
        name,
        reason: plainReason(reason),
      })
    })
    this.#sent.set(key, { caller: from.caller, unwatch })
  }

  unwatchFor(from: From): void {
    const key = senderKey(from)
    this.#sent.get(key)?.unwatch()
    this.#sent.delete(key)
  }

  /** An actor of this kernel ended. */
  fire(name: string, reason: ExitReason): void {
    const tells = this.#watchers.get(name)
    if (tells === undefined) return
    this.#watchers.delete(name)
    for (const tell of tells) tell(reason)
  }

  /** Another kernel says that a watched actor ended. */
  down(id: number, reason: ExitReason): void {
    const watch = this.#elsewhere.get(id)
    this.#elsewhere.delete(id)
    watch?.tell(reason)
  }

  linkDown(link: Link, reason: string): void {
    for (const [id, watch] of [...this.#elsewhere]) {
      if (watch.link !== link) continue
      this.down(id, crash(actorError('ACTOR_DOWN', watch.name, `its thread ended: ${reason}`)))
    }
  }

  /** A kernel that watched from elsewhere ended. */
  forget(address: string): void {
    for (const [key, sent] of [...this.#sent]) {
      if (sent.caller !== address) continue
      sent.unwatch()
      this.#sent.delete(key)
    }
  }

  #watchHere(name: string, tell: Tell): () => void {
    let tells = this.#watchers.get(name)
    if (tells === undefined) {
      tells = new Set()
      this.#watchers.set(name, tells)
    }
    const watchers = tells
    watchers.add(tell)
    return () => {
      watchers.delete(tell)
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) {
        this.#watchers.delete(name)
      }
    }
  }
}
