import type { PlainError } from '@dunbar/core'

import type { MailboxLengths } from './mailbox.js'

/** What can be seen of a kernel: plain data, made when asked for. */

/** What happened to a part of a supervision tree; `error` is what was thrown, for the log of this machine. */
export type KernelEvent =
  | { readonly op: 'crashed'; readonly name: string; readonly error: unknown }
  /** It was ended by force: its shutdown time was up, or its thread did not answer. */
  | { readonly op: 'killed'; readonly name: string }
  | { readonly op: 'restarted'; readonly name: string }
  | { readonly op: 'quarantined'; readonly name: string; readonly error: unknown }
  | { readonly op: 'released'; readonly name: string }
  /** A supervisor restarted too often; the failure goes up. */
  | { readonly op: 'gaveUp'; readonly name: string; readonly error: unknown }

/** Counts since the kernel was made. */
export interface Counters {
  calls: number
  casts: number
  streams: number
  /** Answers to calls that nobody waits for any longer: dropped. */
  lateReplies: number
  timeouts: number
  /** Messages that were refused, full lanes and windows among them. */
  refusals: number
  /** Full lanes and windows. */
  busy: number
  /** Casts that reached nobody. */
  lostCasts: number
  /** Starts of actors, restarts and those on demand included. */
  starts: number
  crashes: number
  /** Ended by force. */
  kills: number
  restarts: number
  passivations: number
  /** Batches posted to other threads, and envelopes in them. */
  posts: number
  envelopes: number
}

/** All zero. */
export const newCounters = (): Counters => ({
  calls: 0,
  casts: 0,
  streams: 0,
  lateReplies: 0,
  timeouts: 0,
  refusals: 0,
  busy: 0,
  lostCasts: 0,
  starts: 0,
  crashes: 0,
  kills: 0,
  restarts: 0,
  passivations: 0,
  posts: 0,
  envelopes: 0,
})

/** `new`: waits for its first turn. `busy`: a handler's promise is pending. `ending`: its last words are. */
export type ActorState = 'new' | 'starting' | 'idle' | 'busy' | 'ending' | 'passive' | 'down'

export interface ActorReport {
  readonly kind: 'actor'
  readonly name: string
  readonly state: ActorState
  readonly mailbox: MailboxLengths
  /** Handlers that ran since it was started. */
  readonly handledCount: number
  readonly openStreams: number
  /** Calls taken and not answered yet. */
  readonly owedReplies: number
  /** Work in its last turn. */
  readonly lastTurnMs: number
}

export interface SupervisorReport {
  readonly kind: 'supervisor'
  readonly name: string
  readonly strategy: string
  /** Within the current period. */
  readonly recentRestarts: number
  readonly children: readonly NodeReport[]
}

export interface DynamicReport {
  readonly kind: 'dynamic'
  readonly name: string
  readonly prefix: string
  readonly quarantined: readonly QuarantineReport[]
  /** Those that live; passivated ones leave no trace. */
  readonly children: readonly ActorReport[]
}

export interface QuarantineReport {
  readonly name: string
  /** Wall time, ms. */
  readonly sinceMs: number
  readonly error: PlainError
}

export interface ThreadReport {
  readonly kind: 'thread'
  readonly name: string
  /** Of the kernel in it; differs after each restart. */
  readonly address: string
  readonly state: 'starting' | 'up' | 'stopping' | 'down'
  readonly startCount: number
  /** Heartbeats in a row without an answer. */
  readonly missedHeartbeats: number
  /** Calls, streams and monitors of other kernels that wait for this thread. */
  readonly forwarded: number
}

export type NodeReport = ActorReport | SupervisorReport | DynamicReport | ThreadReport

export interface KernelReport {
  readonly address: string
  readonly tree: NodeReport | null
  readonly counters: Readonly<Counters>
  /** Turns given to actors, and times the event loop was served in the middle of work. */
  readonly turns: number
  readonly yields: number
  /** Calls and streams of this kernel that wait for an answer. */
  readonly pendingCalls: number
  readonly openReaders: number
  /** Monitors that have not been told. */
  readonly monitors: number
}

/** What can be asked of the actor `kernel/<thread name>` that every kernel has. */
export type KernelCall =
  /** Replies `KernelReport`. */
  | { readonly op: 'inspect' }
  /** Replies `QuarantineReport[]`. */
  | { readonly op: 'quarantined' }
  /** Lets a quarantined actor start again at its next message; replies whether there was one. */
  | { readonly op: 'release'; readonly name: string }
