import { BoxOpener, BoxSealer } from './box-stream.js'
import type { ByteDuplex, ByteDuplexEvents } from './byte-duplex.js'
import { WireError } from './errors.js'
import type { Handshake, Session } from './handshake.js'

/** What becomes of the handshake of a pipe: one of these, once. */
export interface HandshakeOutcome {
  /** The other side is known. Whoever uses the pipe calls `start` in here. */
  secured(session: Session): void
  /** There is no session, and the pipe is destroyed. */
  failed(reason: WireError): void
}

/**
 * A pipe that encrypts over another one, which is its own. It begins with the handshake, at once,
 * and is a `ByteDuplex` from `secured` on.
 */
export class SecureDuplex implements ByteDuplex {
  readonly #pipe: ByteDuplex
  readonly #handshake: Handshake
  readonly #outcome: HandshakeOutcome
  /** Bytes of the handshake's message that is due, and what came behind them, until that is opened. */
  #received: Buffer = Buffer.alloc(0)
  #isSettled = false
  #isPaused = false
  #sealer: BoxSealer | null = null
  #opener: BoxOpener | null = null
  #events: ByteDuplexEvents | null = null
  /** Messages of the handshake, one write of the user's, and the goodbye at most. */
  readonly #sends: { readonly bytes: Uint8Array; readonly done: () => void }[] = []
  #isSending = false

  constructor(pipe: ByteDuplex, handshake: Handshake, outcome: HandshakeOutcome) {
    this.#pipe = pipe
    this.#handshake = handshake
    this.#outcome = outcome
    pipe.start({
      bytes: (chunk) => this.#take(chunk),
      end: () => this.#endOfPipe(),
      broken: (reason) => this.#break(reason),
      close: () => {
        this.#endOfPipe()
        this.#events?.close()
      },
    })
    if (handshake.opening !== null) this.#send(handshake.opening, () => {})
  }

  start(events: ByteDuplexEvents): void {
    this.#events = events
  }

  write(bytes: Uint8Array, done: () => void): void {
    if (this.#sealer === null) return
    this.#send(this.#sealer.seal(bytes), done)
  }

  pause(): void {
    this.#isPaused = true
    this.#pipe.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#openEarly()
    this.#pipe.resume()
  }

  end(): void {
    if (this.#sealer === null) return
    this.#send(this.#sealer.goodbye(), () => this.#pipe.end())
    this.#sealer = null
  }

  destroy(): void {
    this.#pipe.destroy()
  }

  /** Ends a handshake that is still under way. */
  abandon(reason: WireError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#pipe.destroy()
    this.#outcome.failed(reason)
  }

  #take(chunk: Buffer): void {
    if (this.#opener !== null && this.#received.length === 0) {
      this.#open(this.#opener, chunk)
      return
    }
    if (this.#isSettled && this.#opener === null) return
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (!this.#isSettled && this.#received.length >= this.#handshake.dueBytes) {
      const { dueBytes } = this.#handshake
      const message = this.#received.subarray(0, dueBytes)
      this.#received = this.#received.subarray(dueBytes)
      this.#shake(message)
    }
  }

  #shake(message: Buffer): void {
    const turn = this.#handshake.take(message)
    if (!turn.ok) {
      this.abandon(turn.reason)
      return
    }
    if (turn.reply !== null) this.#send(turn.reply, () => {})
    const { session } = turn
    if (session === null) return
    this.#isSettled = true
    this.#sealer = new BoxSealer(session.encryptKey, session.encryptNonce)
    this.#opener = new BoxOpener(session.decryptKey, session.decryptNonce)
    this.#outcome.secured(session)
    if (!this.#isPaused) this.#openEarly()
  }

  /** Opens what came together with the last message of the handshake. */
  #openEarly(): void {
    const early = this.#received
    if (this.#opener === null || early.length === 0) return
    this.#received = Buffer.alloc(0)
    this.#open(this.#opener, early)
  }

  /** One write at a time, as pipes want it. */
  #send(bytes: Uint8Array, done: () => void): void {
    this.#sends.push({ bytes, done })
    if (!this.#isSending) this.#sendNext()
  }

  #sendNext(): void {
    const next = this.#sends.shift()
    this.#isSending = next !== undefined
    if (next === undefined) return
    this.#pipe.write(next.bytes, () => {
      next.done()
      this.#sendNext()
    })
  }

  #open(opener: BoxOpener, chunk: Buffer): void {
    if (opener.end !== null) return
    for (const bytes of opener.open(chunk)) this.#events?.bytes(bytes)
    if (opener.end === 'goodbye') this.#events?.end()
    else if (opener.end !== null) this.#events?.broken(opener.end)
  }

  #endOfPipe(): void {
    if (this.#opener === null) {
      this.abandon(this.#handshake.hangUp)
    } else if (this.#opener.end === null) {
      this.#break(
        new WireError('TRUNCATED', 'the other side was cut off or left without a goodbye'),
      )
    }
  }

  #break(reason: WireError): void {
    if (this.#opener === null) {
      this.abandon(reason)
    } else if (this.#opener.end === null) {
      this.#opener.end = reason
      this.#events?.broken(reason)
    }
  }
}
