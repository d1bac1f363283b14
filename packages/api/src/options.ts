import {
  CodedError,
  type FeedId,
  isFeedId,
  isMessageKey,
  type MessageKey,
  toSigil,
} from '@dunbar/core'

/**
 * Reads the arguments of API calls: names and defaults as ssb-db has them. An option that no method
 * knows is ignored, as the JavaScript stack ignores it; one of the wrong kind is refused by name.
 */

/** Options that all message streams share. */
export interface MessageStreamOptions {
  readonly live: boolean
  readonly old: boolean
  readonly reverse: boolean
  /** Messages at most; Infinity for no limit. */
  readonly limit: number
  readonly keys: boolean
  readonly values: boolean
  /** Whether a live stream says `{sync: true}` between old and new. */
  readonly sync: boolean
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
}

type Options = Readonly<Record<string, unknown>>

const bad = (method: string, text: string) =>
  new CodedError('BAD_ARGUMENT', `${method}: ${text}`, { method })

/**
 * The first argument as an object of options; none is the empty object.
 * @throws {BAD_ARGUMENT} anything else
 */
export function optionsOf(method: string, args: readonly unknown[]): Options {
  const first = args[0]
  if (first === undefined || first === null) return {}
  if (typeof first !== 'object' || Array.isArray(first)) {
    throw bad(method, 'expected an object of options')
  }
  return first as Options
}

/** A boolean option. The words of a command line count too. @throws {BAD_ARGUMENT} */
export function booleanOption(method: string, options: Options, name: string, fallback: boolean) {
  const value = options[name]
  if (value === undefined || value === null) return fallback
  if (value === true || value === 'true' || value === 1) return true
  if (value === false || value === 'false' || value === 0) return false
  throw bad(method, `${name} must be true or false`)
}

/** A number, or undefined where it is missing. @throws {BAD_ARGUMENT} */
export function numberOption(method: string, options: Options, name: string): number | undefined {
  const value = options[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw bad(method, `${name} must be a number`)
  }
  return value
}

/** A string, or undefined where it is missing. @throws {BAD_ARGUMENT} */
export function stringOption(method: string, options: Options, name: string): string | undefined {
  const value = options[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw bad(method, `${name} must be a string`)
  return value
}

/** `limit`, with -1 and nothing meaning no limit. @throws {BAD_ARGUMENT} */
export function limitOption(method: string, options: Options): number {
  const limit = numberOption(method, options, 'limit')
  return limit === undefined || limit < 0 ? Number.POSITIVE_INFINITY : Math.floor(limit)
}

/** The options that all message streams share. @throws {BAD_ARGUMENT} */
export function messageStreamOptions(method: string, options: Options): MessageStreamOptions {
  const keys = booleanOption(method, options, 'keys', true)
  const values = booleanOption(method, options, 'values', true)
  if (!keys && !values) throw bad(method, 'a stream without keys and values makes no sense')
  const live = booleanOption(method, options, 'live', false)
  const bounds: { -readonly [Name in 'gt' | 'gte' | 'lt' | 'lte']?: number } = {}
  for (const name of ['gt', 'gte', 'lt', 'lte'] as const) {
    const bound = numberOption(method, options, name)
    if (bound !== undefined) bounds[name] = bound
  }
  return {
    live,
    old: booleanOption(method, options, 'old', true),
    reverse: booleanOption(method, options, 'reverse', false),
    limit: limitOption(method, options),
    keys,
    values,
    sync: booleanOption(method, options, 'sync', true),
    ...bounds,
  }
}

/** A feed id in sigil or URI form. @throws {BAD_ARGUMENT} */
export function feedArgument(method: string, name: string, value: unknown): FeedId {
  const id = typeof value === 'string' && value.startsWith('ssb:') ? toSigil(value) : value
  if (!isFeedId(id)) throw bad(method, `${name} must be a feed id, such as @….ed25519`)
  return id
}

/** A message key in sigil or URI form. @throws {BAD_ARGUMENT} */
export function keyArgument(method: string, name: string, value: unknown): MessageKey {
  const id = typeof value === 'string' && value.startsWith('ssb:') ? toSigil(value) : value
  if (!isMessageKey(id)) throw bad(method, `${name} must be a message key, such as %….sha256`)
  return id
}
