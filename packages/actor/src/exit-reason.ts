import { errorToPlain } from '@dunbar/core'
import type { ExitReason } from './behaviour.js'

/** The end of an actor that failed. */
export const crash = (error: unknown): ExitReason => ({ kind: 'crash', error })

/** The reason as it may cross a thread: its error becomes plain. */
export const plainReason = (reason: ExitReason): ExitReason =>
  reason.kind === 'crash' ? { kind: 'crash', error: errorToPlain(reason.error) } : reason

/** Whether a `transient` child that ended so is restarted. */
export const isAbnormal = (reason: ExitReason): boolean =>
  reason.kind === 'crash' || reason.kind === 'killed'
