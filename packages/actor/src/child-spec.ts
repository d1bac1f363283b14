import type { Behaviour } from './behaviour.js'
import type { ThreadHost, ThreadLimits } from './thread-port.js'

/**
 * What a supervision tree is made of. A tree is plain data plus behaviours: building it starts
 * nothing.
 */

/** `permanent`: always restarted. `transient`: only after a crash or a kill. `temporary`: never. */
export type Restart = 'permanent' | 'transient' | 'temporary'

/**
 * Which children are restarted when one ends: that one, that one and those started after it, or all.
 */
export type Strategy = 'oneForOne' | 'restForOne' | 'oneForAll'

/** How many restarts are borne within a sliding period; one more and the supervisor itself fails. */
export interface Intensity {
  readonly restarts: number
  readonly periodMs: number
}

/**
 * Three in a minute: a fault that comes from a passing state is over after one restart, and a
 * child that needs a fourth within the minute fails for a reason that restarting does not remove.
 */
export const DEFAULT_INTENSITY: Intensity = { restarts: 3, periodMs: 60_000 }

/** Time for `terminate`, after which the child is killed. */
export const DEFAULT_SHUTDOWN_MS = 5_000

/** A behaviour whose types are no longer told; made by `actor`. */
export type AnyBehaviour = Behaviour<unknown, unknown, unknown, unknown, unknown, unknown>

export interface ActorSpec {
  readonly kind: 'actor'
  /** Unique in its kernel. */
  readonly name: string
  readonly behaviour: AnyBehaviour
  /** Handed to `init` at every start. */
  readonly arg: unknown
  /** Default `permanent`. Not used under a dynamic supervisor. */
  readonly restart?: Restart
  /** Default 5,000. */
  readonly shutdownMs?: number
  /** Messages that may wait in each of the lanes `local` and `remote`. Default 1,024. */
  readonly mailCapacity?: number
}

export interface SupervisorSpec {
  readonly kind: 'supervisor'
  readonly name: string
  /** Default `oneForOne`. */
  readonly strategy?: Strategy
  readonly intensity?: Intensity
  /** Default `permanent`. */
  readonly restart?: Restart
  /** Started from first to last, stopped from last to first. */
  readonly children: readonly ChildSpec[]
  /**
   * The children do not depend on each other: all are started at once, and stopped at once. For
   * `oneForOne` only. Default false.
   */
  readonly startsTogether?: boolean
}

/** Actors that are made when a message to their name arrives. */
export interface DynamicSpec {
  readonly kind: 'dynamic'
  readonly name: string
  /** Names beginning so belong here, for example `feed/`. */
  readonly prefix: string
  /** What a name stands for; null: nothing, and the caller gets `ACTOR_UNKNOWN`. Names may come from a peer. */
  child(name: string): ActorSpec | null
  /** For each child by itself; one crash more and it is quarantined. */
  readonly intensity?: Intensity
  /** Live children; one more is refused with `ACTOR_BUSY`. Default 100,000. */
  readonly maxChildren?: number
}

/** A thread with a kernel of its own, watched and restarted like any child. */
export interface ThreadSpec {
  readonly kind: 'thread'
  /** What `place` gives for the names that live there. */
  readonly name: string
  readonly host: ThreadHost
  readonly entry: URL | string
  readonly workerData?: unknown
  readonly resourceLimits?: ThreadLimits
  /** Default `permanent`. */
  readonly restart?: Restart
  /** For the whole tree of the thread to start. Default 60,000. */
  readonly startMs?: number
  /** For the whole tree of the thread to stop, after which it is terminated. Default 10,000. */
  readonly shutdownMs?: number
  /** Null: never terminated for silence. Default: asked every second, terminated after ten unanswered. */
  readonly heartbeat?: Heartbeat | null
}

/** Every `intervalMs` a thread is asked for a sign of life; `maxMissed` in a row without one end it. */
export interface Heartbeat {
  readonly intervalMs: number
  readonly maxMissed: number
}

export const DEFAULT_HEARTBEAT: Heartbeat = { intervalMs: 1_000, maxMissed: 10 }

export type ChildSpec = ActorSpec | SupervisorSpec | DynamicSpec | ThreadSpec

/** One actor. The types of its behaviour are checked against `arg` here and forgotten afterwards. */
export const actor = <State, Arg, Call, Cast, Info, Token>(
  spec: Omit<ActorSpec, 'kind' | 'behaviour' | 'arg'> & {
    readonly behaviour: Behaviour<State, Arg, Call, Cast, Info, Token>
    readonly arg: Arg
  },
): ActorSpec => ({ ...spec, kind: 'actor', behaviour: spec.behaviour as AnyBehaviour })

/** Children that are watched together. */
export const supervisor = (spec: Omit<SupervisorSpec, 'kind'>): SupervisorSpec => ({
  ...spec,
  kind: 'supervisor',
})

/** Actors on demand, for every name with a prefix. */
export const dynamic = (spec: Omit<DynamicSpec, 'kind'>): DynamicSpec => ({
  ...spec,
  kind: 'dynamic',
})

/** A thread under supervision; its restarts count for the intensity of its supervisor. */
export const thread = (spec: Omit<ThreadSpec, 'kind'>): ThreadSpec => ({ ...spec, kind: 'thread' })
