import { BlobFolder } from '@dunbar/blobs'
import { blobIdFromBytes, sha256 } from '@dunbar/core'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { KeptBlobs } from '../src/kept-blobs.js'

function keeper() {
  const fs = new MemoryFileSystem()
  const simulation = createSimulation({ seed: 1 })
  const ports = simulation.ports('node', { fs, logger: { log: () => undefined } })
  const blobs = BlobFolder.open(fs, ports.random, '/blobs')
  const parts = { blobs, files: fs, path: '/blobs', timers: ports.timers, logger: ports.logger }
  return { simulation, blobs, kept: new KeptBlobs(parts) }
}

const blobOf = (sizeBytes: number, fill: number) => {
  const bytes = new Uint8Array(sizeBytes).fill(fill)
  return { bytes, id: blobIdFromBytes(sha256(bytes)) }
}

describe('blobs that are kept for others', () => {
  test('are there at once, and on the disk when no more of them come', async () => {
    const { simulation, blobs, kept } = keeper()
    const [one, two] = [blobOf(900, 1), blobOf(2_000, 2)]
    kept.keep(one.id, one.bytes)
    kept.keep(two.id, two.bytes)
    expect([kept.get(one.id), blobs.has(one.id)]).toEqual([one.bytes, false])
    await simulation.advance(2_000)
    expect([kept.get(one.id), kept.get(two.id)]).toEqual([null, null])
    expect([blobs.get(one.id), blobs.get(two.id)]).toEqual([one.bytes, two.bytes])
    await simulation.run(kept.close())
  })

  test('are dropped where too many wait, and when the node ends', async () => {
    const { simulation, blobs, kept } = keeper()
    const many = Array.from({ length: 17 }, (_, fill) => blobOf(4 * 2 ** 20, fill))
    for (const { id, bytes } of many) kept.keep(id, bytes)
    expect(kept.get(many[15]!.id)).not.toBeNull()
    expect(kept.get(many[16]!.id)).toBeNull()
    await simulation.run(kept.close())
    expect(many.every(({ id }) => !blobs.has(id) && kept.get(id) === null)).toBe(true)
  })
})
