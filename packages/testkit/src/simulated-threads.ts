import type { Batch, Ports, ThreadHost, ThreadPort, ThreadStart } from '@dunbar/actor'
import { newThreadLife, type Simulation, type ThreadLife } from './virtual-clock.js'

/**
 * Threads on one loop: each is an entry function with ports of its own, joined to its hub by two
 * one-way connections. A post is cloned on the spot, as between real threads: what cannot be cloned
 * throws, what is transferred is detached. Batches arrive in order, each after a seeded delay. A
 * thread that is killed takes its timers and turns with it, and by the seed what it had under way.
 */

/** What a thread entry works with. */
export interface SimulatedThread {
  readonly name: string
  readonly port: ThreadPort
  readonly ports: Ports
  /** A clone of what the start gave. */
  readonly workerData: unknown
}

export type ThreadEntry = (thread: SimulatedThread) => unknown

export interface SimulatedThreadsOptions {
  readonly simulation: Simulation
  /** By the `entry` of the start, as text. */
  readonly entries: Readonly<Record<string, ThreadEntry>>
  /** File system and logger of a thread. */
  readonly parts: (name: string) => Pick<Ports, 'fs' | 'logger'>
  /** Between post and arrival. Default 0 to 2 ms. */
  readonly delayMs?: { readonly min: number; readonly max: number }
  /** The life of the thread that starts these: where it has ended, nothing is told to it. Default: it goes on. */
  readonly hubLife?: ThreadLife
}

interface Running {
  readonly life: ThreadLife
  exit(error: Error | null): void
}

export class SimulatedThreads implements ThreadHost {
  readonly #options: SimulatedThreadsOptions
  readonly #running = new Map<string, Running>()

  constructor(options: SimulatedThreadsOptions) {
    this.#options = options
  }

  /** Names of the threads that are alive, sorted. */
  get names(): string[] {
    return [...this.#running.keys()].sort()
  }

  start(start: ThreadStart): ThreadPort {
    const { simulation, entries, parts, hubLife = newThreadLife() } = this.#options
    const { name } = start
    const life = newThreadLife()
    const toThread = new OneWay(simulation, name, life, () => this.#delay())
    const toHub = new OneWay(simulation, `${name} to hub`, hubLife, () => this.#delay())
    let ended: (error: Error | null) => void = () => {}
    const running: Running = {
      life,
      exit: (error) => {
        if (!life.isAlive) return
        life.isAlive = false
        if (this.#running.get(name) === running) this.#running.delete(name)
        toThread.cut()
        toHub.end(() => ended(error))
      },
    }
    this.#running.set(name, running)
    const workerData = structuredClone(start.workerData)
    simulation.schedule(
      name,
      'turn',
      this.#delay(),
      () => {
        const entry = entries[String(start.entry)]
        if (entry === undefined) {
          running.exit(new Error(`there is no thread entry ${String(start.entry)}`))
          return
        }
        const inner: ThreadPort = {
          post: (batch, transfer) => toHub.post(batch, transfer),
          onMessage: (receive) => toThread.onMessage(receive),
          onExit: () => {},
          terminate: () => running.exit(null),
        }
        const ports = simulation.ports(name, parts(name), life)
        Promise.resolve()
          .then(() => entry({ name, port: inner, ports, workerData }))
          .catch((error: unknown) => {
            running.exit(error instanceof Error ? error : new Error(String(error)))
          })
      },
      life,
    )
    return {
      post: (batch, transfer) => toThread.post(batch, transfer),
      onMessage: (receive) => toHub.onMessage(receive),
      onExit: (run) => {
        ended = run
      },
      terminate: () => running.exit(new Error('it was terminated')),
    }
  }

  /** Ends a thread in the middle of whatever it does. What it had posted arrives or is lost, by the seed. */
  kill(name: string): void {
    this.#find(name).exit(new Error('it was killed'))
  }

  /** Holds the loop of a thread: nothing runs in it until `resume`. */
  hang(name: string): void {
    this.#find(name).life.isHung = true
  }

  resume(name: string): void {
    const { life } = this.#find(name)
    life.isHung = false
    for (const run of life.held.splice(0)) {
      this.#options.simulation.schedule(name, 'turn', 0, run, life)
    }
  }

  #find(name: string): Running {
    const running = this.#running.get(name)
    if (running === undefined) throw new Error(`no thread ${name} is alive`)
    return running
  }

  #delay(): number {
    const { min, max } = this.#options.delayMs ?? { min: 0, max: 2 }
    return min + this.#options.simulation.random.next() * (max - min)
  }
}

/** One direction of a connection: in order, cloned, delayed. */
class OneWay {
  readonly #simulation: Simulation
  readonly #thread: string
  readonly #life: ThreadLife
  readonly #delay: () => number
  #receive: ((batch: Batch) => void) | null = null
  /** Came before anybody received. */
  #early: Batch[] = []
  #lastArrivalMs = 0
  #isCut = false

  constructor(simulation: Simulation, thread: string, life: ThreadLife, delay: () => number) {
    this.#simulation = simulation
    this.#thread = thread
    this.#life = life
    this.#delay = delay
  }

  post(batch: Batch, transfer: readonly ArrayBuffer[]): void {
    const copy = structuredClone(batch, { transfer: [...transfer] })
    if (this.#isCut) return
    this.#arrive(() => {
      if (this.#isCut) return
      if (this.#receive === null) this.#early.push(copy)
      else this.#receive(copy)
    })
  }

  onMessage(receive: (batch: Batch) => void): void {
    this.#receive = receive
    for (const batch of this.#early.splice(0)) receive(batch)
  }

  /** Nothing arrives any longer. */
  cut(): void {
    this.#isCut = true
  }

  /** The sender is gone: what is under way arrives first, or never. */
  end(told: () => void): void {
    if (this.#simulation.random.chance(0.5)) this.cut()
    this.#arrive(told)
  }

  #arrive(run: () => void): void {
    const { nowMs } = this.#simulation
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + this.#delay())
    const delayMs = this.#lastArrivalMs - nowMs
    this.#simulation.schedule(this.#thread, 'message', delayMs, run, this.#life)
  }
}
