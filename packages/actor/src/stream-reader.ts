import { type ActorError, actorError } from './actor-error.js'
import type { From, StreamOptions } from './behaviour.js'
import { cancelled } from './call-table.js'
import type { MailLane } from './envelope.js'
import type { Exchange } from './exchange.js'
import type { Link } from './link.js'
import { Ring } from './ring.js'

/**
 * The reading end of a stream. The actor may have `credit` chunks under way or unread here and not
 * one more; credit goes back once half of it was read, so that the actor works while this side does.
 * Nothing is asked of the actor before the first `next`.
 */

/** Two chunks under way while two are read. */
export const DEFAULT_CREDIT = 4
const MAX_CREDIT = 1_024

interface Waiting<Value> {
  resolve(result: IteratorResult<Value, undefined>): void
  reject(error: unknown): void
}

export class StreamReader<Value = unknown> implements AsyncIterableIterator<Value, undefined> {
  readonly #exchange: Exchange
  readonly #name: string
  readonly #request: unknown
  readonly #lane: MailLane
  readonly #isPatient: true | undefined
  readonly #credit: number
  readonly #signal: AbortSignal | undefined
  readonly #from: From
  readonly #unread = new Ring<Value>()
  readonly #waiting = new Ring<Waiting<Value>>()
  #link: Link | null = null
  #state: 'new' | 'open' | 'ended' = 'new'
  #error: unknown = null
  #readSinceCredit = 0

  constructor(exchange: Exchange, name: string, request: unknown, options: StreamOptions) {
    this.#exchange = exchange
    this.#name = name
    this.#request = request
    this.#lane = options.lane ?? 'local'
    this.#isPatient = options.isPatient
    this.#credit = Math.min(Math.max(1, Math.floor(options.credit ?? DEFAULT_CREDIT)), MAX_CREDIT)
    this.#signal = options.signal
    this.#from = { callId: exchange.nextId(), caller: exchange.address }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    if (this.#state === 'new') this.#open()
    if (this.#unread.length > 0) {
      const value = this.#unread.shift() as Value
      this.#countRead()
      return Promise.resolve({ done: false, value })
    }
    if (this.#state === 'ended') {
      const error = this.#error
      this.#error = null
      return error === null
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(error)
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** The loop was left: the stream is called off at the actor, and what is unread is dropped. */
  return(): Promise<IteratorResult<Value, undefined>> {
    this.#leave(null)
    return Promise.resolve({ done: true, value: undefined })
  }

  // --- told by the exchange ---

  push(value: unknown): void {
    if (this.#state !== 'open') return
    const waiting = this.#waiting.shift()
    if (waiting === undefined) {
      this.#unread.push(value as Value)
      return
    }
    this.#countRead()
    waiting.resolve({ done: false, value: value as Value })
  }

  /** Nothing comes any longer; what is unread can still be read before the error. */
  end(error: Error | null): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#exchange.readers.delete(this.#from.callId)
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#error = error
    for (let waiting = this.#waiting.shift(); waiting !== undefined; ) {
      if (this.#error === null) waiting.resolve({ done: true, value: undefined })
      else waiting.reject(this.#error)
      this.#error = null
      waiting = this.#waiting.shift()
    }
  }

  linkDown(link: Link, reason: string): void {
    if (this.#link !== link) return
    this.end(actorError('ACTOR_DOWN', this.#name, `its thread ended: ${reason}`))
  }

  readonly #abort = (): void => {
    this.#leave(cancelled(this.#name, this.#signal as AbortSignal))
  }

  #open(): void {
    if (this.#signal?.aborted === true) {
      this.end(cancelled(this.#name, this.#signal))
      return
    }
    this.#state = 'open'
    this.#exchange.readers.set(this.#from.callId, this as StreamReader)
    this.#signal?.addEventListener('abort', this.#abort, { once: true })
    const location = this.#exchange.locate(this.#name)
    if (location.kind === 'link') this.#link = location.link
    const error: ActorError | null = this.#exchange.submit(
      {
        kind: 'open',
        name: this.#name,
        lane: this.#lane,
        from: this.#from,
        body: this.#request,
        ...(this.#isPatient === undefined ? {} : { isPatient: this.#isPatient }),
        credit: this.#credit,
      },
      location,
    )
    if (error !== null) this.end(error)
  }

  #leave(error: Error | null): void {
    const wasOpen = this.#state === 'open'
    this.#unread.clear()
    this.end(error)
    if (wasOpen)
      this.#exchange.request({ kind: 'cancel', name: this.#name, from: this.#from }, null)
  }

  #countRead(): void {
    this.#readSinceCredit += 1
    if (this.#state !== 'open' || this.#readSinceCredit * 2 < this.#credit) return
    const count = this.#readSinceCredit
    this.#readSinceCredit = 0
    this.#exchange.request({ kind: 'credit', name: this.#name, from: this.#from, count }, null)
  }
}
