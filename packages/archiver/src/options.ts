import { CodedError } from '@dunbar/core'

/**
 * The argument of a method as an object of options; none is the empty object. Since an option with a
 * typing mistake would archive other messages than were meant, one that is not known is refused.
 * @throws {BAD_ARGUMENT}
 */
export function knownOptions(
  method: string,
  given: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (given === undefined || given === null) return {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new CodedError('BAD_ARGUMENT', `${method}: expected an object of options`, { method })
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const text = `${method}: unknown option ${JSON.stringify(unknown.slice(0, MAX_NAME_LENGTH))}`
    throw new CodedError('BAD_ARGUMENT', `${text}; there are ${names.join(', ')}`, { method })
  }
  return given as Readonly<Record<string, unknown>>
}

/** Of a name that is told again. */
const MAX_NAME_LENGTH = 64
