import { verifySignatureBatch } from '@dunbar/feed'

/** Pool entry: checks a batch of signatures. Holds no state between two tasks. */
export const verify = (batch: ArrayBuffer): Uint8Array => verifySignatureBatch(batch)
