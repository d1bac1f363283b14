/**
 * Which calls are open on one connection, by request number: those of the other side (`InboundCall`)
 * and our own (`OutboundCall`). A stream is over when both sides have said end; its number is then
 * remembered for a while, so that late frames are told from new requests.
 */

import type { WireError } from './errors.js'
import type { ItemQueue } from './item-queue.js'
import type { CallType, Method } from './method.js'
import { SendAccount } from './outbox.js'
import type { EncodedBody } from './raw.js'

/** A call of the other side that is in work. */
export class InboundCall {
  readonly number: number
  readonly method: Method
  readonly type: CallType
  readonly args: readonly unknown[]
  readonly account = new SendAccount()
  /** Items of the caller, for sinks and duplexes. */
  input: ItemQueue | null = null
  /** What the end frame says instead of `true`. */
  failure: EncodedBody | null = null
  hasReceivedEnd = false
  hasSentEnd = false
  /** The handler and its iterator have come to an end. */
  isHandled = false
  /** Ends what is sent on a duplex; muxrpc forgets a duplex only where the own side ended first. */
  stopOutput: (() => void) | null = null
  /** When it was first seen ended here and not there, ms. */
  halfClosedAtMs: number | null = null
  /** muxrpc has ended a sink whose handler still works; the end frame waits for it. */
  isEndHeld = false
  #controller: AbortController | null = null
  #isAborted = false

  constructor(number: number, method: Method, type: CallType, args: readonly unknown[]) {
    this.number = number
    this.method = method
    this.type = type
    this.args = args
  }

  get isStream(): boolean {
    return this.type !== 'async'
  }

  /** Made on demand: most calls never look. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#isAborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** Tells the handler that nobody waits for it. */
  abort(): void {
    this.#isAborted = true
    this.#controller?.abort()
  }
}

/** A call of ours. muxrpc carries it where the arguments go; the codec finds it there and learns the number. */
export class OutboundCall {
  readonly type: CallType
  /** The whole request as JSON. */
  readonly request: Uint8Array
  readonly account = new SendAccount()
  /** 0 until the request is encoded. */
  number = 0
  hasReceivedEnd = false
  hasSentEnd = false
  failure: EncodedBody | null = null
  /** What one item of the other side may have, where that is not the limit for all frames. */
  itemBytes: number | null = null
  /** Ends what is sent on a duplex. */
  stopOutput: (() => void) | null = null
  /** The reader has left, so that only the other side's end is missing. */
  isAborted = false
  /** When it was first seen aborted here and not ended there, ms. */
  halfClosedAtMs: number | null = null
  /** Told the other side's end: null, or its error. */
  onEnd: ((error: WireError | null) => void) | null = null

  constructor(type: CallType, request: Uint8Array) {
    this.type = type
    this.request = request
  }

  get isStream(): boolean {
    return this.type !== 'async'
  }
}

/** Finished request numbers that are remembered. A caller that writes from several threads may be out of order by less. */
const REMEMBERED_NUMBERS = 4096

/** The other side's calls. */
export class InboundCalls {
  /** Not over yet, by number. */
  readonly #open = new Map<number, InboundCall>()
  /** Streams that are not over, or whose handler still works. */
  readonly #streams = new Set<InboundCall>()
  readonly #finished = new Set<number>()
  #highest = 0
  #pendingCalls = 0

  /** Calls, not streams, that have no answer yet. */
  get pendingCalls(): number {
    return this.#pendingCalls
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get(number: number): InboundCall | undefined {
    return this.#open.get(number)
  }

  /** True where this number was used and is over, or is so low that it must have been. */
  isFinished(number: number): boolean {
    if (number > this.#highest) return false
    return this.#finished.has(number) || number <= this.#highest - REMEMBERED_NUMBERS
  }

  add(call: InboundCall): void {
    this.#open.set(call.number, call)
    if (call.number > this.#highest) this.#highest = call.number
    if (call.isStream) this.#streams.add(call)
    else this.#pendingCalls++
  }

  /** Remembers a number whose call was refused. */
  refuse(number: number): void {
    if (number > this.#highest) this.#highest = number
    this.#remember(number)
  }

  /** To be called after each change of a call: forgets it where it is over. */
  settle(call: InboundCall): void {
    const isOver = call.isStream ? call.hasSentEnd && call.hasReceivedEnd : call.hasSentEnd
    if (!isOver) return
    if (this.#open.get(call.number) === call) {
      this.#open.delete(call.number)
      this.#remember(call.number)
      if (!call.isStream) this.#pendingCalls--
    }
    if (call.isHandled) this.#streams.delete(call)
  }

  /** Calls that are not over, and streams whose handler still works. */
  all(): InboundCall[] {
    return [...new Set([...this.#open.values(), ...this.#streams])]
  }

  #remember(number: number): void {
    this.#finished.add(number)
    if (this.#finished.size <= REMEMBERED_NUMBERS) return
    for (const oldest of this.#finished) {
      this.#finished.delete(oldest)
      break
    }
  }
}

/** Our own calls. */
export class OutboundCalls {
  readonly #open = new Map<number, OutboundCall>()
  #streamCount = 0

  get streamCount(): number {
    return this.#streamCount
  }

  get(number: number): OutboundCall | undefined {
    return this.#open.get(number)
  }

  all(): OutboundCall[] {
    return [...this.#open.values()]
  }

  add(call: OutboundCall): void {
    this.#open.set(call.number, call)
    if (call.isStream) this.#streamCount++
  }

  /** To be called after each change of a call: forgets it where it is over. */
  settle(call: OutboundCall): void {
    const isOver = call.hasReceivedEnd && (call.hasSentEnd || !call.isStream)
    if (!isOver || !this.#open.delete(call.number)) return
    if (call.isStream) this.#streamCount--
  }
}
