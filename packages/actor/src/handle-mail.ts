import { actorError } from './actor-error.js'
import { type Context, type Effect, refuse, type SystemInfo } from './behaviour.js'
import type { AnyBehaviour } from './child-spec.js'
import type { Mail } from './mailbox.js'

/** Mail that a handler of the behaviour takes; the rest concerns streams. */
export type HandledMail = Extract<Mail, { kind: 'call' | 'cast' | 'info' | 'continue' }>

type Outcome = Effect<unknown> | undefined

/**
 * Gives mail to the handler for it. Where the behaviour has none, a call is refused, a cast or an
 * info is dropped, and `proceed` is a crash: nobody else could have asked for it.
 */
export function handleMail(
  behaviour: AnyBehaviour,
  mail: HandledMail,
  state: unknown,
  context: Context,
): Outcome | Promise<Outcome> {
  switch (mail.kind) {
    case 'call':
      if (behaviour.handleCall === undefined) {
        return refuse(mail.from, unsupported(context.name, 'call'))
      }
      return behaviour.handleCall(mail.body, mail.from, state, context)
    case 'cast':
      return behaviour.handleCast?.(mail.body, state, context)
    case 'info':
      return behaviour.handleInfo?.(mail.info as SystemInfo, state, context)
    case 'continue':
      if (behaviour.handleContinue === undefined) throw unsupported(context.name, 'continuation')
      return behaviour.handleContinue(mail.token, state, context)
  }
}

const unsupported = (name: string, what: string): Error =>
  actorError('ACTOR_UNSUPPORTED', name, `it has no handler for a ${what}`)
