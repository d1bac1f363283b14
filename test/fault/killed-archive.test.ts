import { mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeBundle } from '@dunbar/archive'
import { connect } from '@dunbar/client'
import {
  type BlobId,
  blobIdFromBytes,
  blobIdToBytes,
  createSecret,
  type MessageKey,
  sha256,
} from '@dunbar/core'
import { createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { dunbarPrints, startNodeProgram } from '../fixtures/program.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** What an archive leaves behind when its node is killed: nothing that is named and not there. */

const keys = generatedKeys('a killed archive', 0)

/** A node's folder whose own feed has some messages. */
async function ownFeed(count: number): Promise<string> {
  const path = join(temporaryFolder(), 'node')
  mkdirSync(path)
  createSecret(join(path, 'secret'), keys)
  let head: { sequence: number; key: MessageKey } | null = null
  let lines = ''
  for (let at = 0; at < count; at++) {
    const content = { type: 'post', text: `message ${at}, which is going to be archived`, at }
    const { key, value, sequence } = createClassic({
      keys,
      head,
      timestamp: 1_700_000_000_000 + at,
      content,
    })
    head = { sequence, key }
    lines += `${JSON.stringify({ key, value, timestamp: value.timestamp })}\n`
  }
  const file = join(temporaryFolder(), 'messages.jsonl')
  writeFileSync(file, lines)
  await dunbarPrints(['import', file, '--path', path, '--json'])
  await dunbarPrints(['unlock', '--path', path])
  return path
}

const ALL = { keepMessages: 0, partial: true }

/** Resolves when the list of blobs that no message names lies in the folder. */
function draftOf(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(path, (_event, name) => {
      if (name !== 'archive-draft.json') return
      watcher.close()
      resolve()
    })
  })
}

/** The blobs in a node's folder, each checked. */
function blobsIn(path: string): Map<BlobId, Uint8Array> {
  const root = join(path, 'blobs', 'sha256')
  const blobs = new Map<BlobId, Uint8Array>()
  for (const folder of readdirSync(root)) {
    for (const name of readdirSync(join(root, folder))) {
      const bytes = readFileSync(join(root, folder, name))
      const id = blobIdFromBytes(sha256(bytes))
      expect(Buffer.from(blobIdToBytes(id)).toString('hex')).toBe(folder + name)
      blobs.set(id, bytes)
    }
  }
  return blobs
}

/** Ids of all that a bundle is made of. */
function namedBy(blobs: ReadonlyMap<BlobId, Uint8Array>, bundle: BlobId): BlobId[] {
  const { blocks, dictionaries } = decodeBundle(blobs.get(bundle)!)
  return [bundle, ...[...blocks, ...dictionaries].map(({ blobId }) => blobIdFromBytes(blobId))]
}

describe('a node that is killed while it archives', () => {
  test('names no blob that it lacks, and archives the rest after its next start', async () => {
    const path = await ownFeed(3_000)
    const node = await startNodeProgram(path)
    const client = await connect({ path })
    // From the list of its blobs on to the message that names them.
    const isUnderWay = draftOf(path)
    const lost = client.archive.now(ALL).catch(() => null)
    await isUnderWay
    await node.kill('SIGKILL')
    await lost
    await client.close()

    await startNodeProgram(path)
    const again = await connect({ path })
    // Other messages make other blobs: what was left is of no use.
    await again.publish({ type: 'post', text: 'I am back' })
    await again.archive.now(ALL)
    const blobs = blobsIn(path)
    const named = new Set<BlobId>()
    let next = 1
    for await (const { value } of again.messagesByType('archive')) {
      const said = value.content as { bundle: BlobId; first: number; last: number }
      expect(said.first).toBe(next)
      next = said.last + 1
      for (const id of namedBy(blobs, said.bundle)) named.add(id)
    }
    expect(next).toBeGreaterThan(3_001)
    expect(new Set(blobs.keys())).toEqual(named)
    await again.close()
  })
})
