import {
  packBundle as bundle,
  type CheckBlockJob,
  checkBlock as check,
  type PackJob,
  type ReadBundleJob,
  readBundle as read,
} from '@dunbar/archiver'
import { errorToPlain, type PlainError } from '@dunbar/core'
import { packFrames, verifySignatureBatch } from '@dunbar/feed'

/** Pool entry: what one task needs comes with it, and nothing is kept between two. */

/** Checks a batch of signatures. */
export const verify = (batch: ArrayBuffer): Uint8Array => verifySignatureBatch(batch)

/** Packs frames of one feed into the bytes of a block file. */
export const pack = ({
  author,
  frames,
}: {
  readonly author: Uint8Array
  readonly frames: ArrayBuffer
}): Uint8Array => packFrames(author, new Uint8Array(frames))

/** Work on archives. */
export const packBundle = (job: PackJob) => outcomeOf(() => bundle(job))
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
