import type { Timers } from '@dunbar/actor'
import type { Answer, CancelReason } from './app-callbacks.js'

/**
 * The rule of both preconditions: a negative number cancels, 0 begins, n waits n seconds and asks
 * again.
 * @source ssb-archive proposal, 3
 */

/** What was decided: null to begin, else why not. */
export type Decision = CancelReason | null

export interface PreconditionOptions {
  readonly timers: Timers
  /** Ends the waiting with `PRECONDITION_GONE`. */
  readonly signal: AbortSignal
  /** Asks all that are to be asked; never rejects. None is a begin. */
  ask(): Promise<readonly Answer[]>
  /** Told before each wait. */
  onWait?(seconds: number): void
}

/** A longer wait is cut to this: whoever wants it is asked again. */
export const MAX_WAIT_SECONDS = 86_400
/** Questions of one decision; further ones are a no. */
export const MAX_QUESTIONS = 1_000

/** Asks until it is decided. One no of several is a no; the longest wait counts. Never rejects. */
export async function decide(options: PreconditionOptions): Promise<Decision> {
  const { timers, signal } = options
  for (let asked = 0; asked < MAX_QUESTIONS; asked++) {
    if (signal.aborted) return 'PRECONDITION_GONE'
    let waitSeconds = 0
    for (const answer of await options.ask()) {
      if (answer.kind === 'none') return answer.reason
      if (answer.value < 0) return 'PRECONDITION_CANCELLED'
      waitSeconds = Math.max(waitSeconds, answer.value)
    }
    if (signal.aborted) return 'PRECONDITION_GONE'
    if (waitSeconds === 0) return null
    const seconds = Math.min(waitSeconds, MAX_WAIT_SECONDS)
    options.onWait?.(seconds)
    await pause(timers, seconds * 1000, signal)
  }
  return 'PRECONDITION_UNDECIDED'
}

/** Resolves after a while, or as soon as the signal says so. */
export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = timers.set(delayMs, done)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
