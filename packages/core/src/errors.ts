/** An error as it crosses threads and sockets: structured clone and JSON keep all of it. */
export interface PlainError {
  readonly code: string
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * An error that callers tell apart by `code`. `data` is plain (numbers, strings, ids, arrays and
 * records of these). Neither the text nor `data` holds secrets, key bytes or message contents.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: Code,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.data = data
  }
}

/**
 * True for every error with a `code` and `data`, also where structured clone dropped its class.
 * Node's own errors have a `code` and no `data`, so they are not coded errors.
 */
export function isCodedError(error: unknown): error is CodedError {
  if (typeof error !== 'object' || error === null) return false
  const { code, message, data } = error as Partial<PlainError>
  return (
    typeof code === 'string' &&
    typeof message === 'string' &&
    typeof data === 'object' &&
    data !== null &&
    !Array.isArray(data)
  )
}

/**
 * What may leave the thread or the process of an error. A coded error keeps code, text and data.
 * Everything else becomes `INTERNAL`: its text could hold paths or message contents and stays
 * behind; `data` names its class and, for errors of the operating system, their code (`ENOSPC`).
 */
export function errorToPlain(error: unknown): PlainError {
  if (isCodedError(error)) {
    return { code: error.code, message: error.message, data: { ...error.data } }
  }
  const data: Record<string, unknown> = {}
  if (error instanceof Error) {
    data.name = error.name
    const systemCode: unknown = 'code' in error ? error.code : undefined
    if (typeof systemCode === 'string') data.systemCode = systemCode
  }
  return { code: 'INTERNAL', message: 'an internal error; the log of the node has it', data }
}

/** The coded error that a plain one stands for. What is no plain error becomes `INTERNAL`. */
export function errorFromPlain(plain: unknown): CodedError {
  const { code, message, data } = isCodedError(plain) ? plain : errorToPlain(plain)
  return new CodedError(code, message, data)
}
