/** Reads test vectors: those copied into the project, and third-party ones beside the checkout. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file in `test/conformance/vectors`. */
export function readVectors<Vectors>(name: string): Vectors {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}`, import.meta.url), 'utf8')) as Vectors
}

const thirdParty = new URL('../../../shared/vectors/third-party/', import.meta.url)

/** A file whose licence keeps it outside of the project, or null where it is absent; says so then. */
export function readThirdPartyVectors<Vectors>(path: string): Vectors | null {
  const file = fileURLToPath(new URL(path, thirdParty))
  if (!existsSync(file)) {
    console.warn(`third-party vectors absent: ${file}`)
    return null
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Vectors
}
