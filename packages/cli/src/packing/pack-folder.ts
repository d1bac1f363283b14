import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemPorts } from '@dunbar/actor'
import { BlobFolder } from '@dunbar/blobs'
import { type BlobId, isBlobId } from '@dunbar/core'
import { Mistake } from '../mistake.js'

/**
 * A folder of packed messages:
 *
 *   sha256/<2 hex>/<62 hex>   dictionaries, blocks and bundles, as a node's folder of blobs has them
 *   bundle.json               names the newest bundle; written last
 */
const BUNDLE_FILE = 'bundle.json'
const VERSION = 1

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

function openBlobs(path: string): BlobFolder {
  const { fs, random } = systemPorts({ log() {} })
  return BlobFolder.open(fs, random, path)
}

/** A folder to pack into. @throws {Mistake} where there is something in it already */
export async function createPackFolder(path: string): Promise<BlobFolder> {
  const names = await readdir(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    if (codeOf(error) === 'ENOTDIR') throw new Mistake(`${path} is a file, not a folder`)
    throw new Mistake(`${path} can't be read (${String(codeOf(error))})`)
  })
  if (names.length > 0) throw new Mistake(`${path} is not empty: pack into a new folder`)
  return openBlobs(path)
}

/** Says that the folder is complete. */
export async function finishPackFolder(path: string, bundle: BlobId): Promise<void> {
  const file = join(path, BUNDLE_FILE)
  await writeFile(`${file}.new`, `${JSON.stringify({ version: VERSION, bundle })}\n`, {
    flush: true,
  })
  await rename(`${file}.new`, file)
}

/** The blobs of a packed folder and its newest bundle. @throws {Mistake} where it is none */
export async function openPackFolder(
  path: string,
): Promise<{ readonly blobs: BlobFolder; readonly bundle: BlobId }> {
  const text = await readFile(join(path, BUNDLE_FILE), 'utf8').catch((error: unknown) => {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Mistake(
        `${path} holds no ${BUNDLE_FILE}: "dunbar pack" did not make it, or not to the end`,
      )
    }
    throw new Mistake(`${path} can't be read (${String(code)})`)
  })
  const bundle = bundleIn(text)
  if (bundle === null) throw new Mistake(`${BUNDLE_FILE} in ${path} names no bundle`)
  return { blobs: openBlobs(path), bundle }
}

function bundleIn(text: string): BlobId | null {
  try {
    const { version, bundle } = JSON.parse(text) as { version?: unknown; bundle?: unknown }
    return version === VERSION && typeof bundle === 'string' && isBlobId(bundle) ? bundle : null
  } catch {
    return null
  }
}
