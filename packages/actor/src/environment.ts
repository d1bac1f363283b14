import type { ExitReason, Router } from './behaviour.js'
import type { ChildSpec } from './child-spec.js'
import type { DeadlineWheel } from './deadline.js'
import type { Exchange } from './exchange.js'
import type { Counters, KernelEvent, NodeReport, QuarantineReport } from './inspect.js'
import type { Monitors } from './monitors.js'
import type { Ports } from './ports.js'
import type { Registry } from './registry.js'
import type { Scheduler } from './scheduler.js'

/** The parts of one kernel, as its actors and supervisors see them. */
export interface Environment {
  readonly ports: Ports
  readonly scheduler: Scheduler
  readonly wheel: DeadlineWheel
  readonly registry: Registry
  readonly monitors: Monitors
  readonly exchange: Exchange
  readonly router: Router
  readonly counters: Counters
  /** The dynamic supervisors that are up. */
  readonly dynamics: Set<Quarantine>
  /** Logs what happened to a part of the tree and tells whoever listens. */
  readonly tell: (event: KernelEvent) => void
  /** Makes a part of the tree; `ended` is told when it ends without having been stopped. */
  createChild(spec: ChildSpec, ended: (reason: ExitReason) => void): Supervised
}

/** Where actors that crashed too often are set aside. */
export interface Quarantine {
  quarantined(): QuarantineReport[]
  release(name: string): boolean
}

/** A part of a supervision tree: an actor, a thread, a supervisor. */
export interface Supervised {
  readonly name: string
  /** Resolves when it works; rejects where it could not start, and then `ended` is not told. */
  start(): Promise<void>
  /** Ends it in order, by force once its time is up. Resolves when it has ended; never rejects. */
  stop(): Promise<void>
  /** Nothing will start it again: its name is free. */
  discard(): void
  report(): NodeReport
}
