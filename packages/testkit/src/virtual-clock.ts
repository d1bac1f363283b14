import { setImmediate } from 'node:timers'
import type { FileSystem, Logger, Ports } from '@dunbar/actor'
import { SeededRandom } from './seeded-random.js'

/**
 * Virtual time. Nothing waits: what is set for later stands in one queue, ordered by its time and,
 * at one time, by when it was put in. A step takes the first, moves the clock there, runs it, and
 * lets every promise reaction that follows from it run before the next step. So a run depends on
 * its seed and on the program alone.
 *
 * Code under simulation must take time, timers, turns and randomness from its ports, and must not
 * wait for the machine (sockets, real files behind promises).
 */

export type StepKind = 'turn' | 'message' | 'timer'

/** One thing that happened. */
export interface Step {
  readonly atMs: number
  readonly thread: string
  readonly kind: StepKind
}

export interface SimulationOptions {
  readonly seed: number | string
  /** Wall time at the start, ms since 1970. Default: 1 January 2025, 00:00 UTC. */
  readonly startMs?: number
  /** Told of every step before it runs. */
  readonly onStep?: (step: Step) => void
  /** Steps after which a run is taken for endless. Default 10 million. */
  readonly maxSteps?: number
}

/** Whether a simulated thread still runs; its ports and its connections share one. */
export interface ThreadLife {
  isAlive: boolean
  /** It holds its loop: what is due waits until it goes on. */
  isHung: boolean
  readonly held: (() => void)[]
}

export const newThreadLife = (): ThreadLife => ({ isAlive: true, isHung: false, held: [] })

interface Due {
  readonly atMs: number
  readonly order: number
  readonly thread: string
  readonly kind: StepKind
  readonly life: ThreadLife
  /** Null: taken back. */
  run: (() => void) | null
}

export class Simulation {
  readonly seed: number | string
  /** For what is no part of a node: delays, faults, the workload of a test. */
  readonly random: SeededRandom
  readonly #startMs: number
  readonly #onStep: (step: Step) => void
  readonly #maxSteps: number
  readonly #queue: Due[] = []
  #nowMs = 0
  #order = 0
  #stepCount = 0
  /** Turns and messages in the queue: what is under way, other than timers. */
  #underWay = 0

  constructor(options: SimulationOptions) {
    this.seed = options.seed
    this.random = new SeededRandom(`${options.seed}/simulation`)
    this.#startMs = options.startMs ?? Date.UTC(2025, 0, 1)
    this.#onStep = options.onStep ?? (() => {})
    this.#maxSteps = options.maxSteps ?? 10_000_000
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs
  }

  get stepCount(): number {
    return this.#stepCount
  }

  /** Ports of one simulated thread. Its random numbers follow from the seed and its name. */
  ports(
    thread: string,
    parts: { readonly fs: FileSystem; readonly logger: Logger },
    life: ThreadLife = newThreadLife(),
  ): Ports {
    return {
      clock: { now: () => this.#startMs + this.#nowMs, monotonic: () => this.#nowMs },
      timers: { set: (delayMs, run) => this.schedule(thread, 'timer', delayMs, run, life) },
      turns: {
        soon: (run) => {
          this.schedule(thread, 'turn', 0, run, life)
        },
        endOfTurn: (run) =>
          queueMicrotask(() => {
            if (life.isAlive) run()
          }),
      },
      random: new SeededRandom(`${this.seed}/${thread}`),
      fs: parts.fs,
      logger: parts.logger,
    }
  }

  /** Puts something in the queue; the returned function takes it out. */
  schedule(
    thread: string,
    kind: StepKind,
    delayMs: number,
    run: () => void,
    life: ThreadLife = newThreadLife(),
  ): () => void {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    const due: Due = { atMs, order: this.#order, thread, kind, life, run }
    this.#order += 1
    if (kind !== 'timer') this.#underWay += 1
    this.#insert(due)
    return () => {
      if (due.run !== null && kind !== 'timer') this.#underWay -= 1
      due.run = null
    }
  }

  /** Runs everything that is due within the next `ms`, and ends exactly then. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let next = this.#first(); next !== null && next.atMs <= untilMs; next = this.#first()) {
      await this.#step()
    }
    this.#nowMs = untilMs
  }

  /** Runs until no turn and no message is under way, moving the clock as far as they need; what only waits for a timer stays. */
  async runUntilIdle(): Promise<void> {
    await settle()
    while (this.#underWay > 0) await this.#step()
  }

  /**
   * Runs until a promise settles, moving the clock as far as that takes, and gives what it gives.
   * @throws where it is pending and nothing is left that could settle it
   */
  async run<Value>(promise: Promise<Value>): Promise<Value> {
    let isPending = true
    const settled = (): void => {
      isPending = false
    }
    promise.then(settled, settled)
    await settle()
    while (isPending) {
      if (this.#first() === null) {
        throw new Error(`nothing is left to run at ${this.#nowMs} ms, seed ${this.seed}`)
      }
      await this.#step()
    }
    return promise
  }

  async #step(): Promise<void> {
    const due = this.#take()
    const { run, life, atMs, thread, kind } = due
    if (run === null) return
    due.run = null
    if (kind !== 'timer') this.#underWay -= 1
    this.#nowMs = Math.max(this.#nowMs, atMs)
    if (!life.isAlive) return
    if (life.isHung) {
      life.held.push(run)
      return
    }
    this.#stepCount += 1
    if (this.#stepCount > this.#maxSteps) {
      throw new Error(`no end after ${this.#maxSteps} steps, seed ${this.seed}`)
    }
    this.#onStep({ atMs, thread, kind })
    run()
    await settle()
  }

  // --- a binary heap, earliest first ---

  /** The first that was not taken back. */
  #first(): Due | null {
    while (this.#queue.length > 0 && this.#queue[0]?.run === null) this.#take()
    return this.#queue[0] ?? null
  }

  #insert(due: Due): void {
    const queue = this.#queue
    let at = queue.length
    queue.push(due)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = queue[parent] as Due
      if (!isEarlier(due, above)) break
      queue[at] = above
      at = parent
    }
    queue[at] = due
  }

  #take(): Due {
    const queue = this.#queue
    const first = queue[0] as Due
    const last = queue.pop() as Due
    if (queue.length === 0) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= queue.length) break
      const right = left + 1
      const child =
        right < queue.length && isEarlier(queue[right] as Due, queue[left] as Due) ? right : left
      const below = queue[child] as Due
      if (!isEarlier(below, last)) break
      queue[at] = below
      at = child
    }
    queue[at] = last
    return first
  }
}

/** Virtual time and ports that follow from one seed. */
export const createSimulation = (options: SimulationOptions): Simulation => new Simulation(options)

const isEarlier = (one: Due, other: Due): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

/** The machine's own next turn: by then every promise reaction that could run has run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
