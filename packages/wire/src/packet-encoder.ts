/**
 * What muxrpc, and the codec on its behalf, sends: packets become frames in the outbox.
 *
 * Ordinary bodies are encoded as packet-stream-codec does, `RawJson` and `RawBatch` go as they are.
 * The body of an error or end frame is never muxrpc's, which has stacks in it, but the one that
 * was left with the call, or `true`.
 * @source packet-stream-codec 1.2.0, packet-stream 2.0.6
 */
import type { Packet } from 'muxrpc'
import { type InboundCall, type InboundCalls, OutboundCall, type OutboundCalls } from './calls.js'
import { refusalBody } from './error-frame.js'
import { END_FLAG, encodeFrame, GOODBYE_FRAME, JSON_BODY, STREAM_FLAG } from './frame.js'
import type { WireLimits } from './limits.js'
import { type Outbox, SendAccount } from './outbox.js'
import { EncodedBody, encodeBody, RawBatch } from './raw.js'

/** What pull-goodbye puts among the packets. */
export const GOODBYE = 'GOODBYE'
const TRUE_BODY = new EncodedBody(JSON_BODY, Buffer.from('true'))
/** Takes the place of an answer that the framing can't express: empty bytes. */
const EMPTY_BODY = new EncodedBody(JSON_BODY, Buffer.from('""'))

/** What an encoder needs of its connection. */
export interface EncoderContext {
  readonly limits: WireLimits
  readonly outbox: Outbox
  readonly inbound: InboundCalls
  readonly outbound: OutboundCalls
  /** A call was answered, or ended. */
  onChange(): void
}

/** The outward half of a codec. */
export class PacketEncoder {
  /** Answers to calls, and refusals: what the other side can make us hold without reading. */
  readonly answers = new SendAccount()
  readonly #context: EncoderContext

  constructor(context: EncoderContext) {
    this.#context = context
  }

  /** Sends what muxrpc gives. */
  encode(packet: Packet | typeof GOODBYE): void {
    const { outbox } = this.#context
    if (packet === GOODBYE) {
      outbox.push(GOODBYE_FRAME, null)
    } else if (packet.req < 0) {
      this.#encodeOfCallee(packet)
    } else if (packet.req > 0) {
      this.#encodeOfCaller(packet)
    }
  }

  /** Answers a request that is not taken. */
  refuse(number: number, isStream: boolean, text: string): void {
    if (this.#context.inbound.get(number) === undefined) this.#context.inbound.refuse(number)
    const body = refusalBody(text)
    const flags = (isStream ? STREAM_FLAG : 0) | END_FLAG | body.type
    this.#context.outbox.push(encodeFrame(flags, -number, body.bytes), this.answers)
    this.#context.onChange()
  }

  /** Sends the end frame of a sink that was held until its handler was through. */
  sendHeldEnd(call: InboundCall): void {
    call.isEndHeld = false
    this.#sendInboundEnd(call)
  }

  /** Lets the other side send `sizeBytes` more on a source of ours. */
  grant(call: OutboundCall, sizeBytes: number): void {
    if (call.hasSentEnd || call.hasReceivedEnd || call.number === 0) return
    const body = Buffer.from(String(sizeBytes))
    this.#context.outbox.push(encodeFrame(STREAM_FLAG | JSON_BODY, call.number, body), null)
  }

  #encodeOfCallee(packet: Packet): void {
    const call = this.#context.inbound.get(-packet.req)
    if (call === undefined || call.hasSentEnd) return
    if (!call.isStream) {
      call.hasSentEnd = true
      this.#context.inbound.settle(call)
      const isError = packet.end === true
      const body = isError ? (call.failure ?? refusalBody('internal error')) : this.#body(packet)
      const flags = (isError ? END_FLAG : 0) | body.type
      this.#context.outbox.push(encodeFrame(flags, packet.req, body.bytes), this.answers)
      this.#context.onChange()
    } else if (packet.end !== true) {
      this.#encodeItem(packet, call.account)
    } else if (call.type === 'sink' && !call.isHandled) {
      call.isEndHeld = true
    } else {
      this.#sendInboundEnd(call)
    }
  }

  #sendInboundEnd(call: InboundCall): void {
    if (call.hasSentEnd) return
    call.hasSentEnd = true
    const body = call.failure ?? TRUE_BODY
    const flags = STREAM_FLAG | END_FLAG | body.type
    this.#context.outbox.push(encodeFrame(flags, -call.number, body.bytes), call.account)
    this.#context.inbound.settle(call)
    this.#context.onChange()
  }

  #encodeOfCaller(packet: Packet): void {
    const call = this.#context.outbound.get(packet.req) ?? this.#learn(packet)
    if (call === null || call.hasSentEnd) return
    const { outbox } = this.#context
    if (packet.end === true) {
      call.hasSentEnd = true
      const body = call.failure ?? TRUE_BODY
      const flags = STREAM_FLAG | END_FLAG | body.type
      outbox.push(encodeFrame(flags, packet.req, body.bytes), call.account)
      this.#context.outbound.settle(call)
      this.#context.onChange()
    } else if (call.number === 0) {
      call.number = packet.req
      this.#context.outbound.add(call)
      const flags = (call.isStream ? STREAM_FLAG : 0) | JSON_BODY
      outbox.push(encodeFrame(flags, packet.req, call.request), call.account)
    } else {
      this.#encodeItem(packet, call.account)
    }
  }

  /** The call that a first frame of ours belongs to: it sits where the arguments go. */
  #learn(packet: Packet): OutboundCall | null {
    const request = packet.value as { readonly args?: unknown } | null
    return request?.args instanceof OutboundCall ? request.args : null
  }

  #encodeItem(packet: Packet, account: InboundCall['account']): void {
    const { outbox } = this.#context
    if (packet.value instanceof RawBatch) {
      outbox.push(packet.value.frames(packet.req), account)
      return
    }
    const body = this.#body(packet)
    outbox.push(encodeFrame(STREAM_FLAG | body.type, packet.req, body.bytes), account)
  }

  #body(packet: Packet): EncodedBody {
    if (packet.value instanceof EncodedBody) return packet.value
    return encodeBody(packet.value, this.#context.limits.sendBytes) ?? EMPTY_BODY
  }
}
