import { errorToPlain } from '@dunbar/core'
import { actorError } from './actor-error.js'
import type { ExitReason } from './behaviour.js'
import {
  type ChildSpec,
  DEFAULT_INTENSITY,
  type Restart,
  type SupervisorSpec,
} from './child-spec.js'
import type { Environment, Supervised } from './environment.js'
import { crash, isAbnormal } from './exit-reason.js'
import type { SupervisorReport } from './inspect.js'
import { RestartWindow } from './restart-window.js'

/**
 * Starts its children from first to last, stops them from last to first, and restarts those that
 * end, by OTP's rules (`supervisor` in the Erlang standard library):
 *
 * - `permanent` children are restarted whatever the reason, `transient` ones after a crash or a
 *   kill, `temporary` ones never, also not when their siblings are restarted together.
 * - A start that fails during a restart counts as another failure and is tried again.
 * - One failure more than the intensity allows within the period, and the supervisor stops what is
 *   left and fails itself: the one above it decides.
 * - Children that start together stop together; nothing else differs.
 * - A child that crashes while a group is being restarted is dealt with when the group is up.
 */

interface Slot {
  readonly spec: ChildSpec
  /** Null: ended, and not to be started again. */
  child: Supervised | null
  /** Why it ended while something else was going on. */
  exit: ExitReason | null
}

type Phase = 'down' | 'starting' | 'up' | 'regrouping' | 'stopping'

export class Supervisor implements Supervised {
  readonly name: string
  readonly #spec: SupervisorSpec
  readonly #environment: Environment
  readonly #ended: (reason: ExitReason) => void
  readonly #window: RestartWindow
  #slots: Slot[] = []
  #phase: Phase = 'down'
  /** The stop under way, for all who wait for it. */
  #stopped: Promise<void> | null = null

  constructor(spec: SupervisorSpec, environment: Environment, ended: (reason: ExitReason) => void) {
    this.name = spec.name
    this.#spec = spec
    this.#environment = environment
    this.#ended = ended
    this.#window = new RestartWindow(spec.intensity ?? DEFAULT_INTENSITY)
  }

  async start(): Promise<void> {
    this.#phase = 'starting'
    this.#slots = this.#spec.children.map((spec) => ({ spec, child: null, exit: null }))
    try {
      await this.#startFrom(0)
    } catch (error) {
      await this.#stopFrom(0)
      this.#discardAll()
      this.#phase = 'down'
      throw error
    }
    if (this.#isStopping()) return
    this.#phase = 'up'
    this.#catchUp()
  }

  stop(): Promise<void> {
    this.#phase = 'stopping'
    this.#stopped ??= this.#stopFrom(0).then(() => this.#discardAll())
    return this.#stopped
  }

  discard(): void {}

  report(): SupervisorReport {
    return {
      kind: 'supervisor',
      name: this.name,
      strategy: this.#spec.strategy ?? 'oneForOne',
      recentRestarts: this.#window.count(this.#environment.ports.clock.monotonic()),
      children: this.#slots.flatMap(({ child }) => (child === null ? [] : [child.report()])),
    }
  }

  /** A child ended by itself. */
  #exited(slot: Slot, reason: ExitReason): void {
    if (this.#phase !== 'up') {
      slot.exit = reason
      return
    }
    const restart = restartOf(slot.spec)
    if (restart === 'temporary' || (restart === 'transient' && !isAbnormal(reason))) {
      slot.child?.discard()
      slot.child = null
      return
    }
    if (!this.#bears(reason)) return
    const at = this.#slots.indexOf(slot)
    const strategy = this.#spec.strategy ?? 'oneForOne'
    if (strategy === 'oneForOne') this.#restartOne(slot)
    else this.#restartFrom(strategy === 'oneForAll' ? 0 : at)
  }

  /** Counts a failure; where it is one too many, gives up. */
  #bears(reason: ExitReason): boolean {
    if (this.#window.note(this.#environment.ports.clock.monotonic())) return true
    this.#giveUp(reason)
    return false
  }

  #restartOne(slot: Slot): void {
    this.#start(slot).catch((error: unknown) => this.#exited(slot, crash(error)))
    this.#noteRestart(slot)
  }

  /** Stops what stands from `first` on, and starts it again, until that succeeds or is too much. */
  async #restartFrom(first: number): Promise<void> {
    this.#phase = 'regrouping'
    for (;;) {
      await this.#stopFrom(first)
      if (this.#isStopping()) return
      try {
        await this.#startFrom(first, true)
        break
      } catch (error) {
        if (this.#isStopping() || !this.#bears(crash(error))) return
      }
    }
    if (this.#isStopping()) return
    this.#phase = 'up'
    this.#catchUp()
  }

  async #startFrom(first: number, isRestart = false): Promise<void> {
    if (this.#spec.startsTogether === true) {
      const starts = await Promise.allSettled(this.#slots.map((slot) => this.#start(slot)))
      const failed = starts.find((start) => start.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      return
    }
    for (const slot of this.#slots.slice(first)) {
      if (this.#isStopping()) return
      if (isRestart && slot.child === null) continue
      if (isRestart && restartOf(slot.spec) === 'temporary') {
        slot.child?.discard()
        slot.child = null
        continue
      }
      await this.#start(slot)
      if (isRestart) this.#noteRestart(slot)
    }
  }

  #start(slot: Slot): Promise<void> {
    slot.exit = null
    const child = this.#environment.createChild(slot.spec, (reason) => {
      if (slot.child === child) this.#exited(slot, reason)
    })
    slot.child = child
    return child.start()
  }

  async #stopFrom(first: number): Promise<void> {
    if (this.#spec.startsTogether === true) {
      await Promise.all(this.#slots.map(({ child }) => child?.stop()))
      return
    }
    for (const slot of this.#slots.slice(first).reverse()) await slot.child?.stop()
  }

  /** Deals with what ended while a group was started. */
  #catchUp(): void {
    for (const slot of this.#slots) {
      const { exit } = slot
      if (exit === null || this.#phase !== 'up') continue
      slot.exit = null
      this.#exited(slot, exit)
    }
  }

  #giveUp(reason: ExitReason): void {
    const { restarts, periodMs } = this.#spec.intensity ?? DEFAULT_INTENSITY
    const error = actorError(
      'SUPERVISOR_INTENSITY',
      this.name,
      `more than ${restarts} restarts within ${periodMs} ms`,
      reason.kind === 'crash' ? { error: errorToPlain(reason.error) } : { reason: reason.kind },
    )
    this.#environment.tell({ op: 'gaveUp', name: this.name, error })
    this.stop().then(() => this.#ended(crash(error)))
  }

  #noteRestart(slot: Slot): void {
    this.#environment.counters.restarts += 1
    this.#environment.tell({ op: 'restarted', name: slot.spec.name })
  }

  #discardAll(): void {
    for (const slot of this.#slots) slot.child?.discard()
    this.#slots = []
  }

  #isStopping(): boolean {
    return this.#phase === 'stopping'
  }
}

const restartOf = (spec: ChildSpec): Restart =>
  spec.kind === 'dynamic' ? 'permanent' : (spec.restart ?? 'permanent')
