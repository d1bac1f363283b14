import {
  type CheckBlockJob,
  checkBlock as check,
  type PackJob,
  packBundle as pack,
  type ReadBundleJob,
  readBundle as read,
} from '@dunbar/archiver'
import { errorToPlain, type PlainError } from '@dunbar/core'
import { verifySignatureBatch } from '@dunbar/feed'

/** Pool entry: what is done for the node on any core. Holds no state between two tasks. */

/** Checks a batch of signatures. */
export const verify = (batch: ArrayBuffer): Uint8Array => verifySignatureBatch(batch)

/** Work on archives. */
export const packBundle = (job: PackJob) => outcomeOf(() => pack(job))
export const readBundle = (job: ReadBundleJob) => outcomeOf(() => read(job))
export const checkBlock = (job: CheckBlockJob) => outcomeOf(() => check(job))

/** An error that is thrown loses its code on the way to the main thread. */
function outcomeOf<Value>(run: () => Value): { value: Value } | { error: PlainError } {
  try {
    return { value: run() }
  } catch (error) {
    return { error: errorToPlain(error) }
  }
}
