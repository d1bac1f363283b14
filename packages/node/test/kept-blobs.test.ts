import { BlobFolder } from '@dunbar/blobs'
import { blobIdFromBytes, sha256 } from '@dunbar/core'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import { KeptBlobs } from '../src/kept-blobs.js'

const PATH = '/data/blobs'

function opened(maxFolderBytes: number, files = new MemoryFileSystem()) {
  const simulation = createSimulation({ seed: 1 })
  const logger = { log: () => undefined }
  const { timers, random } = simulation.ports('main', { fs: files, logger })
  const blobs = BlobFolder.open(files, random, PATH)
  const kept = new KeptBlobs({ blobs, files, path: PATH, maxFolderBytes, timers, logger })
  const keep = (sizeBytes: number, fill: number) => {
    const bytes = new Uint8Array(sizeBytes).fill(fill)
    const id = blobIdFromBytes(sha256(bytes))
    kept.keep(id, bytes)
    return id
  }
  return { simulation, files, blobs, kept, keep }
}

test('blobs of others are kept while the folder has room, also after a restart', async () => {
  const first = opened(10_000)
  const ids = [first.keep(4_000, 1), first.keep(4_000, 2), first.keep(4_000, 3)]
  expect(ids.every((id) => first.kept.get(id) !== null)).toBe(true)
  await first.simulation.advance(5_000)
  expect(ids.map((id) => first.blobs.has(id))).toEqual([true, true, false])
  expect(ids.map((id) => first.kept.get(id))).toEqual([null, null, null])
  await first.kept.close()

  const again = opened(10_000, first.files)
  const [large, small] = [again.keep(4_000, 4), again.keep(2_000, 5)]
  await again.simulation.advance(5_000)
  expect([large, small].map((id) => again.blobs.has(id))).toEqual([false, true])
  expect(again.files.list(`${PATH}/tmp`)).toEqual([])
  await again.kept.close()
})

test('what waits for the disk is bounded, and what comes on a full disk is dropped', async () => {
  const { simulation, files, blobs, kept, keep } = opened(2 ** 30)
  const size = 5 * 2 ** 20
  const ids = Array.from({ length: 13 }, (_, at) => keep(size, at))
  expect(ids.map((id) => kept.get(id) !== null)).toEqual([...Array(12).fill(true), false])
  files.setCapacity(1_000)
  await simulation.advance(5_000)
  expect(ids.some((id) => kept.get(id) !== null || blobs.has(id))).toBe(false)
  files.setCapacity(2 ** 30)
  const later = keep(1_000, 9)
  await simulation.advance(5_000)
  expect(blobs.has(later)).toBe(true)
  await kept.close()
})
