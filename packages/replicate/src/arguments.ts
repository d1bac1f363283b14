import { type FeedId, isFeedId, toSigil } from '@dunbar/core'
import { ReplicationError } from './error.js'

/** Arguments of methods: names and defaults as the JavaScript stack has them. */
export type Options = Readonly<Record<string, unknown>>

const bad = (method: string, text: string) =>
  new ReplicationError('BAD_ARGUMENT', `${method}: ${text}`, { method })

/** An argument as an object of options; none is the empty object. @throws {BAD_ARGUMENT} */
export function optionsOf(method: string, value: unknown): Options {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Options
  throw bad(method, 'expected an object of options')
}

/** A boolean option. @throws {BAD_ARGUMENT} */
export function flagOf(method: string, options: Options, name: string, otherwise: boolean) {
  const value = options[name]
  if (value === undefined || value === null) return otherwise
  if (value === true || value === false) return value
  throw bad(method, `${name} must be true or false`)
}

/** A number option, or undefined. @throws {BAD_ARGUMENT} */
export function numberOf(method: string, options: Options, name: string): number | undefined {
  const value = options[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && !Number.isNaN(value)) return value
  throw bad(method, `${name} must be a number`)
}

/** A feed id in sigil or URI form. @throws {BAD_ARGUMENT} */
export function feedOf(method: string, value: unknown): FeedId {
  const id = typeof value === 'string' && value.startsWith('ssb:') ? toSigil(value) : value
  if (isFeedId(id)) return id
  throw bad(method, 'expected a feed id, such as @….ed25519')
}
