import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSource } from '../src/index.js'
import { db2Log, flumeLog, line, readAll, temporaryFolder } from './stores.js'

const folder = temporaryFolder()

function node(name: string, files: Readonly<Record<string, Buffer | string>>): string {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true })
    writeFileSync(join(path, file), content)
  }
  return path
}

it('finds the log, the secret and the blobs in the folder of a node', async () => {
  const path = node('db2', {
    'db2/log.bipf': db2Log([line('alice', 1)]),
    secret: '# a secret',
    'blobs/sha256/00/1': '',
  })
  const source = await openSource(path)
  expect(source.kind).toBe('ssb-db2')
  expect(source.folder).toEqual({
    path,
    secretPath: join(path, 'secret'),
    blobsPath: join(path, 'blobs/sha256'),
  })
  expect(source.notes).toEqual(['its secret is not taken over'])
  expect((await readAll(source)).records).toHaveLength(1)
})

it('reads the log that was written last where there are two, and says so', async () => {
  const path = node('both', {
    'db2/log.bipf': db2Log([line('alice', 1)]),
    'flume/log.offset': flumeLog([line('alice', 1), line('alice', 2)]),
  })
  utimesSync(join(path, 'db2/log.bipf'), 1000, 1000)
  utimesSync(join(path, 'flume/log.offset'), 2000, 2000)
  const older = await openSource(path)
  expect(older.kind).toBe('ssb-db')
  expect(older.notes).toHaveLength(1)
  expect(older.notes[0]).toMatch(/^reading flume\/log\.offset, .*db2\/log\.bipf is there too/)
  utimesSync(join(path, 'db2/log.bipf'), 3000, 3000)
  expect((await openSource(path)).kind).toBe('ssb-db2')
  writeFileSync(join(path, 'db2/log.bipf'), '')
  expect((await openSource(path)).kind).toBe('ssb-db')
})

it('finds the log of very old nodes at the top of their folder', async () => {
  const path = node('old', { 'log.offset': flumeLog([line('alice', 1)]) })
  const source = await openSource(path)
  expect([source.kind, source.path]).toEqual(['ssb-db', join(path, 'log.offset')])
})

it('tells layouts apart by content, whatever the name is', async () => {
  const path = node('names', {
    a: flumeLog([line('alice', 1)]),
    b: db2Log([line('alice', 1)]),
    c: JSON.stringify(line('alice', 1)),
    empty: '',
    'sub/log.bipf': '',
  })
  const kinds = ['a', 'b', 'c', 'empty', 'sub/log.bipf'].map(
    async (name) => (await openSource(join(path, name))).kind,
  )
  expect(await Promise.all(kinds)).toEqual([
    'ssb-db',
    'ssb-db2',
    'json-lines',
    'json-lines',
    'ssb-db2',
  ])
})

it('gives nothing for an empty file', async () => {
  const path = join(folder, 'empty')
  writeFileSync(path, '')
  const all = await readAll(await openSource(path))
  expect([all.records, all.rejected]).toEqual([[], []])
})

it('says what is wrong with a path that is no source', async () => {
  const path = node('wrong', { picture: Buffer.from([0xff, 0xd8, 0, 0, 1, 2, 3]), file: 'x' })
  await expect(openSource(join(path, 'nothing'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  await expect(openSource(join(path, 'file/below'))).rejects.toMatchObject({
    code: 'SOURCE_MISSING',
  })
  await expect(openSource(path)).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
  await expect(openSource(join(path, 'picture'))).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
  await expect(openSource('/dev/null')).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
})
