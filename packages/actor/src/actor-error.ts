import { CodedError, errorToPlain } from '@dunbar/core'
import type { ExitReason } from './behaviour.js'

/** What can go wrong between actors. */
export type ActorErrorCode =
  /** A lane is full, or too much is under way to a thread. Nothing was done; asking later may work. */
  | 'ACTOR_BUSY'
  /** The caller's signal fired. What the actor did by then stays done. */
  | 'ACTOR_CANCELLED'
  /** The actor or its thread ended before it answered. What it did by then stays done. */
  | 'ACTOR_DOWN'
  /** It crashed too often and is set aside until somebody releases it. */
  | 'ACTOR_QUARANTINED'
  /** No answer within the deadline; it may still be under way. */
  | 'ACTOR_TIMEOUT'
  /** Nobody has that name. */
  | 'ACTOR_UNKNOWN'
  /** Two actors of one kernel want the same name. A fault in the program. */
  | 'ACTOR_NAME_TAKEN'
  /** The message holds what cannot cross a thread: functions, or memory that was moved already. */
  | 'ACTOR_UNSENDABLE'
  /** The actor has no handler for this kind of message. A fault in the program. */
  | 'ACTOR_UNSUPPORTED'
  /** A supervisor restarted its children more often than its intensity allows. */
  | 'SUPERVISOR_INTENSITY'
  /** A thread ended, did not start in time, or stopped answering. */
  | 'THREAD_DOWN'

/** An error of the kernel; `data` names the actor where there is one. */
export class ActorError extends CodedError<ActorErrorCode> {}

/** An `ActorError` about one actor: `data` holds its name and what else is given. */
export const actorError = (
  code: ActorErrorCode,
  name: string,
  message: string,
  data: Readonly<Record<string, unknown>> = {},
): ActorError => new ActorError(code, `${name}: ${message}`, { name, ...data })

/** What a caller gets whose actor ended for this reason. */
export const actorDown = (name: string, reason: ExitReason): ActorError =>
  actorError(
    'ACTOR_DOWN',
    name,
    `it ended (${reason.kind}) before it answered`,
    reason.kind === 'crash'
      ? { reason: reason.kind, error: errorToPlain(reason.error) }
      : { reason: reason.kind },
  )
