import type { PullCallback, PullDuplex, PullSink, PullSource } from 'muxrpc'
import pull from 'pull-stream'
import type { InboundCall } from './calls.js'
import type { FrameCodec } from './codec.js'
import type { RpcConnection } from './connection.js'
import { endError, errorBody } from './error-frame.js'
import { ItemQueue, type QueueAccount, QueueReader } from './item-queue.js'
import { pullFromIterable } from './iterable-pull.js'
import type { WireLimits } from './limits.js'
import type { MethodCall } from './method.js'
import type { Outbox } from './outbox.js'
import { encodeBody } from './raw.js'
import type { ReceivedBatch } from './received.js'

/** What serving calls needs of the connection. */
export interface DispatchContext {
  readonly connection: RpcConnection
  readonly codec: FrameCodec
  readonly outbox: Outbox
  readonly limits: WireLimits
  /** Accounts for items that the other side sends unasked. */
  readonly inputs: QueueAccount
  isClosed(): boolean
  guard(run: () => void): void
  onHandlerError(method: string, error: unknown): void
}

/** The four functions that muxrpc calls; the method is in the call that the codec made. */
export interface LocalApi {
  async(call: InboundCall, callback: PullCallback): void
  source(call: InboundCall): PullSource
  sink(call: InboundCall): PullSink
  duplex(call: InboundCall): PullDuplex
}

/** What muxrpc is told to expect of `LocalApi`. */
export const LOCAL_MANIFEST = { async: 'async', source: 'source', sink: 'sink', duplex: 'duplex' }

/** Stands for an error whose body is with the call; holds nothing that could leak. */
const FAILED = { name: 'Error', message: '', stack: '' }

/** Runs handlers for muxrpc. */
export function createLocalApi(context: DispatchContext): LocalApi {
  return {
    async: (call, callback) => answerCall(context, call, callback),
    source: (call) => outputOf(context, call, null).source,
    sink: (call) => sinkOf(context, call),
    duplex(call) {
      const input = new ItemQueue(context.inputs)
      call.input = input
      const output = outputOf(context, call, input)
      call.stopOutput = output.stop
      return { sink: drainInto(input), source: output.source }
    },
  }
}

function runHandler(context: DispatchContext, call: InboundCall, queue: ItemQueue | null): unknown {
  const isRaw = call.method.rawInput === true
  const handed: MethodCall = {
    connection: context.connection,
    input: queue === null || isRaw ? NO_INPUT : readerOf<unknown>(queue, (batch) => batch.parse()),
    batches: queue === null || !isRaw ? NO_INPUT : readerOf(queue, (batch) => [batch]),
    get signal() {
      return call.signal
    },
  }
  return call.method.handler(call.args, handed)
}

function fail(context: DispatchContext, call: InboundCall, error: unknown): void {
  context.onHandlerError(call.method.name, error)
  call.failure = errorBody(error)
}

function answerCall(context: DispatchContext, call: InboundCall, callback: PullCallback): void {
  const failed = (error: unknown): void => {
    if (context.isClosed()) return
    call.isHandled = true
    fail(context, call, error)
    context.guard(() => callback(FAILED))
  }
  const done = (value: unknown): void => {
    if (context.isClosed()) return
    let body: unknown
    try {
      body = encodeBody(value, context.limits.sendBytes) ?? ''
    } catch (error) {
      failed(error)
      return
    }
    call.isHandled = true
    context.guard(() => callback(null, body))
  }
  let answer: unknown
  try {
    answer = runHandler(context, call, null)
  } catch (error) {
    failed(error)
    return
  }
  if (isThenable(answer)) Promise.resolve(answer).then(done, failed)
  else done(answer)
}

function outputOf(context: DispatchContext, call: InboundCall, input: ItemQueue | null) {
  const items: AsyncIterable<unknown> = {
    [Symbol.asyncIterator]() {
      const output = runHandler(context, call, input)
      if (isAsyncIterable(output)) return output[Symbol.asyncIterator]()
      throw new TypeError(`${call.method.name} should give an async iterable`)
    },
  }
  return pullFromIterable(items, {
    outbox: context.outbox,
    account: call.account,
    maxBodyBytes: context.limits.sendBytes,
    guard: context.guard,
    onFailure: (error) => fail(context, call, error),
    onAbort: () => call.abort(),
    onSettled() {
      call.isHandled = true
      call.input?.drop()
      context.codec.inbound.settle(call)
    },
  })
}

function sinkOf(context: DispatchContext, call: InboundCall): PullSink {
  const input = new ItemQueue(context.inputs)
  call.input = input
  const drain = drainInto(input)
  const settled = (): void => {
    call.isHandled = true
    input.drop()
    context.codec.inbound.settle(call)
    if (context.isClosed()) return
    context.guard(() => {
      if (call.isEndHeld) context.codec.encoder.sendHeldEnd(call)
      else drain.abort(true, () => {})
    })
  }
  const run = async (): Promise<void> => {
    await runHandler(context, call, input)
  }
  return (read) => {
    drain(read)
    run().then(settled, (error: unknown) => {
      fail(context, call, error)
      settled()
    })
  }
}

/** Takes what comes as fast as it comes; the queue's account makes the connection stop reading. */
function drainInto(queue: ItemQueue) {
  return pull.drain(
    (batch) => queue.push(batch as ReceivedBatch),
    (end) => queue.end(endError(end)),
  )
}

function readerOf<Item>(
  queue: ItemQueue,
  open: (batch: ReceivedBatch) => readonly Item[],
): AsyncIterableIterator<Item> {
  return new QueueReader(queue, open, () => queue.drop())
}

const NO_INPUT: AsyncIterableIterator<never> = {
  next: async () => ({ done: true, value: undefined }),
  [Symbol.asyncIterator]: () => NO_INPUT,
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
