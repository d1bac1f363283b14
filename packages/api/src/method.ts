import type { Method, MethodCall } from '@dunbar/wire'
import { handled } from './merge.js'

/** Answers once. */
export const asynchronous = (name: string, handler: Method['handler']): Method => ({
  name,
  type: 'async',
  handler,
})

/** Answers once; listed as `sync` in the manifest, where existing clients expect that. */
export const synchronous = (name: string, handler: Method['handler']): Method => ({
  name,
  type: 'sync',
  handler,
})

/**
 * Gives a stream. It begins at the call, not when its first item is asked for: a message that the
 * same client publishes right after opening a live stream is in it.
 */
export const source = (
  name: string,
  handler: (args: readonly unknown[], call: MethodCall) => AsyncIterable<unknown>,
): Method => ({
  name,
  type: 'source',
  handler: (args, call) => begun(handler(args, call)),
})

function begun(stream: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
  const iterator = stream[Symbol.asyncIterator]()
  let first: Promise<IteratorResult<unknown>> | null = handled(iterator.next())
  return {
    next() {
      const result = first ?? iterator.next()
      first = null
      return result
    },
    async return(value) {
      return (await iterator.return?.(value)) ?? { done: true, value }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
