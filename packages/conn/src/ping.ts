/**
 * gossip.ping: two sides take turns. One sends its wall time, the other answers with its own and
 * sends the next one after a rest. So a connection on which nothing else happens is used now and
 * then, and each side learns how far the clocks are apart. Leave the stream open.
 *
 * Two peers that both think it is the other's turn would rest for ever, so this side also sends when
 * nothing came for two rests; two that answer answers would never rest, so this side answers once a
 * second at most. A ping that stays without an answer for a rest says that nobody is there.
 * @source protocol digest 2.5; npm pull-ping 2.0
 */
import type { Clock, Timers } from '@dunbar/actor'
import { ItemStream } from '@dunbar/wire'

const LEAST_MS = 10_000
const MOST_MS = 30 * 60_000
export const DEFAULT_PING_MS = 5 * 60_000
const LEAST_BETWEEN_ANSWERS_MS = 1_000
/** A number is small, and only the newest is of interest. */
const MAX_WAITING = 2

export interface PingOptions {
  readonly timers: Timers
  readonly clock: Clock
  /** How long to rest, 10 s to 30 min. */
  readonly restMs: number
  /** An answer came: how long it took, and how far the other clock is ahead, in ms. */
  readonly onAnswer?: (rttMs: number, skewMs: number) => void
  /** No answer came. */
  readonly onSilence?: () => void
}

/** One side of a ping stream. */
export class Ping {
  readonly #options: PingOptions
  readonly #restMs: number
  readonly #output: ItemStream<number>
  #isOver = false
  #sentAtMs: number | null = null
  #sentAt = 0
  #answeredAtMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | null = null

  constructor(options: PingOptions) {
    this.#options = options
    this.#restMs = Math.min(MOST_MS, Math.max(LEAST_MS, options.restMs))
    this.#output = new ItemStream(MAX_WAITING, 'dropOldest', () => this.#end())
  }

  /** What goes to the other side. Leaving it ends the ping. */
  get output(): AsyncIterableIterator<number> {
    return this.#output
  }

  /** Sends the first one. */
  serve(): void {
    if (this.#isOver) return
    const { clock, timers } = this.#options
    this.#sentAtMs = clock.monotonic()
    this.#sentAt = clock.now()
    this.#output.push(this.#sentAt)
    this.#cancel?.()
    this.#cancel = timers.set(this.#restMs, () => {
      this.#output.end()
      this.#options.onSilence?.()
    })
  }

  /** Reads the other side until its stream ends; never rejects. */
  async read(input: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const item of input) {
        if (this.#isOver) break
        if (typeof item === 'number' && Number.isFinite(item)) this.#receive(item)
      }
    } catch {
      // The connection ended, or the other side knows no ping; both are fine.
    }
    this.#output.end()
  }

  #receive(remoteTime: number): void {
    const { clock, onAnswer } = this.#options
    const nowMs = clock.monotonic()
    if (this.#sentAtMs !== null) {
      const rttMs = nowMs - this.#sentAtMs
      this.#sentAtMs = null
      onAnswer?.(rttMs, remoteTime - (this.#sentAt + rttMs / 2))
      this.#serveIn(2 * this.#restMs)
      return
    }
    if (nowMs - this.#answeredAtMs < LEAST_BETWEEN_ANSWERS_MS) return
    this.#answeredAtMs = nowMs
    this.#output.push(clock.now())
    this.#serveIn(this.#restMs)
  }

  #serveIn(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#options.timers.set(delayMs, () => this.serve())
  }

  #end(): void {
    this.#isOver = true
    this.#cancel?.()
    this.#cancel = null
  }
}
