import type { Muxrpc, PullDuplex, PullSink, PullSource } from 'muxrpc'
import pull from 'pull-stream'
import { OutboundCall } from './calls.js'
import type { FrameCodec } from './codec.js'
import { endError, errorBody } from './error-frame.js'
import { WireError } from './errors.js'
import { ItemQueue, type QueueAccount, QueueReader } from './item-queue.js'
import { pullFromIterable } from './iterable-pull.js'
import type { WireLimits } from './limits.js'
import type { Outbox } from './outbox.js'
import { type ReceivedBatch, ReceivedBody } from './received.js'
import { encodeRequest } from './request.js'

export interface StreamOptions {
  /** Ends the stream on both sides, and the loop, as if there were no more items. */
  readonly signal?: AbortSignal
  /** Bytes that one JSON or text item may have, in place of the limit for all frames. */
  readonly itemBytes?: number
}

/** What calling needs of the connection. */
export interface CallerContext {
  readonly rpc: Muxrpc
  readonly codec: FrameCodec
  readonly outbox: Outbox
  readonly limits: WireLimits
  /** Accounts for answers and items that were asked for. */
  readonly outputs: QueueAccount
  readonly windowBytes: number | null
  guard(run: () => void): void
  /** Null while calls can be made. */
  closedError(): WireError | null
}

/** muxrpc's own lookups are not used; it only passes this on to the codec, which has the request. */
const NO_NAME: readonly string[] = []

/** Our calls on one connection. */
export class Caller {
  readonly #context: CallerContext
  readonly #sinks = new Set<(error: WireError) => void>()

  constructor(context: CallerContext) {
    this.#context = context
  }

  /** One answer, not parsed; of at most `answerBytes`, where that differs from the limit of a frame. */
  callRaw(
    name: string,
    args: readonly unknown[],
    answerBytes: number | null = null,
  ): Promise<ReceivedBody> {
    const closed = this.#context.closedError()
    if (closed !== null) return Promise.reject(closed)
    const { rpc, outputs } = this.#context
    return new Promise((resolve, reject) => {
      const call = this.#prepare('async', name, args)
      call.itemBytes = answerBytes
      outputs.waiting(true)
      const answer = (error: unknown, body?: unknown): void => {
        outputs.waiting(false)
        if (body instanceof ReceivedBody) resolve(body)
        else reject(endError(error) ?? new WireError('CONNECTION_CLOSED', 'no answer came'))
      }
      this.#context.guard(() => rpc.stream.remoteCall('async', NO_NAME, call, answer))
    })
  }

  /** Items, each batch opened by `open`. Begins at once. */
  source<Item>(
    name: string,
    args: readonly unknown[],
    open: (batch: ReceivedBatch) => readonly Item[],
    options: StreamOptions,
  ): AsyncIterableIterator<Item> {
    const call = this.#prepareStream('source', name, args)
    call.itemBytes = options.itemBytes ?? null
    const queue = new ItemQueue(this.#crediting(call))
    const drain = drainInto(queue)
    this.#context.guard(() => {
      drain(this.#context.rpc.stream.remoteCall('source', NO_NAME, call) as PullSource)
    })
    return this.#reader(call, queue, drain, open, options)
  }

