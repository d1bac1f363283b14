import { readFileSync } from 'node:fs'

/** A file of the vectors that all rooms share. */
export function readVectors<Vectors>(name: string): Vectors {
  const file = new URL(`../../../test/conformance/vectors/${name}`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Vectors
}

export const hex = (text: string): Buffer => Buffer.from(text, 'hex')
