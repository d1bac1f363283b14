import { type Effect, type From, refuse, reply } from './behaviour.js'

/** What `handleInfo` gets when work of `replyLater` is done: return its effect. */
export interface Answered {
  readonly op: 'answered'
  readonly effect: Effect<never>
}

/**
 * Answers a call when `work` is done; the actor takes other mail meanwhile. Work that fails refuses
 * that one call. The behaviour's `handleInfo` returns `info.effect` of `{op: 'answered'}`.
 */
export const replyLater = (to: From, work: Promise<unknown>): Effect<never> => ({
  tasks: [
    work.then(
      (value): Answered => ({ op: 'answered', effect: reply(to, value ?? null) }),
      (error): Answered => ({ op: 'answered', effect: refuse(to, error) }),
    ),
  ],
})
