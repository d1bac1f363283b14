import type { CallOptions, Router } from './behaviour.js'

/**
 * Sends one call to many actors and gathers every answer: results in the order of `names`, each
 * fulfilled or rejected for itself, all within one deadline. The call is cloned for each thread;
 * nothing can be transferred, since memory moves only once.
 */
export function scatter<Value = unknown>(
  router: Router,
  names: readonly string[],
  call: unknown,
  options: Omit<CallOptions, 'transfer'> = {},
): Promise<PromiseSettledResult<Value>[]> {
  return Promise.allSettled(names.map((name) => router.call<Value>(name, call, options)))
}

/**
 * As `scatter`, for where an answer without all of them is worth nothing: values in the order of
 * `names`. The first refusal rejects at once and calls the other calls off.
 */
export async function scatterAll<Value = unknown>(
  router: Router,
  names: readonly string[],
  call: unknown,
  options: Omit<CallOptions, 'transfer'> = {},
): Promise<Value[]> {
  const others = new AbortController()
  const signal =
    options.signal === undefined ? others.signal : AbortSignal.any([options.signal, others.signal])
  try {
    return await Promise.all(
      names.map((name) => router.call<Value>(name, call, { ...options, signal })),
    )
  } catch (error) {
    others.abort(error)
    throw error
  }
}
