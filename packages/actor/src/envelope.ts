import type { PlainError } from '@dunbar/core'
import type { ExitReason, From, Lane, TransferList } from './behaviour.js'

/**
 * What travels between actors. Requests go to a name, answers to the address of a kernel and a
 * number in its tables. All of it is plain data: the same object is handed over inside a thread and
 * cloned between two.
 *
 * `transfer` names the memory in a value that moves instead of being copied; it travels along, so
 * that a kernel which only forwards can move the memory on.
 */

/** The lanes that others may send in. */
export type MailLane = Exclude<Lane, 'system'>

export interface CallEnvelope {
  readonly kind: 'call'
  readonly name: string
  readonly lane: MailLane
  readonly from: From
  readonly body: unknown
  /** See `CallOptions`. */
  readonly isPatient?: true
  readonly transfer?: TransferList
}

export interface CastEnvelope {
  readonly kind: 'cast'
  readonly name: string
  readonly lane: MailLane
  readonly body: unknown
  readonly transfer?: TransferList
}

/** Opens a stream; `from` tells its reader. */
export interface OpenEnvelope {
  readonly kind: 'open'
  readonly name: string
  readonly lane: MailLane
  readonly from: From
  readonly body: unknown
  /** See `CallOptions`. */
  readonly isPatient?: true
  readonly credit: number
}

/** What waits in the lanes of a mailbox. */
export type MailEnvelope = CallEnvelope | CastEnvelope | OpenEnvelope

/** Goes round the mailbox: nothing of it can be refused, and its number is bounded by what is open. */
export type ControlEnvelope =
  /** The caller gave up, or the reader left. */
  | { readonly kind: 'cancel'; readonly name: string; readonly from: From }
  | { readonly kind: 'credit'; readonly name: string; readonly from: From; readonly count: number }
  | { readonly kind: 'monitor'; readonly name: string; readonly from: From }
  | { readonly kind: 'demonitor'; readonly name: string; readonly from: From }

export type RequestEnvelope = MailEnvelope | ControlEnvelope

/** `to` and `id` are the two parts of the `From` that is answered. */
export type AnswerEnvelope =
  | {
      readonly kind: 'reply'
      readonly to: string
      readonly id: number
      readonly value: unknown
      readonly transfer?: TransferList
    }
  | {
      readonly kind: 'refusal'
      readonly to: string
      readonly id: number
      readonly error: PlainError
    }
  | {
      readonly kind: 'chunk'
      readonly to: string
      readonly id: number
      readonly value: unknown
      readonly transfer?: TransferList
    }
  | {
      readonly kind: 'end'
      readonly to: string
      readonly id: number
      readonly error?: PlainError
    }
  | {
      readonly kind: 'down'
      readonly to: string
      readonly id: number
      readonly name: string
      readonly reason: ExitReason
    }

/** Between two kernels themselves. */
export type ThreadEnvelope =
  /** First word of the hub: the address of the new kernel and its own. */
  | { readonly kind: 'welcome'; readonly address: string; readonly hub: string }
  /** The tree of the new thread has started. */
  | { readonly kind: 'ready' }
  /** The tree could not start or gave up; the thread ends itself. */
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  /** Stop the tree, then say `stopped`. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'stopped' }
  /** A kernel ended: nobody reads its streams and waits for its calls any longer. */
  | { readonly kind: 'gone'; readonly address: string }

export type Envelope = RequestEnvelope | AnswerEnvelope | ThreadEnvelope

/** One post between two threads: everything that one turn had for the other side. */
export interface Batch {
  readonly envelopes: readonly Envelope[]
  /** How many envelopes the sender of this batch has received so far: what gives the other side room to send. */
  readonly received: number
}
