import type { FeedId } from '@dunbar/core'
import { type Method, type MethodTable, methodTable } from '@dunbar/wire'
import { fieldsArgument, numberArgument, textArgument } from './arguments.js'
import { addressMethod } from './conn-methods.js'
import { ConnError } from './errors.js'
import type { Invites, InviteTerms } from './invites.js'
import type { OwnAddresses } from './own-addresses.js'

/** `invite.*` as ssb-invite has them, for local clients. @source npm ssb-invite 2.1 */
export function inviteMethods(invites: Invites): Method[] {
  return [
    {
      name: 'invite.create',
      type: 'async',
      handler: ([given]) => invites.create(termsArgument(given)),
    },
    {
      name: 'invite.accept',
      type: 'async',
      handler([given]) {
        const isObject = typeof given === 'object' && given !== null
        return invites.accept(isObject ? (given as { invite?: unknown }).invite : given)
      },
    },
    {
      name: 'invite.use',
      type: 'async',
      handler() {
        const text = 'an invite is used over a connection with its own key: accept it instead'
        throw new ConnError('BAD_ARGUMENT', `invite.use: ${text}`, {})
      },
    },
  ]
}

/** All that the holder of an invite may call: the seed in a code opens nothing else. */
export function guestMethods(id: FeedId, invites: Invites, addresses: OwnAddresses): MethodTable {
  return methodTable([
    { name: 'invite.use', type: 'async', handler: ([request]) => invites.use(id, request) },
    addressMethod('getAddress', addresses, 'public'),
  ])
}

/** A number of uses, or an object. */
function termsArgument(given: unknown): InviteTerms {
  const method = 'invite.create'
  if (typeof given === 'number' || typeof given === 'string') {
    return { uses: numberArgument(method, 'uses', given) ?? 1 }
  }
  const fields = fieldsArgument(method, given)
  const isModern = fields.modern === true
  const uses = isModern ? 1 : numberArgument(method, 'uses', fields.uses)
  const note = textArgument(method, 'note', fields.note)
  const external = textArgument(method, 'external', fields.external)
  const lifeMs = numberArgument(method, 'lifeMs', fields.lifeMs)
  return {
    isModern,
    ...(uses === undefined ? {} : { uses }),
    ...(note === undefined ? {} : { note }),
    ...(external === undefined ? {} : { external }),
    ...(lifeMs === undefined ? {} : { lifeMs }),
  }
}
