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
