import { errorToPlain } from '@dunbar/core'
import { ActorCell } from './actor-cell.js'
import { type ActorError, actorDown, actorError } from './actor-error.js'
import type { ExitReason, From } from './behaviour.js'
import { type ActorSpec, DEFAULT_INTENSITY, type DynamicSpec } from './child-spec.js'
import type { MailEnvelope } from './envelope.js'
import type { Environment, Supervised } from './environment.js'
import { crash, isAbnormal } from './exit-reason.js'
import type { DynamicReport, QuarantineReport } from './inspect.js'
import type { Receiver } from './registry.js'
import { RestartWindow } from './restart-window.js'

/**
 * Virtual actors: a name with this prefix always stands for an actor, which is made when mail for it
 * comes and is gone when it passivates or ends. Of one that rests nothing is kept.
 *
 * A child that crashes refuses what it was asked; the next message makes it anew. One crash more
 * than the intensity allows within the period and the child is quarantined: its name refuses
 * everything until it is released. Its siblings never notice.
 */

const DEFAULT_MAX_CHILDREN = 100_000
/** Names whose crashes are remembered; beyond it the one that crashed first is forgotten. */
const MAX_CRASH_RECORDS = 10_000
/** Beyond it the oldest is released, and quarantined again if it still crashes. */
const MAX_QUARANTINED = 10_000

export class DynamicSupervisor implements Supervised, Receiver {
  readonly name: string
  readonly #spec: DynamicSpec
  readonly #environment: Environment
  readonly #children = new Map<string, ActorCell>()
  readonly #crashes = new Map<string, RestartWindow>()
  readonly #quarantined = new Map<string, QuarantineReport>()
  #isUp = false

  constructor(spec: DynamicSpec, environment: Environment) {
    this.name = spec.name
    this.#spec = spec
    this.#environment = environment
  }

  // --- its own life ---

  async start(): Promise<void> {
    this.#environment.registry.addPrefix(this.#spec.prefix, this)
    this.#environment.dynamics.add(this)
    this.#isUp = true
  }

  /** Children have no order among themselves: all stop at once. */
  async stop(): Promise<void> {
    this.#isUp = false
    await Promise.all([...this.#children.values()].map((child) => child.stop()))
    this.#children.clear()
    this.#environment.registry.removePrefix(this.#spec.prefix, this)
    this.#environment.dynamics.delete(this)
  }

  discard(): void {}

  report(): DynamicReport {
    return {
      kind: 'dynamic',
      name: this.name,
      prefix: this.#spec.prefix,
      quarantined: this.quarantined(),
      children: [...this.#children.values()].map((child) => child.report()),
    }
  }

  quarantined(): QuarantineReport[] {
    return [...this.#quarantined.values()]
  }

  /** Lets a quarantined name start again at its next message; false where it is not quarantined. */
  release(name: string): boolean {
    if (!this.#quarantined.delete(name)) return false
    this.#crashes.delete(name)
    this.#environment.tell({ op: 'released', name })
    return true
  }

  // --- what comes in ---

  receive(mail: MailEnvelope): ActorError | null {
    const { name, lane } = mail
    const alive = this.#children.get(name)
    if (alive !== undefined) return alive.receive(mail)
    const refusal = this.downReason(name)
    if (refusal !== null) return refusal
    if (this.#children.size >= (this.#spec.maxChildren ?? DEFAULT_MAX_CHILDREN)) {
      this.#environment.counters.busy += 1
      return actorError('ACTOR_BUSY', name, `${this.#children.size} actors like it are alive`)
    }
    let spec: ActorSpec | null
    try {
      spec = this.#spec.child(name)
    } catch (error) {
      this.#noteCrash(name, crash(error))
      return actorDown(name, crash(error))
    }
    if (spec === null) return actorError('ACTOR_UNKNOWN', name, 'nobody has this name')
    const child = new ActorCell({ ...spec, name }, this.#environment, (reason) =>
      this.#ended(name, child, reason),
    )
    this.#children.set(name, child)
    child.wake(lane)
    return child.receive(mail)
  }

  cancel(name: string, from: From): void {
    this.#children.get(name)?.cancel(name, from)
  }

  credit(name: string, from: From, count: number): void {
    this.#children.get(name)?.credit(name, from, count)
  }

  downReason(name: string): ActorError | null {
    if (!this.#isUp) return actorError('ACTOR_DOWN', name, 'its supervisor has stopped')
    const quarantine = this.#quarantined.get(name)
    if (quarantine === undefined) return null
    return actorError('ACTOR_QUARANTINED', name, 'it crashed too often and is set aside', {
      sinceMs: quarantine.sinceMs,
      error: quarantine.error,
    })
  }

  forget(address: string): void {
    for (const child of this.#children.values()) child.forget(address)
  }

  #ended(name: string, child: ActorCell, reason: ExitReason | 'passive'): void {
    if (this.#children.get(name) === child) this.#children.delete(name)
    if (reason !== 'passive' && isAbnormal(reason)) this.#noteCrash(name, reason)
  }

  #noteCrash(name: string, reason: ExitReason): void {
    const { ports, tell } = this.#environment
    let window = this.#crashes.get(name)
    if (window === undefined) {
      dropOldest(this.#crashes, MAX_CRASH_RECORDS)
      window = new RestartWindow(this.#spec.intensity ?? DEFAULT_INTENSITY)
      this.#crashes.set(name, window)
    }
    if (window.note(ports.clock.monotonic())) return
    this.#crashes.delete(name)
    dropOldest(this.#quarantined, MAX_QUARANTINED)
    const error =
      reason.kind === 'crash'
        ? reason.error
        : actorError('ACTOR_DOWN', name, 'it had to be ended by force')
    const sinceMs = ports.clock.now()
    this.#quarantined.set(name, { name, sinceMs, error: errorToPlain(error) })
    tell({ op: 'quarantined', name, error })
  }
}

/** Makes room for one more. */
function dropOldest(map: Map<string, unknown>, maxSize: number): void {
  if (map.size < maxSize) return
  const oldest = map.keys().next()
  if (oldest.done !== true) map.delete(oldest.value)
}
