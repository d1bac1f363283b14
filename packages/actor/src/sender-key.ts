import type { From } from './behaviour.js'

/** One call, reader or watcher among those of all kernels. */
export const senderKey = (from: From): string => `${from.caller}/${from.callId}`
