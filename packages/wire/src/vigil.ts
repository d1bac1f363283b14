/**
 * Watches one connection for a peer that does nothing, or too little: a tick, set only while
 * something is under way, closes connections that take no bytes or send a frame too slowly, and
 * forgets streams that are ended here and whose other side never says end. A second, slower one
 * closes connections over which nothing goes at all.
 */
import type { FrameCodec } from './codec.js'
import { WireError } from './errors.js'
import type { WireLimits } from './limits.js'
import type { Outbox } from './outbox.js'
import type { WireClock, WireTimers } from './wire-ports.js'

/** Fine enough for limits of ten seconds and more. */
const TICK_MS = 5_000
/** Looks in the time after which a connection is idle. */
const IDLE_STEPS = 4

/** What a vigil needs of its connection. */
export interface VigilContext {
  readonly timers: WireTimers
  readonly clock: WireClock
  readonly limits: WireLimits
  readonly outbox: Outbox
  readonly codec: FrameCodec
  receivedBytes(): number
  /** True while this side does not read, so that a frame can't grow. */
  isPaused(): boolean
  fail(reason: WireError): void
  guard(run: () => void): void
}

/** When something was first seen, and what had been done by then. */
interface Mark {
  readonly sinceMs: number
  readonly doneBytes: number
}

/** One connection's watch. */
export class Vigil {
  readonly #context: VigilContext
  #cancel: (() => void) | null = null
  #isStopped = false
  #cancelIdle: (() => void) | null = null
  #idle: Mark | null = null
  #unsent: Mark | null = null
  #frame: (Mark & { readonly frameCount: number }) | null = null

  constructor(context: VigilContext) {
    this.#context = context
    this.#watchIdle()
  }

  /** To be called when something may have begun. */
  watch(): void {
    if (this.#cancel !== null || this.#isStopped) return
    const { outbox, codec, timers } = this.#context
    const isNeeded =
      outbox.unsentBytes > 0 ||
      codec.isInsideFrame ||
      codec.inbound.streamCount > 0 ||
      codec.outbound.streamCount > 0
    if (!isNeeded) return
    this.#mark()
    this.#cancel = timers.set(TICK_MS, this.#tick)
  }

  /** Ends the watch. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#cancel = null
    this.#cancelIdle?.()
    this.#cancelIdle = null
  }

  /** Begins to measure what is under way, unless the measured thing is the same as before. */
  #mark(): void {
    const { outbox, codec, clock, isPaused, receivedBytes } = this.#context
    const nowMs = clock.monotonic()
    if (outbox.unsentBytes === 0) this.#unsent = null
    else if (this.#unsent === null || this.#unsent.doneBytes !== outbox.sentBytes) {
      this.#unsent = { sinceMs: nowMs, doneBytes: outbox.sentBytes }
    }
    if (!codec.isInsideFrame || isPaused()) this.#frame = null
    else if (this.#frame === null || this.#frame.frameCount !== codec.frameCount) {
      const doneBytes = receivedBytes()
      this.#frame = { sinceMs: nowMs, doneBytes, frameCount: codec.frameCount }
    }
  }

  #tick = (): void => {
    this.#cancel = null
    if (this.#isStopped) return
    this.#mark()
    this.#checkUnsent()
    this.#checkFrame()
    this.#context.guard(() => this.#forgetHalfClosed())
    this.watch()
  }

  #watchIdle(): void {
    const { limits, timers, clock, outbox, receivedBytes } = this.#context
    if (limits.idleMs === null) return
    const doneBytes = outbox.sentBytes + receivedBytes()
    if (this.#idle === null || this.#idle.doneBytes !== doneBytes) {
      this.#idle = { sinceMs: clock.monotonic(), doneBytes }
    }
    this.#cancelIdle = timers.set(limits.idleMs / IDLE_STEPS, this.#idleTick)
  }

  #idleTick = (): void => {
    this.#cancelIdle = null
    const { limits, clock, fail } = this.#context
    this.#watchIdle()
    const { idleMs } = limits
    if (idleMs === null || this.#idle === null) return
    if (clock.monotonic() - this.#idle.sinceMs < idleMs) return
    fail(new WireError('IDLE', `nothing was sent or received for ${idleMs} ms`, { idleMs }))
  }

  #checkUnsent(): void {
    if (this.#unsent === null) return
    const { clock, limits, outbox, fail } = this.#context
    if (clock.monotonic() - this.#unsent.sinceMs < limits.stallMs) return
    const text = `${outbox.unsentBytes} bytes wait and none was taken for ${limits.stallMs} ms`
    fail(new WireError('WRITE_STALLED', text, { unsentBytes: outbox.unsentBytes }))
  }

  #checkFrame(): void {
    if (this.#frame === null) return
    const { clock, limits, receivedBytes, fail } = this.#context
    const takenMs = clock.monotonic() - this.#frame.sinceMs
    if (takenMs < limits.frameGraceMs) return
    const cameBytes = receivedBytes() - this.#frame.doneBytes
    if (cameBytes >= (limits.frameBytesPerSecond * takenMs) / 1000) return
    const text = `${cameBytes} bytes of a frame came in ${Math.round(takenMs)} ms`
    fail(new WireError('FRAME_TOO_SLOW', text, { cameBytes }))
  }

  #forgetHalfClosed(): void {
    const { codec, clock, limits } = this.#context
    const nowMs = clock.monotonic()
    for (const call of codec.inbound.all()) {
      if (!call.isStream || !call.hasSentEnd || call.hasReceivedEnd) continue
      call.halfClosedAtMs ??= nowMs
      if (nowMs - call.halfClosedAtMs >= limits.closingMs) codec.pretendEnd(call.number)
    }
    for (const call of codec.outbound.all()) {
      if (!call.isAborted || call.hasReceivedEnd) continue
      call.halfClosedAtMs ??= nowMs
      if (nowMs - call.halfClosedAtMs >= limits.closingMs) codec.pretendEnd(-call.number)
    }
  }
}
