import { errorToPlain } from '@dunbar/core'
import { type ActorError, actorError } from './actor-error.js'
import type { AnswerEnvelope, Envelope } from './envelope.js'

/** What holds functions, memory that was moved already, or something else that cannot be cloned. */
export const unsendable = (name: string, what: string): ActorError =>
  actorError('ACTOR_UNSENDABLE', name, `${what} holds what cannot cross to another thread`)

/** What is sent in the place of an answer that cannot cross; null where nobody waits for it. */
export function insteadOf(envelope: Envelope): AnswerEnvelope | null {
  switch (envelope.kind) {
    case 'reply':
    case 'refusal':
      return { kind: 'refusal', to: envelope.to, id: envelope.id, error: answerError(envelope.to) }
    case 'chunk':
    case 'end':
      return { kind: 'end', to: envelope.to, id: envelope.id, error: answerError(envelope.to) }
    case 'down':
      return { ...envelope, reason: { kind: 'killed' } }
    default:
      return null
  }
}

const answerError = (to: string) => errorToPlain(unsendable(to, 'an answer'))
