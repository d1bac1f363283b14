import { ActorCell } from './actor-cell.js'
import type { ExitReason } from './behaviour.js'
import type { ChildSpec, SupervisorSpec } from './child-spec.js'
import { DeadlineWheel } from './deadline.js'
import { DynamicSupervisor } from './dynamic-supervisor.js'
import type { Environment, Quarantine, Supervised } from './environment.js'
import { Exchange, KERNEL_PREFIX, type Place } from './exchange.js'
import {
  type Counters,
  type KernelEvent,
  type KernelReport,
  newCounters,
  type QuarantineReport,
} from './inspect.js'
import { kernelActor } from './kernel-actor.js'
import type { LogLevel, Ports } from './ports.js'
import { Registry } from './registry.js'
import { ExchangeRouter, type KernelRouter } from './router.js'
import { Scheduler } from './scheduler.js'
import { SupervisedThread } from './supervised-thread.js'
import { Supervisor } from './supervisor.js'

/** The actors of one thread and the ways to those of others. */
export interface Kernel {
  /** `<name>` of the hub; `<name>#<start>` of a thread under it. */
  readonly address: string
  readonly router: KernelRouter
  /** Resolves when the tree has ended: `shutdown` after `stop`, a crash where its root gave up. */
  readonly ended: Promise<ExitReason>
  /** Starts a tree, once. Rejects with the error of the child that could not start; the others are stopped then. */
  start(tree: SupervisorSpec): Promise<void>
  /** Stops the tree from right to left, each child within its time. Resolves when all have ended; never rejects. */
  stop(): Promise<void>
  /** Plain data on everything that lives here. Costs time in proportion to the number of actors. */
  inspect(): KernelReport
  /** Actors of this kernel that crashed too often. Those of a thread: ask `kernel/<thread>`. */
  quarantined(): QuarantineReport[]
  /** Lets a quarantined actor start again at its next message; false where it is not quarantined here. */
  release(name: string): boolean
}

export interface KernelOptions {
  readonly ports: Ports
  /** Default `main`. */
  readonly name?: string
  /**
   * On which thread a name lives that nobody has here: the `name` of a thread of the tree, or null.
   * Called for every request to such a name, so it must be fast. Default: nobody has it.
   */
  readonly place?: Place
  /** Told what happens to the tree, after it is logged. Must not throw. */
  readonly onEvent?: (event: KernelEvent) => void
}

/** A kernel without actors, on ports of its own. Nothing runs before `start`. */
export function createKernel(options: KernelOptions): Kernel {
  return new ThreadKernel(options, options.name ?? 'main')
}

/** The kernel with what `joinThread` needs of it. */
export class ThreadKernel implements Kernel {
  readonly address: string
  readonly router: KernelRouter
  readonly ended: Promise<ExitReason>
  readonly exchange: Exchange

  readonly #environment: Environment
  readonly #self: ActorCell
  readonly #threadStarts = new Map<string, number>()
  readonly #counters: Counters = newCounters()
  #root: Supervisor | null = null
  #end: (reason: ExitReason) => void = () => {}
  #stopped: Promise<void> | null = null

  constructor(options: KernelOptions, address: string) {
    const { ports, name = 'main', place = () => null, onEvent = () => {} } = options
    const counters = this.#counters
    const registry = new Registry()
    const wheel = new DeadlineWheel(ports.clock, ports.timers)
    const exchange = new Exchange(address, registry, wheel, ports.turns, counters, place)
    const scheduler = new Scheduler(ports.clock, ports.timers, ports.turns, () => exchange.flush())
    exchange.attach(scheduler)
    this.address = address
    this.exchange = exchange
    this.router = new ExchangeRouter(exchange, counters)
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#environment = {
      ports,
      scheduler,
      wheel,
      registry,
      monitors: exchange.monitors,
      exchange,
      router: this.router,
      counters,
      dynamics: new Set<Quarantine>(),
      tell: (event) => {
        logEvent(ports, event)
        onEvent(event)
      },
      createChild: (spec, ended) => this.#createChild(spec, ended),
    }
    this.#self = new ActorCell(
      { kind: 'actor', name: `${KERNEL_PREFIX}${name}`, behaviour: kernelActor(this), arg: null },
      this.#environment,
      () => {},
    )
  }

  async start(tree: SupervisorSpec): Promise<void> {
    if (this.#root !== null) throw new Error('a kernel starts one tree')
    this.#root = new Supervisor(tree, this.#environment, (reason) => {
      void this.#finish().then(() => this.#end(reason))
    })
    await this.#self.start()
    await this.#root.start()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  inspect(): KernelReport {
    const { scheduler, exchange } = this.#environment
    return {
      address: this.address,
      tree: this.#root?.report() ?? null,
      counters: { ...this.#counters },
      turns: scheduler.turnCount,
      yields: scheduler.yieldCount,
      pendingCalls: exchange.calls.size,
      openReaders: exchange.readers.size,
      monitors: exchange.monitors.count,
    }
  }

  quarantined(): QuarantineReport[] {
    return [...this.#environment.dynamics].flatMap((dynamic) => dynamic.quarantined())
  }

  release(name: string): boolean {
    return [...this.#environment.dynamics].some((dynamic) => dynamic.release(name))
  }

  async #stop(): Promise<void> {
    await this.#root?.stop()
    await this.#finish()
    this.#end({ kind: 'shutdown' })
  }

  async #finish(): Promise<void> {
    await this.#self.stop()
    const { exchange, wheel } = this.#environment
    exchange.calls.rejectAll()
    exchange.flush()
    wheel.stop()
  }

  #createChild(spec: ChildSpec, ended: (reason: ExitReason) => void): Supervised {
    switch (spec.kind) {
      case 'actor':
        return new ActorCell(spec, this.#environment, (reason) => {
          if (reason !== 'passive') ended(reason)
        })
      case 'supervisor':
        return new Supervisor(spec, this.#environment, ended)
      case 'dynamic':
        return new DynamicSupervisor(spec, this.#environment)
      case 'thread': {
        const startCount = (this.#threadStarts.get(spec.name) ?? 0) + 1
        this.#threadStarts.set(spec.name, startCount)
        return new SupervisedThread(spec, this.#environment, ended, startCount)
      }
    }
  }
}

const EVENT_LOG: Readonly<Record<KernelEvent['op'], readonly [LogLevel, string]>> = {
  crashed: ['error', 'crashed'],
  killed: ['error', 'was ended by force'],
  restarted: ['warn', 'was restarted'],
  quarantined: ['error', 'crashed too often and is quarantined'],
  released: ['info', 'is no longer quarantined'],
  gaveUp: ['error', 'restarted its children too often'],
}

function logEvent({ logger }: Ports, event: KernelEvent): void {
  const [level, text] = EVENT_LOG[event.op]
  const data =
    'error' in event
      ? { error: event.error instanceof Error ? event.error.stack : String(event.error) }
      : undefined
  logger.log(level, 'actor', `${event.name} ${text}`, data)
}