  /** Sends items; resolves when the other side has taken them all and ended the stream. */
  sink(name: string, args: readonly unknown[], input: AsyncIterable<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = this.#prepareStream('sink', name, args)
      const settle = (error: unknown): void => {
        if (!this.#sinks.delete(settle)) return
        if (error === null) resolve()
        else reject(error)
      }
      this.#sinks.add(settle)
      call.onEnd = settle
      const output = this.#output(call, input, settle)
      this.#context.guard(() => {
        const { rpc } = this.#context
        const sink = rpc.stream.remoteCall('sink', NO_NAME, call) as PullSink
        sink(output.source)
      })
    })
  }

  /** Sends and receives items, each batch opened by `open`. */
  duplex<Item>(
    name: string,
    args: readonly unknown[],
    input: AsyncIterable<unknown>,
    open: (batch: ReceivedBatch) => readonly Item[],
    options: StreamOptions,
  ): AsyncIterableIterator<Item> {
    const call = this.#prepareStream('duplex', name, args)
    call.itemBytes = options.itemBytes ?? null
    const queue = new ItemQueue(this.#context.outputs)
    const drain = drainInto(queue)
    const output = this.#output(call, input, (error) => queue.end(error))
    call.stopOutput = output.stop
    this.#context.guard(() => {
      const { rpc } = this.#context
      const stream = rpc.stream.remoteCall('duplex', NO_NAME, call) as PullDuplex
      drain(stream.source)
      stream.sink(output.source)
    })
    return this.#reader(call, queue, drain, open, options)
  }

  /** Fails what muxrpc would leave hanging. */
  close(error: WireError): void {
    for (const settle of [...this.#sinks]) settle(error)
  }

  #prepare(type: OutboundCall['type'], name: string, args: readonly unknown[]): OutboundCall {
    const { limits, windowBytes } = this.#context
    const credit = type === 'source' ? windowBytes : null
    const sentType = type === 'async' ? null : type
    const path = name.split('.')
    return new OutboundCall(type, encodeRequest(path, args, sentType, credit, limits.sendBytes))
  }

  #prepareStream(type: OutboundCall['type'], name: string, args: readonly unknown[]): OutboundCall {
    const { codec, limits } = this.#context
    const closed = this.#context.closedError()
    if (closed !== null) throw closed
    if (codec.outbound.streamCount >= limits.outboundStreams) {
      const text = `${limits.outboundStreams} streams are open on this connection, no more are allowed`
      throw new WireError('TOO_MANY_STREAMS', text, { maxStreams: limits.outboundStreams })
    }
    return this.#prepare(type, name, args)
  }

  /** Grants what the reader took, in steps of half a window. */
  #crediting(call: OutboundCall): QueueAccount {
    const { outputs, codec, windowBytes } = this.#context
    if (windowBytes === null) return outputs
    let takenBytes = 0
    return {
      ...outputs,
      taken: (sizeBytes) => {
        outputs.taken(sizeBytes)
        takenBytes += sizeBytes
        if (takenBytes < windowBytes / 2) return
        codec.encoder.grant(call, takenBytes)
        takenBytes = 0
      },
    }
  }

  #output(call: OutboundCall, input: AsyncIterable<unknown>, onEnd: (error: unknown) => void) {
    let isFailed = false
    return pullFromIterable(input, {
      outbox: this.#context.outbox,
      account: call.account,
      maxBodyBytes: this.#context.limits.sendBytes,
      guard: this.#context.guard,
      onFailure: (error) => {
        isFailed = true
        call.failure = errorBody(error)
        onEnd(error)
      },
      onAbort: () => {},
      onSettled: () => {
        // muxrpc has no half-open duplex: its reader ends with its input.
        if (!isFailed && call.type === 'duplex') onEnd(null)
      },
    })
  }

  #reader<Item>(
    call: OutboundCall,
    queue: ItemQueue,
    drain: ReturnType<typeof drainInto>,
    open: (batch: ReceivedBatch) => readonly Item[],
    options: StreamOptions,
  ): AsyncIterableIterator<Item> {
    const { signal } = options
    const leave = (): void => {
      signal?.removeEventListener('abort', leave)
      queue.drop()
      if (call.isAborted || call.hasReceivedEnd) return
      call.isAborted = true
      if (this.#context.closedError() === null) {
        this.#context.guard(() => drain.abort(true, () => {}))
      }
    }
    call.onEnd = (error) => {
      signal?.removeEventListener('abort', leave)
      queue.end(error)
    }
    if (signal?.aborted) leave()
    else signal?.addEventListener('abort', leave)
    return new QueueReader(queue, open, leave)
  }
}

function drainInto(queue: ItemQueue) {
  return pull.drain(
    (batch) => queue.push(batch as ReceivedBatch),
    (end) => queue.end(endError(end)),
  )
}
