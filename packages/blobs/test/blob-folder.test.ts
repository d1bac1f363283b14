import { type BlobId, blobIdFromBytes, randomBytes, sha256 } from '@dunbar/core'
import { MemoryFileSystem, SeededRandom } from '@dunbar/testkit'
import { describe, expect, test, vi } from 'vitest'
import { BlobFolder, MAX_BLOB_BYTES } from '../src/index.js'

// Much is written and packed, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const bytes = Buffer.from('a blob of some bytes')
const idOf = (content: Uint8Array): BlobId => blobIdFromBytes(sha256(content))
const id = idOf(bytes)

const opened = (files: MemoryFileSystem) =>
  BlobFolder.open(files, new SeededRandom('blobs'), '/data/blobs')

function emptyDisk(): MemoryFileSystem {
  const files = new MemoryFileSystem()
  files.makeFolder('/data')
  return files
}

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}

describe('a folder of blobs', () => {
  test('gives back what was added, under the id of its bytes', async () => {
    const blobs = opened(emptyDisk())
    expect(blobs.get(id)).toBeNull()
    expect(blobs.size(id)).toBeNull()
    expect(await blobs.add(bytes)).toEqual({ id, sizeBytes: bytes.length })
    expect(Buffer.from(blobs.get(id)!)).toEqual(bytes)
    expect([blobs.has(id), blobs.size(id)]).toEqual([true, bytes.length])
    blobs.remove(id)
    blobs.remove(id)
    expect(blobs.has(id)).toBe(false)
  })

  test('lies on the disk as multiblob has it', async () => {
    const files = emptyDisk()
    await opened(files).add(bytes)
    const hex = Buffer.from(sha256(bytes)).toString('hex')
    const path = `/data/blobs/sha256/${hex.slice(0, 2)}/${hex.slice(2)}`
    expect(Buffer.from(files.readFile(path))).toEqual(bytes)
    expect(files.list('/data/blobs/tmp')).toEqual([])
  })

  test('takes a blob in pieces, the empty one too', async () => {
    const blobs = opened(emptyDisk())
    const writer = blobs.write()
    for (const byte of bytes) writer.write(Uint8Array.of(byte))
    expect(await writer.finish(id)).toBe(id)
    const empty = await blobs.write().finish()
    expect(empty).toBe(idOf(new Uint8Array(0)))
    expect(blobs.get(empty)).toHaveLength(0)
  })

  test('keeps nothing of bytes that are not those of the wanted id', async () => {
    const files = emptyDisk()
    const blobs = opened(files)
    await expect(blobs.add(Buffer.from('other bytes'), id)).rejects.toMatchObject({
      code: 'BLOB_MISMATCH',
    })
    expect(blobs.has(id)).toBe(false)
    expect(files.list('/data/blobs/tmp')).toEqual([])
  })

  test('takes the largest blob and refuses one byte more', async () => {
    const files = emptyDisk()
    const blobs = opened(files)
    const largest = new Uint8Array(MAX_BLOB_BYTES)
    expect((await blobs.add(largest)).sizeBytes).toBe(MAX_BLOB_BYTES)
    const writer = blobs.write(10)
    writer.write(new Uint8Array(10))
    expect(codeOf(() => writer.write(new Uint8Array(1)))).toBe('BLOB_TOO_LARGE')
    await expect(writer.finish()).rejects.toMatchObject({ code: 'BLOB_STORE_FAILED' })
    await expect(blobs.add(new Uint8Array(MAX_BLOB_BYTES + 1))).rejects.toMatchObject({
      code: 'BLOB_TOO_LARGE',
    })
    expect(files.list('/data/blobs/tmp')).toEqual([])
  })

  test('makes no path of what is no id', () => {
    const blobs = opened(emptyDisk())
    for (const text of ['', '../../secret', `&${'/'.repeat(44)}.sha256`, id.replace('&', '%')]) {
      expect(codeOf(() => blobs.get(text as BlobId))).toBe('BLOB_ID_INVALID')
      expect(codeOf(() => blobs.remove(text as BlobId))).toBe('BLOB_ID_INVALID')
    }
  })

  test('does not give out a file that holds something else, and heals it when it is added again', async () => {
    const files = emptyDisk()
    const blobs = opened(files)
    await blobs.add(bytes)
    const hex = Buffer.from(sha256(bytes)).toString('hex')
    const handle = files.open(`/data/blobs/sha256/${hex.slice(0, 2)}/${hex.slice(2)}`, 'readWrite')
    handle.write(Uint8Array.of(0), 3)
    handle.close()
    expect(codeOf(() => blobs.get(id))).toBe('BLOB_DAMAGED')
    await blobs.add(bytes)
    expect(Buffer.from(blobs.get(id)!)).toEqual(bytes)
  })

  test('says when the disk is full or fails, and keeps nothing of the blob', async () => {
    for (const [fault, code] of [
      ['ENOSPC', 'BLOB_STORE_FULL'],
      ['EIO', 'BLOB_STORE_FAILED'],
    ] as const) {
      for (let call = 0; ; call++) {
        const files = emptyDisk()
        files.failAt(files.callCount + call, fault)
        const blobs = opened(files)
        const outcome = await blobs.add(bytes).then(
          () => 'added',
          (error: { code: string }) => error.code,
        )
        if (files.faultHitCount === 0) break
        if (outcome !== 'added') expect(outcome).toBe(code)
        files.heal()
        expect(Buffer.from(blobs.get(id) ?? bytes)).toEqual(bytes)
        await blobs.add(bytes)
        expect(Buffer.from(opened(files).get(id)!)).toEqual(bytes)
        expect(files.list('/data/blobs/tmp')).toEqual([])
      }
    }
  })

  test('is whole or not there after a crash at any step, and there once it was told', async () => {
    let images = 0
    for (let call = 0; ; call++) {
      const files = emptyDisk()
      await files.syncFolder('/')
      files.failAt(files.callCount + call, 'torn')
      const isAdded = await opened(files)
        .add(bytes)
        .then(
          () => true,
          () => false,
        )
      for (const image of files.crashImages('blobs')) {
        images += 1
        const blobs = opened(image)
        const held = blobs.get(id)
        if (held !== null) expect(Buffer.from(held), image.origin).toEqual(bytes)
        if (isAdded) expect(held, image.origin).not.toBeNull()
        await blobs.add(bytes)
        expect(image.list('/data/blobs/tmp'), image.origin).toEqual([])
      }
      if (files.faultHitCount === 0) break
    }
    expect(images).toBeGreaterThan(20)
  })

  test('holds many blobs side by side', async () => {
    const blobs = opened(emptyDisk())
    const contents = Array.from({ length: 300 }, () => randomBytes(64))
    const added = await Promise.all(contents.map((content) => blobs.add(content)))
    for (const [at, { id }] of added.entries()) {
      expect(Buffer.from(blobs.get(id)!)).toEqual(Buffer.from(contents[at]!))
    }
  })
})
