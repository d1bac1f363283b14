import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { copyDataset, makeDataset } from '../../bench/dist/dataset.js'

const SIZE = { feeds: 6, messages: 200, seed: 1, population: 'natural' } as const

let folder: string
let copies: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dunbar-dataset-test-'))
  copies = join(folder, 'copies')
  mkdirSync(copies)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('generated messages are copied byte for byte', async () => {
  const made = await makeDataset(folder, SIZE)
  const copy = await copyDataset(copies, made.file, () => expect.unreachable())
  expect(copy).toMatchObject({ digest: made.digest, feeds: 6, messages: 200, population: 'file' })
  expect(copy.heads).toEqual(made.heads)
  expect(copy.sampleKeys).toEqual(made.sampleKeys)
})

test('bare values in a gzip file get their keys', async () => {
  const made = await makeDataset(folder, SIZE)
  const values = readFileSync(made.file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.stringify(JSON.parse(line).value))
  const file = join(folder, 'values.jsonl.gz')
  writeFileSync(file, gzipSync(`${values.join('\n')}\n`))
  const copy = await copyDataset(copies, file, () => expect.unreachable())
  expect(copy.sampleKeys).toEqual(made.sampleKeys)
})

test('what does not follow in its feed, is not signed or is no message is left out and counted', async () => {
  const { file } = await makeDataset(folder, { ...SIZE, feeds: 1 })
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const forged = JSON.parse(lines[3]!)
  forged.value.signature = JSON.parse(lines[2]!).value.signature
  const source = join(folder, 'source.jsonl')
  // A message twice, no message, and a forged one behind which none follows.
  const given = [lines[0], lines[0], '"nonsense"', lines[1], lines[2], JSON.stringify(forged)]
  writeFileSync(source, `${[...given, lines[4], lines[5]].join('\n')}\n`)
  let leftOut = 0
  const copy = await copyDataset(copies, source, (messages) => {
    leftOut += messages
  })
  expect(readFileSync(copy.file, 'utf8').trim().split('\n')).toEqual(lines.slice(0, 3))
  expect(leftOut).toBe(5)
})

test('a file without a message is refused', async () => {
  const source = join(folder, 'source.jsonl')
  writeFileSync(source, '{"key":"nothing"}\n')
  await expect(copyDataset(copies, source, () => undefined)).rejects.toThrow(/can be measured/)
})
