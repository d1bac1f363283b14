import { actorError } from './actor-error.js'
import type { Deadline, DeadlineWheel } from './deadline.js'
import type { Counters } from './inspect.js'
import type { Link } from './link.js'

/** 5 s: what the user of an app still waits for. */
export const DEFAULT_DEADLINE_MS = 5_000

/** A call that waits for its answer. */
export interface PendingCall {
  readonly id: number
  readonly name: string
  /** The way it took; null inside the thread. */
  readonly link: Link | null
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly deadline: Deadline
  /** Stops listening to the caller's signal. */
  readonly release: (() => void) | null
}

/**
 * The calls of one kernel that wait. Each is settled once, by the first of: its answer, its
 * deadline, its signal, the end of the thread that it went to.
 */
export class CallTable {
  readonly #byId = new Map<number, PendingCall>()
  readonly #wheel: DeadlineWheel
  readonly #counters: Counters
  /** Tells the actor that nobody waits any longer. */
  readonly #cancel: (call: PendingCall) => void

  constructor(wheel: DeadlineWheel, counters: Counters, cancel: (call: PendingCall) => void) {
    this.#wheel = wheel
    this.#counters = counters
    this.#cancel = cancel
  }

  get size(): number {
    return this.#byId.size
  }

  /** Enters a call; the promise settles with it. */
  enter(
    id: number,
    name: string,
    link: Link | null,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const deadline = this.#wheel.after(deadlineMs, () => {
        this.#counters.timeouts += 1
        this.#giveUp(id, actorError('ACTOR_TIMEOUT', name, `no answer within ${deadlineMs} ms`))
      })
      let release: (() => void) | null = null
      if (signal !== undefined) {
        const abort = (): void => this.#giveUp(id, cancelled(name, signal))
        signal.addEventListener('abort', abort, { once: true })
        release = () => signal.removeEventListener('abort', abort)
      }
      this.#byId.set(id, { id, name, link, resolve, reject, deadline, release })
    })
  }

  resolve(id: number, value: unknown): void {
    const call = this.#take(id)
    if (call === undefined) this.#counters.lateReplies += 1
    else call.resolve(value)
  }

  reject(id: number, error: Error): void {
    const call = this.#take(id)
    if (call === undefined) this.#counters.lateReplies += 1
    else call.reject(error)
  }

  /** The thread behind this link ended: its calls reject. */
  linkDown(link: Link, reason: string): void {
    for (const call of [...this.#byId.values()]) {
      if (call.link !== link) continue
      this.#take(call.id)
      call.reject(actorError('ACTOR_DOWN', call.name, `its thread ended: ${reason}`))
    }
  }

  /** The kernel stops: nothing will be answered. */
  rejectAll(): void {
    for (const call of [...this.#byId.values()]) {
      this.#take(call.id)
      call.reject(actorError('ACTOR_DOWN', call.name, 'the kernel stopped'))
    }
  }

  #giveUp(id: number, error: Error): void {
    const call = this.#take(id)
    if (call === undefined) return
    this.#cancel(call)
    call.reject(error)
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#byId.get(id)
    if (call === undefined) return undefined
    this.#byId.delete(id)
    this.#wheel.clear(call.deadline)
    call.release?.()
    return call
  }
}

/** What a caller gets whose signal fired. */
export const cancelled = (name: string, signal: AbortSignal): Error =>
  Object.assign(actorError('ACTOR_CANCELLED', name, 'the caller gave up'), { cause: signal.reason })
