import { BlobFolder } from '@dunbar/blobs'
import { type BlobId, blobIdFromBytes, sha256 } from '@dunbar/core'
import { MemoryFileSystem, SeededRandom } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import { ArchiveDraft } from '../src/archive-draft.js'

const old = Buffer.from('a blob that was there before')
const made = Buffer.from('a blob of the archive')
const idOf = (bytes: Uint8Array): BlobId => blobIdFromBytes(sha256(bytes))

async function begun() {
  const files = new MemoryFileSystem()
  files.makeFolder('/data')
  const blobs = BlobFolder.open(files, new SeededRandom('draft'), '/data/blobs')
  await blobs.add(old)
  const draft = new ArchiveDraft(files, '/data/archive-draft.json')
  await draft.begin(blobs, idOf(made), [idOf(old), idOf(made)])
  await blobs.add(made)
  return { files, blobs, draft }
}

test('what came to nothing is taken away, what was there before stays', async () => {
  const { files, blobs, draft } = await begun()
  expect(await draft.tidy(blobs, async () => false)).toBe(1)
  expect([blobs.has(idOf(old)), blobs.has(idOf(made))]).toEqual([true, false])
  expect(files.list('/data')).toEqual(['blobs'])
  expect(await draft.tidy(blobs, async () => false)).toBe(0)
})

test('what a message names stays', async () => {
  const { files, blobs, draft } = await begun()
  expect(await draft.tidy(blobs, async (bundle) => bundle === idOf(made))).toBe(0)
  expect([blobs.has(idOf(old)), blobs.has(idOf(made))]).toEqual([true, true])
  expect(files.list('/data')).toEqual(['blobs'])
})

test('a list that can not be read names nothing', async () => {
  for (const text of ['', '{', 'null', '{"bundle":"&x","added":[]}', '{"bundle":1}']) {
    const { files, blobs, draft } = await begun()
    const handle = files.open('/data/archive-draft.json', 'readWrite')
    handle.truncate(0)
    handle.write(Buffer.from(text), 0)
    handle.close()
    expect(await draft.tidy(blobs, async () => false)).toBe(0)
    expect([blobs.has(idOf(old)), blobs.has(idOf(made))]).toEqual([true, true])
    expect(files.list('/data')).toEqual(['blobs'])
  }
})

test('a full disk is said as such', async () => {
  const { files, blobs, draft } = await begun()
  files.failAt(files.callCount + 1, 'ENOSPC')
  await expect(draft.begin(blobs, idOf(made), [])).rejects.toMatchObject({
    code: 'BLOB_STORE_FULL',
  })
})
