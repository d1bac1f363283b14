/**
 * The packet-stream codec that muxrpc gets as its fifth argument, between its packets and the
 * bytes of one connection.
 *
 * Inward: every frame is bounded and checked before muxrpc hears of it. A request is parsed, its
 * method looked up, and what is wrong is answered here. muxrpc gets `{ name: [type], args: call }`,
 * so that of the caller's words none reaches its lookups. Consecutive items of a stream are handed
 * over as one `ReceivedBatch`, unparsed; so are answers. Frames that belong to nothing are counted
 * and dropped, since muxrpc would print them.
 *
 * Outward: see `PacketEncoder`.
 *
 * Credit: a request for a source may carry `"credit": n`. The stream then sends at most n bytes of
 * frames more than the caller's later data frames on it, JSON numbers, grant. Peers that know
 * nothing of it ignore both. It keeps one slow loop of a client from holding up its other calls.
 * @source packet-stream-codec 1.2.0, packet-stream 2.0.6
 */
import type { Packet, PullCallback, PullDuplex, Transport } from 'muxrpc'
import pull from 'pull-stream'
import { InboundCall, InboundCalls, OutboundCalls } from './calls.js'
import { endError } from './error-frame.js'
import { WireError } from './errors.js'
import {
  BINARY_BODY,
  END_FLAG,
  type FrameHandler,
  FrameReader,
  type FrameVerdict,
  JSON_BODY,
  STREAM_FLAG,
  TYPE_MASK,
} from './frame.js'
import { isDeeperThan } from './json-depth.js'
import type { WireLimits } from './limits.js'
import { callTypeOf, type MethodTable } from './method.js'
import type { Outbox } from './outbox.js'
import { type GOODBYE, PacketEncoder } from './packet-encoder.js'
import { ReceivedBatch, ReceivedBody } from './received.js'
import { creditOf, readRequest } from './request.js'

const TRUE_RECEIVED = new ReceivedBody(JSON_BODY, Buffer.from('true'))

/** What a codec needs of its connection. */
export interface CodecContext {
  readonly limits: WireLimits
  readonly methods: MethodTable
  readonly outbox: Outbox
  /** The other side has made a call, valid or not. */
  onRequest(): void
  /** The other side has said goodbye. */
  onGoodbye(): void
  /** A call came, was answered, or ended. */
  onChange(): void
}

/** One connection's codec. */
export class FrameCodec implements FrameHandler {
  readonly inbound = new InboundCalls()
  readonly outbound = new OutboundCalls()
  /** Sends what muxrpc gives, and what is sent past it. */
  readonly encoder: PacketEncoder
  /** Frames that belonged to nothing. */
  droppedFrames = 0
  /** Frames taken whole. */
  frameCount = 0
  readonly #context: CodecContext
  readonly #limits: WireLimits
  readonly #reader: FrameReader
  #refusal: WireError | null = null
  #waiting: PullCallback | null = null
  #batch: ReceivedBatch | null = null
  #batchNumber = 0

  constructor(context: CodecContext) {
    this.#context = context
    this.#limits = context.limits
    this.#reader = new FrameReader(this)
    this.encoder = new PacketEncoder({
      limits: context.limits,
      outbox: context.outbox,
      inbound: this.inbound,
      outbound: this.outbound,
      onChange: context.onChange,
    })
  }

  /** Bytes held of a frame that is not whole. */
  get partialBytes(): number {
    return this.#reader.partialBytes
  }

  get isInsideFrame(): boolean {
    return this.#reader.isInsideFrame
  }

  /** The codec as muxrpc takes it. */
  attach = (packets: PullDuplex): Transport => {
    packets.sink((abort, callback) => {
      if (abort !== null && abort !== undefined) {
        this.#waiting = null
        callback(abort)
      } else {
        this.#waiting = callback
      }
    })
    pull.drain(
      (packet) => this.encoder.encode(packet as Packet | typeof GOODBYE),
      () => {},
    )(packets.source)
    return {}
  }

  /**
   * Takes received bytes, which are the codec's from here on. Null, or why the connection must
   * end. Only what muxrpc throws is thrown.
   */
  feed(chunk: Buffer): WireError | null {
    this.#reader.push(chunk)
    this.#flushBatch()
    return this.#refusal
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#reader.stop()
  }

