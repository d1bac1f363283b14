/**
 * One connection: a pipe of bytes, muxrpc over it, and the guards around muxrpc.
 *
 * - Everything that reaches into muxrpc runs in `#guard`. What it throws closes this connection.
 * - The pipe is not read while too much waits: answers for the socket, items for handlers, calls
 *   for an answer, items for our own readers, and while too many calls were made. The readers' one gives way while another reader of ours
 *   is hungry, because its item may be behind; how much may gather meanwhile has a hard bound.
 * - A `Vigil` closes the connection of a peer that takes nothing or sends a frame too slowly.
 */
import createMuxrpc, { type Muxrpc } from 'muxrpc'
import type { ByteDuplex } from './byte-duplex.js'
import { CallBudget } from './call-budget.js'
import { Caller, type StreamOptions } from './caller.js'
import { FrameCodec } from './codec.js'
import { createLocalApi, LOCAL_MANIFEST } from './dispatch.js'
import { WireError, type WireErrorCode } from './errors.js'
import type { WireLimits } from './limits.js'
import type { MethodTable } from './method.js'
import { Outbox } from './outbox.js'
import type { ReceivedBatch } from './received.js'
import type { UnsentTotal } from './unsent-total.js'
import { Vigil } from './vigil.js'
import {
  systemClock,
  systemTimers,
  type WireClock,
  type WireLogger,
  type WireTimers,
} from './wire-ports.js'

export interface ConnectionOptions {
  readonly limits: WireLimits
  /** What the other side may call; nothing by default. */
  readonly methods?: MethodTable
  readonly timers?: WireTimers
  readonly clock?: WireClock
  readonly logger?: WireLogger
  /** What waits for the sockets of several connections together. Default: each counts alone. */
  readonly unsent?: UnsentTotal
  /**
   * Bytes of a source that the other side may send ahead of its reader, where it knows of credit.
   * Null, the default, asks for no such care and leaves it to the socket.
   */
  readonly sourceWindowBytes?: number | null
}

/** What one connection has going on. Counts and bytes. */
export interface ConnectionStats {
  /** Of the other side; those whose handler still tidies up included. */
  readonly inboundStreams: number
  readonly outboundStreams: number
  /** Calls of the other side without an answer yet. */
  readonly pendingCalls: number
  /** Waiting for the socket. */
  readonly unsentBytes: number
  /** Waiting for readers of streams. */
  readonly queuedBytes: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Frames that belonged to nothing. */
  readonly droppedFrames: number
}

const NO_METHODS: MethodTable = new Map()
/** How long the other side may take to close after a goodbye. */
const FAREWELL_MS = 2_000
/** Peers come and go without a word all the time. */
const ORDINARY_ENDS: ReadonlySet<WireErrorCode> = new Set<WireErrorCode>(['TRUNCATED', 'IDLE'])
let lastId = 0

/** muxrpc over a pipe, with calls in both directions. */
export class RpcConnection {
  /** Counts up within this process. */
  readonly id: number = ++lastId
  /** Resolves when it is over: null after an orderly end, else why. Never rejects. */
  readonly closed: Promise<WireError | null>
  readonly #duplex: ByteDuplex
  readonly #limits: WireLimits
  readonly #timers: WireTimers
  readonly #logger: WireLogger | undefined
  readonly #outbox: Outbox
  readonly #codec: FrameCodec
  readonly #rpc: Muxrpc
  readonly #caller: Caller
  readonly #vigil: Vigil
  readonly #budget: CallBudget | null
  /** Set while the other side has made more calls than it may. */
  #cancelRest: (() => void) | null = null
  #resolveClosed: (error: WireError | null) => void = () => {}
  #state: 'open' | 'closing' | 'closed' = 'open'
  #reason: WireError | null = null
  #receivedBytes = 0
  /** Items of the other side that wait for handlers. */
  #inputBytes = 0
  /** Items that we asked for and that wait for our readers. */
  #outputBytes = 0
  #hungryReaders = 0
  #isPaused = false
  #cancelFarewell: (() => void) | null = null

