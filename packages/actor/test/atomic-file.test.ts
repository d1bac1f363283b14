import { MemoryFileSystem } from '@dunbar/testkit'
import { expect, test } from 'vitest'
import { replaceFile } from '../src/index.js'

const OLD = Buffer.from('the old text')
const NEW = Buffer.from('the new text, which is longer')

async function withOld(): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem()
  files.makeFolder('/node')
  await files.syncFolder('/')
  await replaceFile(files, '/node/file', OLD)
  return files
}

const textOf = (files: MemoryFileSystem) => Buffer.from(files.readFile('/node/file')).toString()

test('a replaced file is the old one or the new one after a crash at any point', async () => {
  const { callCount: first } = await withOld()
  for (let call = first; ; call++) {
    const files = await withOld()
    files.failAt(call, 'kill')
    const isDone = await replaceFile(files, '/node/file', NEW).then(
      () => true,
      () => false,
    )
    for (const image of files.crashImages('atomic file')) {
      const text = textOf(image)
      expect(isDone ? [`${NEW}`] : [`${OLD}`, `${NEW}`], image.origin).toContain(text)
    }
    if (isDone) break
  }
})

test('a file that can not be replaced stays, and nothing is left beside it', async () => {
  for (const [fault, code] of [
    ['EIO', 'EIO'],
    ['ENOSPC', 'FS_SHORT_WRITE'],
  ] as const) {
    const files = await withOld()
    files.failAt(files.callCount + 1, fault)
    await expect(replaceFile(files, '/node/file', NEW)).rejects.toMatchObject({ code })
    expect(textOf(files)).toBe(`${OLD}`)
    expect(files.list('/node')).toEqual(['file'])
    files.heal()
    await replaceFile(files, '/node/file', NEW)
    expect(textOf(files)).toBe(`${NEW}`)
  }
})
