import type { ByteDuplex, ByteDuplexEvents, WireError } from '@dunbar/wire'
import type { SeededRandom } from './seeded-random.js'
import type { Simulation, ThreadLife } from './virtual-clock.js'

/**
 * A pipe of bytes in both directions on virtual time. What is written arrives in order, in pieces of
 * any size, each after a seeded delay; what the receiver does not read holds the sender up.
 */

/** One end of a pipe: who holds it. Nothing reaches a dead end, and nothing leaves it. */
export interface PipeHolder {
  readonly name: string
  readonly life: ThreadLife
}

/** How a pipe carries bytes. */
export interface PipeManners {
  /** Between write and arrival, ms. */
  readonly delayMs: { readonly min: number; readonly max: number }
  /** Pieces that a write comes in, at most. */
  readonly maxPieces: number
}

/** Told of all bytes as they are written; they must be read at once and left as they are. */
export type PipeListener = (from: PipeHolder, to: PipeHolder, bytes: Uint8Array) => void

export interface PipeOptions {
  readonly simulation: Simulation
  readonly manners: PipeManners
  readonly holders: readonly [PipeHolder, PipeHolder]
  readonly onWrite: PipeListener
  /** What an end is told whose pipe was cut. */
  readonly truncation: WireError
  /** Both ends are closed, or dead. */
  readonly onClosed: () => void
}

/** What a socket takes although nobody reads it, bytes. */
const SOCKET_BUFFER_BYTES = 64 * 1024

export class SimulatedPipe {
  readonly holders: readonly [PipeHolder, PipeHolder]
  readonly ends: readonly [ByteDuplex, ByteDuplex]
  readonly #options: PipeOptions
  readonly #first: PipeEnd
  readonly #second: PipeEnd

  constructor(options: PipeOptions) {
    this.#options = options
    this.holders = options.holders
    const [one, other] = options.holders
    const onClosed = () => {
      if (this.isOver) options.onClosed()
    }
    this.#first = new PipeEnd(options, one, other, onClosed)
    this.#second = new PipeEnd(options, other, one, onClosed)
    this.#first.other = this.#second
    this.#second.other = this.#first
    this.ends = [this.#first, this.#second]
  }

  get isOver(): boolean {
    return [this.#first, this.#second].every((end) => end.isClosed || !end.holder.life.isAlive)
  }

  /** Breaks it: each end learns of it after a delay, and gets what came before that, or less. */
  cut(): void {
    this.#first.cutOff()
    this.#second.cutOff()
  }

  /** From here on nothing arrives at this end, and the one who writes is not told. */
  mute(end: 0 | 1): void {
    const muted = end === 0 ? this.#first : this.#second
    muted.isMuted = true
  }

  /** A holder is dead: the other end is cut off, or hears nothing any more, by the seed. */
  abandoned(): void {
    const isSilent = this.#options.simulation.random.chance(0.3)
    for (const end of [this.#first, this.#second]) {
      if (isSilent) end.isMuted = true
      else end.cutOff()
    }
    if (this.isOver) this.#options.onClosed()
  }
}

type Arrival =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly taken: () => void }
  | { readonly kind: 'end' }

class PipeEnd implements ByteDuplex {
  readonly holder: PipeHolder
  other!: PipeEnd
  isClosed = false
  isMuted = false
  readonly #options: PipeOptions
  readonly #random: SeededRandom
  readonly #to: PipeHolder
  readonly #onClosed: () => void
  #events: ByteDuplexEvents | null = null
  #isPaused = false
  #hasEnded = false
  /** When the last piece arrives here, so that none overtakes another. */
  #lastArrivalMs = 0
  /** Arrived, and not read. */
  #arrivals: Arrival[] = []
  #swallowedBytes = 0

  constructor(options: PipeOptions, holder: PipeHolder, to: PipeHolder, onClosed: () => void) {
    this.holder = holder
    this.#options = options
    this.#random = options.simulation.random
    this.#to = to
    this.#onClosed = onClosed
  }

  start(events: ByteDuplexEvents): void {
    this.#events = events
    this.#deliver()
  }

  write(bytes: Uint8Array, done: () => void): void {
    if (this.isClosed || !this.holder.life.isAlive) return
    this.#options.onWrite(this.holder, this.#to, bytes)
    const copy = Buffer.from(bytes)
    let at = 0
    for (const length of this.#pieces(copy.length)) {
      const piece = Buffer.from(copy.subarray(at, at + length))
      at += length
      const taken = at === copy.length ? () => this.#later(this.holder, done) : () => {}
      this.other.#arrive({ kind: 'bytes', bytes: piece, taken })
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#later(this.holder, () => this.#deliver())
  }

  end(): void {
    if (this.isClosed || this.#hasEnded || !this.holder.life.isAlive) return
    this.#hasEnded = true
    this.other.#arrive({ kind: 'end' })
  }

  destroy(): void {
    this.cutOff()
    this.other.cutOff()
  }

  /** Nothing more goes in or out; told after a delay. */
  cutOff(): void {
    const delayMs = this.#delay()
    this.#options.simulation.schedule(
      this.holder.name,
      'message',
      delayMs,
      () => this.#close(this.#options.truncation),
      this.holder.life,
    )
  }

  #close(reason: WireError | null): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#arrivals = []
    if (reason !== null) this.#events?.broken(reason)
    this.#events?.close()
    this.#onClosed()
  }

  /** Something is on its way to this end. */
  #arrive(arrival: Arrival): void {
    const { simulation } = this.#options
    const { nowMs } = simulation
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + this.#delay())
    simulation.schedule(
      this.holder.name,
      'message',
      this.#lastArrivalMs - nowMs,
      () => {
        if (this.isMuted) {
          this.#swallow(arrival)
        } else if (!this.isClosed) {
          this.#arrivals.push(arrival)
          this.#deliver()
        }
      },
      // A dead holder's machine may still take bytes; nobody reads them.
      this.holder.life,
    )
  }

  #swallow(arrival: Arrival): void {
    if (arrival.kind !== 'bytes') return
    this.#swallowedBytes += arrival.bytes.length
    if (this.#swallowedBytes <= SOCKET_BUFFER_BYTES) arrival.taken()
  }

  #deliver(): void {
    while (!this.#isPaused && !this.isClosed && this.#events !== null) {
      const next = this.#arrivals.shift()
      if (next === undefined) return
      if (next.kind === 'bytes') {
        next.taken()
        this.#events.bytes(next.bytes)
        continue
      }
      this.#events.end()
      // Who hears the end ends too; both directions are over then.
      this.#later(this.holder, () => this.#closeIfOver())
    }
  }

  #closeIfOver(): void {
    if (!this.#hasEnded) return
    this.#close(null)
    const { other } = this
    other.#later(other.holder, () => other.#close(null))
  }

  #later(holder: PipeHolder, run: () => void): void {
    const { simulation } = this.#options
    simulation.schedule(holder.name, 'message', this.#delay(), run, holder.life)
  }

  #delay(): number {
    const { min, max } = this.#options.manners.delayMs
    return min + this.#random.next() * (max - min)
  }

  #pieces(length: number): number[] {
    const { maxPieces } = this.#options.manners
    const pieces: number[] = []
    let left = length
    for (let count = this.#random.between(1, maxPieces); count > 1 && left > 1; count -= 1) {
      const piece = this.#random.between(1, left - 1)
      pieces.push(piece)
      left -= piece
    }
    pieces.push(left)
    return pieces
  }
}
