import { CodedError } from '@dunbar/core'

/**
 * What readers ask for, checked once: a number that is none would keep a cursor turning on the spot
 * for ever.
 */

/** How many a reader wants at most: whole, from 0; infinite where nothing was said. @throws {REQUEST_INVALID} */
export function limitOf(limit: number | undefined): number {
  return Math.max(0, Math.floor(numberOf('limit', limit, Number.POSITIVE_INFINITY)))
}

/** The first sequence of a range, from 1; fractions are rounded inwards. @throws {REQUEST_INVALID} */
export function firstSequenceOf(from: number | undefined): number {
  return Math.max(1, Math.ceil(numberOf('from', from, 1)))
}

/** The last sequence of a range; infinite where nothing was said. @throws {REQUEST_INVALID} */
export function lastSequenceOf(to: number | undefined): number {
  return Math.floor(numberOf('to', to, Number.POSITIVE_INFINITY))
}

/** The number given, or what stands for none. @throws {REQUEST_INVALID} */
export function numberOf(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && !Number.isNaN(value)) return value
  throw requestInvalid(`${name} must be a number`)
}

/** A request that no store could answer. */
export const requestInvalid = (text: string): CodedError =>
  new CodedError('REQUEST_INVALID', text, {})
