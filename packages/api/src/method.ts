import type { Method } from '@dunbar/wire'

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

/** Gives a stream. */
export const source = (name: string, handler: Method['handler']): Method => ({
  name,
  type: 'source',
  handler,
})
