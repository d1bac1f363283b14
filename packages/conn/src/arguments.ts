import { type FeedId, isFeedId } from '@dunbar/core'
import { type PeerAddress, parseAddress } from './address.js'
import { ConnError } from './errors.js'

/** Reads the arguments of calls. What is wrong is refused by name. */

const bad = (method: string, text: string) =>
  new ConnError('BAD_ARGUMENT', `${method}: ${text}`, { method })

/** An address in any form. @throws {ADDRESS_INVALID} */
export function addressArgument(method: string, value: unknown): PeerAddress {
  const address = parseAddress(value)
  if (address === null) {
    throw new ConnError('ADDRESS_INVALID', `${method}: that is no address of a peer`, { method })
  }
  return address
}

/** The peer that an id or an address names. @throws {ADDRESS_INVALID} */
export function peerArgument(method: string, value: unknown): FeedId {
  if (isFeedId(value)) return value
  const { key } = (typeof value === 'object' ? (value ?? {}) : {}) as { key?: unknown }
  return isFeedId(key) ? key : addressArgument(method, value).key
}

/** Fields for an entry; none is the empty object. @throws {BAD_ARGUMENT} */
export function fieldsArgument(method: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw bad(method, 'expected an object')
  return value as Readonly<Record<string, unknown>>
}

/** A text, or undefined where it is missing. @throws {BAD_ARGUMENT} */
export function textArgument(method: string, name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw bad(method, `${name} must be a text`)
  return value
}

/** A number, or undefined where it is missing; the words of a command line count too. @throws {BAD_ARGUMENT} */
export function numberArgument(method: string, name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || Number.isNaN(number)) {
    throw bad(method, `${name} must be a number`)
  }
  return number
}