  /** Begins to read at once. The pipe is the connection's from here on. */
  constructor(duplex: ByteDuplex, options: ConnectionOptions) {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#duplex = duplex
    this.#limits = options.limits
    this.#timers = options.timers ?? systemTimers
    this.#logger = options.logger
    const clock = options.clock ?? systemClock
    const { callsPerSecond, callBurst } = options.limits
    this.#budget = callsPerSecond === null ? null : new CallBudget(callsPerSecond, callBurst, clock)
    this.#outbox = new Outbox(duplex, options.limits, this.#onChange, options.unsent)
    this.#codec = new FrameCodec({
      limits: options.limits,
      methods: options.methods ?? NO_METHODS,
      outbox: this.#outbox,
      onRequest: () => this.#budget?.spend(),
      onGoodbye: () => this.#shutDown(null),
      onChange: this.#onChange,
    })
    const api = createLocalApi({
      connection: this,
      codec: this.#codec,
      outbox: this.#outbox,
      limits: options.limits,
      inputs: {
        queued: (sizeBytes) => this.#count(sizeBytes, 0),
        taken: (sizeBytes) => this.#count(-sizeBytes, 0),
        waiting: () => {},
      },
      isClosed: () => this.#state !== 'open',
      guard: this.#guard,
      onHandlerError: this.#onHandlerError,
    })
    this.#rpc = createMuxrpc({}, LOCAL_MANIFEST, api, undefined, this.#codec.attach)
    this.#caller = new Caller({
      rpc: this.#rpc,
      codec: this.#codec,
      outbox: this.#outbox,
      limits: options.limits,
      outputs: {
        queued: (sizeBytes) => this.#count(0, sizeBytes),
        taken: (sizeBytes) => this.#count(0, -sizeBytes),
        waiting: (isWaiting) => {
          this.#hungryReaders += isWaiting ? 1 : -1
          this.#updateReading()
        },
      },
      windowBytes: options.sourceWindowBytes ?? null,
      guard: this.#guard,
      closedError: () => (this.#state === 'open' ? null : this.#closedError()),
    })
    this.#vigil = new Vigil({
      timers: this.#timers,
      clock,
      limits: options.limits,
      outbox: this.#outbox,
      codec: this.#codec,
      receivedBytes: () => this.#receivedBytes,
      isPaused: () => this.#isPaused,
      fail: (reason) => this.#fail(reason),
      guard: this.#guard,
    })
    duplex.start({
      bytes: this.#onBytes,
      end: this.#onEnd,
      broken: (reason) => this.#fail(reason),
      close: this.#onClose,
    })
  }

  get stats(): ConnectionStats {
    return {
      inboundStreams: this.#codec.inbound.streamCount,
      outboundStreams: this.#codec.outbound.streamCount,
      pendingCalls: this.#codec.inbound.pendingCalls,
      unsentBytes: this.#outbox.unsentBytes,
      queuedBytes: this.#inputBytes + this.#outputBytes,
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#outbox.sentBytes,
      droppedFrames: this.#codec.droppedFrames,
    }
  }

  /**
   * Calls a method that answers once.
   * @param options `answerBytes`: the answer may be so long; default: the limit of a frame
   * @param name dotted, `blobs.has`
   * @throws {REMOTE_ERROR} with `data.message`, and `data.code` where the other side gave one
   * @throws {CONNECTION_CLOSED}
   * @throws {UNSENDABLE} where the arguments are no JSON or too large
   * @throws {BAD_JSON} where the answer can't be read
   */
  async call(
    name: string,
    args: readonly unknown[] = [],
    options: { readonly answerBytes?: number } = {},
  ): Promise<unknown> {
    const body = await this.#caller.callRaw(name, args, options.answerBytes)
    return body.parse(this.#limits.jsonDepth)
  }

  /** As `call`, with the body of the answer as it came. */
  async callRaw(name: string, args: readonly unknown[] = []): Promise<Uint8Array> {
    return (await this.#caller.callRaw(name, args)).bytes
  }

  /**
   * Items of a source, parsed, one by one. The stream begins at once and ends at the other side
   * when the loop is left. An error of the other side, or the end of the connection, is thrown by
   * the loop behind the items that came before it.
   * @throws {TOO_MANY_STREAMS}
   * @throws {CONNECTION_CLOSED}
   */
  source(
    name: string,
    args: readonly unknown[] = [],
    options: StreamOptions = {},
  ): AsyncIterableIterator<unknown> {
    return this.#caller.source(name, args, (batch) => batch.parse(), options)
  }

  /** As `source`, but as many items at a time as came together. The cheapest way to read many. */
  sourceBatches(
    name: string,
    args: readonly unknown[] = [],
    options: StreamOptions = {},
  ): AsyncIterableIterator<readonly unknown[]> {
    return this.#caller.source(name, args, (batch) => [batch.parse()], options)
  }

  /** As `sourceBatches`, not parsed. */
  rawSource(
    name: string,
    args: readonly unknown[] = [],
    options: StreamOptions = {},
  ): AsyncIterableIterator<ReceivedBatch> {
    return this.#caller.source(name, args, (batch) => [batch], options)
  }

  /**
   * Sends items, which are asked for only while the socket takes, and resolves when the other side
   * has taken them all.
   * @throws {REMOTE_ERROR}
   * @throws {CONNECTION_CLOSED}
   * @throws whatever `input` throws; the other side is told that it failed
   */
  async sink(name: string, args: readonly unknown[], input: AsyncIterable<unknown>): Promise<void> {
    await this.#caller.sink(name, args, input)
  }

  /**
   * Sends and receives items. muxrpc knows no half-open stream: it is over when either side ends,
   * and so is the loop when `input` ends.
   */
  duplex(
    name: string,
    args: readonly unknown[],
    input: AsyncIterable<unknown>,
    options: StreamOptions = {},
  ): AsyncIterableIterator<unknown> {
    return this.#caller.duplex(name, args, input, (batch) => batch.parse(), options)
  }

  /** As `duplex`, with what is received as many items at a time as came together, not parsed. */
  rawDuplex(
    name: string,
    args: readonly unknown[],
    input: AsyncIterable<unknown>,
    options: StreamOptions = {},
  ): AsyncIterableIterator<ReceivedBatch> {
    return this.#caller.duplex(name, args, input, (batch) => [batch], options)
  }

  /** Fails what is under way, says goodbye and closes. Resolves when it is closed. */
  async close(): Promise<void> {
    this.#shutDown(null)
    await this.closed
  }

  #count(inputBytes: number, outputBytes: number): void {
    this.#inputBytes += inputBytes
    this.#outputBytes += outputBytes
    if (this.#outputBytes > this.#limits.queuedHardBytes) {
      const maxBytes = this.#limits.queuedHardBytes
      const text = `more than ${maxBytes} received bytes wait for a reader`
      this.#fail(new WireError('INBOUND_OVERFLOW', text, { maxBytes }))
    }
    this.#updateReading()
  }

  #updateReading(): void {
    const limits = this.#limits
    const isPaused =
      this.#cancelRest !== null ||
      this.#codec.encoder.answers.unsentBytes >= limits.unsentConnectionBytes ||
      this.#codec.inbound.pendingCalls >= limits.pendingCalls ||
      this.#inputBytes >= limits.queuedBytes ||
      (this.#outputBytes >= limits.queuedBytes &&
        (this.#hungryReaders === 0 || !limits.readsPastFullQueues))
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#duplex.pause()
    else this.#duplex.resume()
  }

  /** Lets the other side wait until its calls are paid for. */
  #rest = (): void => {
    this.#cancelRest = null
    if (this.#budget === null || this.#state !== 'open') return
    const debtMs = this.#budget.debtMs()
    if (debtMs > 0) this.#cancelRest = this.#timers.set(debtMs, this.#rest)
    this.#updateReading()
  }

  #onChange = (): void => {
    if (this.#state === 'closed') return
    this.#updateReading()
    this.#vigil.watch()
  }

  #onBytes = (chunk: Buffer): void => {
    if (this.#state !== 'open') return
    this.#receivedBytes += chunk.length
    this.#guard(() => {
      const refusal = this.#codec.feed(chunk)
      if (refusal !== null) this.#fail(refusal)
    })
    if (this.#cancelRest === null) this.#rest()
    this.#vigil.watch()
  }

  #onEnd = (): void => {
    this.#shutDown(null)
  }

  #onClose = (): void => {
    if (this.#state === 'closed') return
    this.#shutDown(null)
    this.#state = 'closed'
    this.#outbox.close()
    this.#cancelFarewell?.()
    this.#resolveClosed(this.#reason)
  }

  #onHandlerError = (method: string, error: unknown): void => {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
    const name = error instanceof Error ? error.name : typeof error
    this.#logger?.log('debug', 'wire', 'a call failed', { connection: this.id, method, code, name })
  }

  /** Runs what reaches into muxrpc. */
  #guard = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      const text = 'muxrpc failed on what this connection sent'
      this.#fail(new WireError('PROTOCOL_FAILURE', text, {}, { cause: error }))
    }
  }

  #closedError(): WireError {
    return new WireError('CONNECTION_CLOSED', 'the connection is closed', {
      reason: this.#reason?.code ?? null,
    })
  }

  /** Closes at once, without goodbye. */
  #fail(reason: WireError): void {
    if (this.#state !== 'open') return
    const { code, data } = reason
    const level = ORDINARY_ENDS.has(code) ? 'debug' : 'warn'
    this.#logger?.log(level, 'wire', 'a connection was closed', {
      connection: this.id,
      code,
      ...data,
    })
    this.#shutDown(reason)
  }

  #shutDown(reason: WireError | null): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#reason = reason
    this.#codec.stop()
    this.#vigil.stop()
    this.#cancelRest?.()
    if (reason !== null) this.#outbox.close()
    const error = this.#closedError()
    try {
      this.#rpc.close(error, () => {})
    } catch {
      // It is being closed for good; what waits is failed below, whether muxrpc did so or not.
    }
    this.#codec.abandon(error)
    this.#caller.close(error)
    if (reason !== null) {
      this.#duplex.destroy()
      return
    }
    this.#duplex.resume()
    this.#outbox.whenEmpty(() => this.#duplex.end())
    this.#cancelFarewell = this.#timers.set(FAREWELL_MS, () => this.#duplex.destroy())
  }
}
