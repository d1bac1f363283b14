import type { CallOptions, ExitReason, Router, StreamOptions } from './behaviour.js'
import { cancelled, DEFAULT_DEADLINE_MS } from './call-table.js'
import type { Exchange } from './exchange.js'
import type { Counters } from './inspect.js'
import { StreamReader } from './stream-reader.js'

/** The router of one kernel: what `Context` gives, and watching for those who are not actors. */
export interface KernelRouter extends Router {
  /**
   * Calls `onDown` once, when the actor with this name ends; at once, after this turn, where nobody
   * has it. `kernel/<thread>` stands for a thread. The returned function takes that back.
   */
  monitor(name: string, onDown: (reason: ExitReason) => void): () => void
}

/** Gives an exchange the form in which actors use it. */
export class ExchangeRouter implements KernelRouter {
  readonly #exchange: Exchange
  readonly #counters: Counters

  constructor(exchange: Exchange, counters: Counters) {
    this.#exchange = exchange
    this.#counters = counters
  }

  call<Value = unknown>(name: string, call: unknown, options: CallOptions = {}): Promise<Value> {
    const {
      lane = 'local',
      deadlineMs = DEFAULT_DEADLINE_MS,
      signal,
      transfer,
      isPatient,
    } = options
    if (signal?.aborted === true) return Promise.reject(cancelled(name, signal))
    const exchange = this.#exchange
    const location = exchange.locate(name)
    if (location.kind === 'nowhere') return Promise.reject(location.error)
    this.#counters.calls += 1
    const callId = exchange.nextId()
    const link = location.kind === 'link' ? location.link : null
    const answer = exchange.calls.enter(callId, name, link, deadlineMs, signal)
    const mail = {
      kind: 'call',
      name,
      lane,
      from: { callId, caller: exchange.address },
      body: call,
      ...(isPatient === undefined ? {} : { isPatient }),
      ...(transfer === undefined ? {} : { transfer }),
    } as const
    const error = exchange.submit(mail, location)
    if (error !== null) exchange.refuseMail(mail, error)
    return answer as Promise<Value>
  }

  cast(name: string, cast: unknown, options: Pick<CallOptions, 'lane' | 'transfer'> = {}): void {
    const { lane = 'local', transfer } = options
    this.#counters.casts += 1
    const mail = { kind: 'cast', name, lane, body: cast } as const
    this.#exchange.request(transfer === undefined ? mail : { ...mail, transfer }, null)
  }

  stream<Value = unknown>(
    name: string,
    request: unknown,
    options: StreamOptions = {},
  ): AsyncIterableIterator<Value> {
    this.#counters.streams += 1
    return new StreamReader<Value>(this.#exchange, name, request, options)
  }

  monitor(name: string, onDown: (reason: ExitReason) => void): () => void {
    return this.#exchange.monitors.watch(name, onDown)
  }
}