  /** Acts as if the other side had ended a stream: of its own where `number` is positive, else of ours. */
  pretendEnd(number: number): void {
    this.#end(number, TRUE_RECEIVED)
  }

  /** Ends all calls of the other side, whatever muxrpc has done about them. */
  abandon(error: WireError): void {
    for (const call of this.inbound.all()) {
      call.hasReceivedEnd = true
      call.hasSentEnd = true
      call.abort()
      call.input?.end(error)
      call.stopOutput?.()
      this.inbound.settle(call)
    }
  }

  judge(flags: number, bodyBytes: number, number: number): FrameVerdict {
    if (flags > 15 || (flags & TYPE_MASK) === TYPE_MASK) {
      return this.#refuse(new WireError('BAD_FRAME', `a frame has unknown flags, ${flags}`))
    }
    const isStream = (flags & STREAM_FLAG) !== 0
    const maxBytes = this.#maxBytesOf(flags & TYPE_MASK, number)
    if (bodyBytes > maxBytes) {
      const text = `a frame announces ${bodyBytes} bytes where ${maxBytes} are allowed`
      return this.#refuse(new WireError('FRAME_TOO_LARGE', text, { bodyBytes, maxBytes }))
    }
    const isWanted =
      number > 0
        ? this.#isWantedOfCaller(number, isStream, flags)
        : number < 0 && this.#isWantedOfCallee(-number, isStream, flags)
    if (!isWanted) this.droppedFrames++
    return isWanted ? 'take' : 'skip'
  }

  frame(flags: number, number: number, bytes: Buffer, start: number, end: number): void {
    this.frameCount++
    const type = flags & TYPE_MASK
    const isEnd = (flags & END_FLAG) !== 0
    if ((flags & STREAM_FLAG) === 0) {
      this.#flushBatch()
      if (number > 0) this.#request(flags, number, bytes, start, end)
      else this.#answer(-number, isEnd, new ReceivedBody(type, bytes.subarray(start, end)))
    } else if (number > 0 && this.inbound.get(number) === undefined) {
      this.#flushBatch()
      this.#request(flags, number, bytes, start, end)
    } else if (isEnd) {
      this.#flushBatch()
      this.#end(number, new ReceivedBody(type, bytes.subarray(start, end)))
    } else if (number > 0 && this.inbound.get(number)?.type === 'source') {
      this.#credit(number, new ReceivedBody(type, bytes.subarray(start, end)))
    } else {
      this.#item(number, type, bytes, start, end)
    }
  }

  goodbye(): void {
    this.#flushBatch()
    this.#context.onGoodbye()
  }

  #maxBytesOf(type: number, number: number): number {
    const call = number > 0 ? this.inbound.get(number) : undefined
    if (number > 0 && call === undefined) return this.#limits.requestBytes
    if (type === BINARY_BODY) return this.#limits.binaryBytes
    const itemBytes = call?.method.itemBytes ?? this.outbound.get(-number)?.itemBytes
    return itemBytes ?? this.#limits.frameBytes
  }

  #refuse(error: WireError): FrameVerdict {
    this.#refusal ??= error
    return 'refuse'
  }

  #isWantedOfCaller(number: number, isStream: boolean, flags: number): boolean {
    const call = this.inbound.get(number)
    if (call === undefined) {
      if ((flags & END_FLAG) !== 0) return false
      // A late item of a finished stream looks like a request; a reused number of a call is told so.
      return !isStream || !this.inbound.isFinished(number)
    }
    if (!isStream) return (flags & END_FLAG) === 0
    if (!call.isStream || call.hasReceivedEnd) return false
    if ((flags & END_FLAG) !== 0) return true
    if (call.type === 'source') return Number.isFinite(call.account.creditBytes)
    return !call.hasSentEnd
  }

  #isWantedOfCallee(number: number, isStream: boolean, flags: number): boolean {
    const call = this.outbound.get(number)
    if (call === undefined || call.isStream !== isStream || call.hasReceivedEnd) return false
    if (!isStream || (flags & END_FLAG) !== 0) return true
    return !call.hasSentEnd && call.type !== 'sink'
  }

  #request(flags: number, number: number, bytes: Buffer, start: number, end: number): void {
    this.#context.onRequest()
    const isStream = (flags & STREAM_FLAG) !== 0
    if (this.inbound.get(number) !== undefined || this.inbound.isFinished(number)) {
      this.encoder.refuse(number, isStream, `request number ${number} was used before`)
      return
    }
    const body = this.#requestBody(flags & TYPE_MASK, bytes, start, end)
    if (body === undefined) {
      this.#reader.stop()
      return
    }
    const request = readRequest(body, isStream, this.#context.methods)
    if (!request.ok) {
      this.encoder.refuse(number, isStream, request.refusal)
      return
    }
    if (isStream && this.inbound.streamCount >= this.#limits.inboundStreams) {
      const text = `too many open streams, ${this.#limits.inboundStreams} are allowed`
      this.encoder.refuse(number, isStream, text)
      return
    }
    const type = callTypeOf(request.method)
    const call = new InboundCall(number, request.method, type, request.args)
    if (type === 'source') call.account.creditBytes = creditOf(body)
    this.inbound.add(call)
    this.#context.onChange()
    const value = { name: [type], args: [call], type }
    this.#deliver({ req: number, stream: isStream, end: false, value })
  }

  /** Undefined where the body breaks the rules; then the refusal is set. */
  #requestBody(type: number, bytes: Buffer, start: number, end: number): unknown {
    if (type !== JSON_BODY) return null
    const { jsonDepth } = this.#limits
    const text = bytes.toString('utf8', start, end)
    if (isDeeperThan(text, jsonDepth)) {
      const reason = `a request is nested deeper than ${jsonDepth} levels`
      this.#refusal ??= new WireError('BAD_JSON', reason, { jsonDepth })
      return undefined
    }
    try {
      return JSON.parse(text)
    } catch {
      this.#refusal ??= new WireError('BAD_JSON', 'a request should be JSON and is not')
      return undefined
    }
  }

  #answer(number: number, isEnd: boolean, body: ReceivedBody): void {
    const call = this.outbound.get(number)
    if (call === undefined) return
    call.hasReceivedEnd = true
    this.outbound.settle(call)
    this.#deliver({ req: -number, stream: false, end: isEnd, value: body })
    this.#context.onChange()
  }

  #end(number: number, body: ReceivedBody): void {
    const error = isOrderlyEnd(body) ? null : body
    if (number > 0) {
      const call = this.inbound.get(number)
      if (call === undefined) return
      call.hasReceivedEnd = true
      call.input?.end(endError(error))
      call.stopOutput?.()
      this.inbound.settle(call)
    } else {
      const call = this.outbound.get(-number)
      if (call === undefined) return
      call.hasReceivedEnd = true
      call.onEnd?.(endError(error))
      call.stopOutput?.()
      this.outbound.settle(call)
    }
    this.#deliver({ req: number, stream: true, end: true, value: error ?? true })
    this.#context.onChange()
  }

  #credit(number: number, body: ReceivedBody): void {
    const call = this.inbound.get(number)
    const sizeBytes = body.type === JSON_BODY ? Number(body.bytes.toString('latin1')) : 0
    if (call === undefined || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
      this.droppedFrames++
      return
    }
    this.#context.outbox.addCredit(call.account, sizeBytes)
  }

  #item(number: number, type: number, bytes: Buffer, start: number, end: number): void {
    if (this.#batch === null || this.#batchNumber !== number || !this.#batch.isIn(bytes)) {
      this.#flushBatch()
      this.#batch = new ReceivedBatch(bytes, this.#limits.jsonDepth)
      this.#batchNumber = number
    }
    this.#batch.add(type, start, end)
  }

  #flushBatch(): void {
    const batch = this.#batch
    if (batch === null) return
    this.#batch = null
    this.#deliver({ req: this.#batchNumber, stream: true, end: false, value: batch })
  }

  #deliver(packet: Packet): void {
    const callback = this.#waiting
    if (callback === null) return
    this.#waiting = null
    callback(null, packet)
  }
}

/** `true`, and what can't be an error. */
function isOrderlyEnd(body: ReceivedBody): boolean {
  if (body.type !== JSON_BODY || body.bytes.length > 5) return false
  const text = body.bytes.toString('latin1')
  return text === 'true' || text === 'null' || text === 'false'
}
